#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Tests of report --html: the page as text, and in a headless Chromium.

TLSWARD and MAKE_JOURNAL name the programs. Without a chromium its part is skipped.
"""

import base64
import datetime
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import chromium
import sample_journal
from tool import HERE, TIMEOUT, TLSWARD, main

os.environ.setdefault("TLSWARD_DATADIR", os.path.join(HERE, "..", "..", "conf"))
NOW = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
CONTRAST = """(function () {
  function numbers(colour) { return colour.match(/[\\d.]+/g).map(Number); }
  function light(colour) {
    var c = numbers(colour).slice(0, 3).map(function (v) {
      v /= 255;
      return v <= 0.03928 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4);
    });
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
  }
  function ground(element) {
    for (; element; element = element.parentElement) {
      var colour = getComputedStyle(element).backgroundColor;
      var parts = numbers(colour);
      if (parts.length === 3 || parts[3] === 1) { return colour; }
    }
    return "rgb(255, 255, 255)";
  }
  var walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  var low = [], seen = 0, node;
  while ((node = walker.nextNode())) {
    var element = node.parentElement, style = getComputedStyle(element);
    if (!node.data.trim() || element.closest("script, title, desc")) { continue; }
    var colour = element.closest("svg") ? style.fill : style.color;
    var a = light(colour), b = light(ground(element));
    var ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    var size = parseFloat(style.fontSize);
    var large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    seen++;
    if (ratio < (large ? 3 : 4.5)) { low.push(ratio + " " + node.data.trim()); }
  }
  return seen < 100 ? ["only " + seen + " texts"] : low;
}())"""


# Parts of the page that a reader has before them, by where they are: what "parts" of the
# selector is not within the first screen, or cannot be seen.
OUTSIDE = """(function (selector) {
  return Array.from(document.querySelectorAll(selector)).filter(function (one) {
    var box = one.getBoundingClientRect();
    return box.width < 1 || box.height < 1 || box.left < 0 || box.top < 0 ||
        box.right > innerWidth || box.bottom > innerHeight;
  }).map(function (one) { return one.textContent; });
}(%r))"""
# Cells that are beside the page or that nobody sees.
HIDDEN = """(function () {
  return Array.from(document.querySelectorAll("tbody th, tbody td")).filter(
      function (one) {
    var box = one.getBoundingClientRect();
    return box.right > document.documentElement.clientWidth + 0.5 || box.left < 0 ||
        (one.textContent.trim() !== "" ? box.width < 8 || box.height < 8 : false) ||
        one.scrollWidth > one.clientWidth + 1;
  }).map(function (one) { return one.textContent; });
}())"""
UNFOLD = "document.querySelectorAll('details').forEach(function (d) { d.open = true; })"


def report(folder, path, *arguments, **environment):
    return subprocess.run(
        [TLSWARD, "report", "--policy", os.path.join(folder, "policy.conf"), "--journal",
         os.path.join(folder, "journal.db"), "--html", path, *arguments],
        capture_output=True, check=False, timeout=TIMEOUT,
        env={**os.environ, **environment})


def make(folder, count, days=30):
    """A page of so many agreements in a folder of its own: its path, and the command."""
    folder = os.path.join(folder, f"{count}-{days}")
    os.mkdir(folder)
    with open(os.path.join(folder, "policy.conf"), "w", encoding="utf-8") as file:
        file.write(sample_journal.policy(count))
    sample_journal.fill(os.path.join(folder, "journal.db"), NOW, days, count)
    path = os.path.join(folder, "report.html")
    return path, report(folder, path)


def make_site(folder):
    """The same of the site with twenty partners, both directions."""
    folder = os.path.join(folder, "site")
    os.mkdir(folder)
    sample_journal.site(folder, NOW)
    path = os.path.join(folder, "report.html")
    return path, report(folder, path)


def read(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return text, ElementTree.fromstring(text.split("\n", 1)[1])


def words(element):
    return " ".join("".join(element.itertext()).split())


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.held = tempfile.TemporaryDirectory()
        cls.path, cls.done = make(cls.held.name, 20)
        cls.folder = os.path.dirname(cls.path)
        cls.text, cls.tree = read(cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.held.cleanup()


class Page(Made):
    def rows(self, section):
        return [[words(cell) for cell in row] for row in self.tree.iterfind(
            f".//section[@aria-labelledby='{section}']//tbody/tr")]

    def test_nothing_is_said(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, b""))

    def test_names_reasons_dates_and_contacts(self):
        rows = self.rows("refused")
        why = {"certificate-fingerprint": "key is not the registered one",
               "certificate": "no verified certificate",
               "tls-version": "TLS older than agreed", "tls": "clear text"}
        for row, (name, rule, many, reason, since) in zip(rows, sample_journal.REFUSED):
            self.assertEqual((row[0], row[2]), (name, why[reason]))
            self.assertRegex(row[1], f"^{many} of [0-9,]+ attempts$")
            day = NOW - datetime.timedelta(since)
            self.assertRegex(row[3], f"^since {day:%Y-%m-%d} [0-9:]{{5}} UTC$")
            self.assertIn(row[4], rule)
        self.assertEqual({row[0]: row[1].split()[0] for row in self.rows("would")},
                         {row[0]: str(row[2]) for row in sample_journal.WOULD})
        boxes = [words(box) for box in self.tree.iterfind(".//ul[@class='boxes']/li")]
        self.assertEqual(len(boxes), 4)
        self.assertIn("5 of 21 had mail refused: acme.example, nordbank.example, ",
                      boxes[0])
        self.assertRegex(boxes[1],
                         "^2 would lose mail if monitor ended today: .*clinic-west")

    def test_contacts_are_links(self):
        found = {words(link): link.get("href") for link in self.tree.iter("a")
                 if not link.get("href").startswith("#")}
        self.assertEqual(found["maildesk@acme.example"], "mailto:maildesk@acme.example")
        self.assertEqual(found["+49 30 1234-567"], "tel:+49301234-567")
        self.assertEqual(found["https://status.example/contact?a=b&c"],
                         "https://status.example/contact?a=b&c")

    def test_links_of_hostile_contacts(self):
        """A link has nothing in it but an address; all else stays text."""
        folder = os.path.join(self.held.name, "contacts")
        shutil.copytree(self.folder, folder)
        for contact, links in (
                ("javascript:alert(1)", []), ("data:text/html,x", []), ("a@b@c", []),
                ("x@y'onclick='1", ["mailto:x@y%27onclick%3D%271"]),
                ("x@y.example?bcc=z@w.example", []),
                ("x@y.example?cc=z", ["mailto:x@y.example%3Fcc%3Dz"]),
                ("(help@y.example).", ["mailto:help@y.example"]),
                ("mailto:a@y.example, TEL:+1-2", ["mailto:a@y.example", "tel:+1-2"]),
                ("tel:+1 (2) 3. Let us", ["tel:+1(2)3"]),
                ("HTTPS://y.example/\u202e<b>", ["https://y.example/%E2%80%AE"]),
                ("b\u00fccher@y.example", ["mailto:b%C3%BCcher@y.example"]),
                ("http:// + @ tel: x@" + "y" * 400, [])):
            with open(os.path.join(folder, "policy.conf"), "w", encoding="utf-8") as file:
                file.write('from acme.example { require tls; contact "%s" }\n' % contact)
            done = report(folder, folder + "/contacts.html")
            self.assertEqual((done.returncode, done.stderr), (0, b""), contact)
            tree = read(folder + "/contacts.html")[1]
            row = tree.find(".//section[@aria-labelledby='refused']//tbody/tr/td[4]")
            self.assertEqual([a.get("href") for a in row.iter("a")], links, contact)
            self.assertEqual(len(list(tree.iter("script"))), 1)

    def test_green_is_only_what_met(self):
        met = 0
        for row in self.tree.iterfind(".//table[@class='all']/tbody/tr"):
            cells = [words(cell) for cell in row]
            pill = row.find(".//span[@class='pill good']")
            if pill is not None:
                met += 1
                self.assertEqual(cells[1], "met")
                self.assertEqual(cells[2], cells[4], cells)
                self.assertEqual([cells[i] for i in (5, 6, 10, 11)], ["0"] * 4, cells)
        self.assertGreater(met, 5)
        self.assertLess(met, 15)
        good = self.tree.findall(".//li[@class='good']")
        self.assertEqual(len(good), 1)
        self.assertEqual(words(good[0]).split()[0], str(met))

    def test_dates_to_come(self):
        dates = {row[0]: row[1:3] for row in self.rows("dates")}
        self.assertEqual(dates["stadtwerke.example"], [
            "2099-12-24", "monitor ends: what is not met is refused from then on"])
        self.assertEqual(dates["scanner.example"], ["2099-01-31", "the exemption ends"])
        self.assertEqual(dates["acme.example"][1],
                         "certificate mail.acme.example has ended")
        self.assertIn(" in 1", dates["steuerberater.example"][0])

    def test_what_changes_in_the_policy_and_what_is_registered(self):
        """A partner's certificate by file, one of the folder, and one of nobody."""
        folder = os.path.join(self.held.name, "dates")
        os.mkdir(folder)
        os.mkdir(os.path.join(folder, "partners"))
        for name, days in (("acme", 40), ("partners/stadtwerke", 20),
                           ("partners/nobody", 60), ("partners/later", 200)):
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", str(days), "-subj",
                 f"/CN=mx.{os.path.basename(name)}.example", "-keyout", os.devnull,
                 "-out", os.path.join(folder, name + ".pem")], check=True,
                capture_output=True)
        digest = subprocess.run(
            ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
             os.path.join(folder, "partners/stadtwerke.pem")], check=True,
            capture_output=True, text=True).stdout.split("=")[1].strip()
        with open(os.path.join(folder, "tlsward.conf"), "w", encoding="utf-8") as file:
            file.write(f"policy {folder}/policy.conf\njournal sqlite:{folder}/journal.db\n"
                       f"partner-certificates {folder}/partners\n")
        with open(os.path.join(folder, "policy.conf"), "w", encoding="utf-8") as file:
            file.write(
                'partner Acme { domain acme.example\n incoming {\n'
                '  monitor until 2098-01-01\n  require certificate file "acme.pem"\n'
                '  require tls >= 1.2 until 2099-01-01\n'
                '  require tls >= 1.3 from 2099-01-01\n } }\n'
                'from stadtwerke.example { require certificate fingerprint '
                f'"sha256:{digest}" until 2099-06-01 }}\ndefault {{ }}\n')
        shutil.copy(os.path.join(self.folder, "journal.db"), folder)
        path = os.path.join(folder, "report.html")
        done = report(folder, path, "-c", os.path.join(folder, "tlsward.conf"))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        rows = [[words(cell) for cell in row] for row in read(path)[1].iterfind(
            ".//section[@aria-labelledby='dates']//tbody/tr")]
        told = [(row[0], row[2].replace(folder + "/", "")) for row in rows
                if not row[2].startswith("certificate ")]
        self.assertEqual(told, [
            ("stadtwerke.example", "registered certificate mx.stadtwerke.example "
             "(partners/stadtwerke.pem) ends"),
            ("Acme", "registered certificate mx.acme.example (acme.pem) ends"),
            ("nobody.pem", "registered certificate mx.nobody.example "
             "(partners/nobody.pem) ends"),
            ("Acme", "monitor ends: what is not met is refused from then on"),
            ("Acme", "TLS 1.3 or newer is required, no longer TLS 1.2 or newer"),
            ("stadtwerke.example", "the client certificate or key that is registered with "
             "us is no longer required")])

    def test_all_agreements_have_their_row_and_details(self):
        names = [name for name, _ in sample_journal.partners(20)]
        rows = [row.find("th/a") for row in self.tree.iterfind(
            ".//section[@aria-labelledby='agreements']//tbody/tr")]
        self.assertEqual(sorted(set(names) - {words(row) for row in rows}), [])
        articles = {article.get("id"): words(article.find("h3/bdi"))
                    for article in self.tree.iter("article")}
        for row in rows:
            self.assertEqual(articles[row.get("href")[1:]], words(row))

    def test_nothing_of_a_period(self):
        path, done = make(self.held.name, 2, 1)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIn("Nothing was recorded", words(read(path)[1].find(".//h2")))
        self.assertIn("systemctl status tlsward", words(read(path)[1]))
        self.assertIsNone(read(path)[1].find(".//ul[@class='boxes']"))

    def test_both_directions(self):
        """What waited, what failed before it could arrive, by partner; who is ready."""
        path, done = make_site(self.held.name)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        tree = read(path)[1]
        text = words(tree.find(".//main")).replace(" ", "")
        for part in ("5 of 24 had mail refused: Sparbank, to payroll@ours.example, Acme",
                     "1 can be enforced now: Lawyers (but for 192.0.2.9)",
                     "Museum since ", "47 handshakes failed : mx3.acme.example (Acme)",
                     "mx3.acme.example 203.0.113.23 Acme by its verified name 14 from them: ",
                     "to payroll@ours.example mail of stranger-0.example, stranger-1",
                     "3 of 803 deliveries its certificate could not be verified"):
            self.assertTrue(part.replace(" ", "") in text, part)
        rows = {words(row.find("th/a")): [words(cell) for cell in row[1:]]
                for row in tree.iterfind(
                    ".//section[@aria-labelledby='agreements']//tbody/tr")}
        self.assertEqual(rows["Acme"], ["refused", "1,164", "1,164", "1,160", "4", "0",
                                        "803", "803", "800", "3", "14"])
        self.assertEqual(rows["Library"][0], "met")
        self.assertEqual(rows["Hotel"][0], "handshakes failed")

    def test_few_and_many(self):
        for count in (0, 1, 500):
            path, done = make(self.held.name, count)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            text, tree = read(path)
            self.assertLess(len(text), 4 << 20)
            self.assertGreaterEqual(len(tree.findall(".//table[@class='all']/tbody/tr")),
                                    count)

    def test_hostile_text_stays_text(self):
        self.assertEqual(len(list(self.tree.iter("script"))), 1)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;"
                      "\\u202Emoc.live\\u200B\\uFFFE\\u0001", self.text)
        self.assertIn("pc&lt;b&gt;17", self.text)
        self.assertIsNone(re.search("[\u202a-\u202e\u200b\ufffe\x01]", self.text))

    def test_nothing_is_loaded_and_nothing_handled_inline(self):
        for element in self.tree.iter():
            for name, value in element.attrib.items():
                self.assertFalse(name.startswith("on") or name == "style", name)
                self.assertNotIn(name, ("src", "data", "action"))
                if name == "href":
                    self.assertEqual(element.tag, "a")
                    self.assertRegex(value, "^(#|mailto:|tel:|https?://)")

    def test_tables_and_charts_can_be_read_aloud(self):
        for table in self.tree.iter("table"):
            self.assertTrue(table.find("caption").text)
            for head in table.iter("th"):
                self.assertIn(head.get("scope"), ("row", "col", "colgroup"))
        ids = {element.get("id") for element in self.tree.iter()}
        for section in self.tree.iter("section"):
            self.assertIn(section.get("aria-labelledby"), ids)
        for svg in self.tree.iter("svg"):
            if svg.get("role") == "img":
                self.assertTrue(svg.get("aria-label"))

    def test_ids_are_unique_and_links_lead_somewhere(self):
        ids = [element.get("id") for element in self.tree.iter() if element.get("id")]
        self.assertEqual(len(ids), len(set(ids)))
        for link in self.tree.iter("a"):
            if link.get("href").startswith("#"):
                self.assertIn(link.get("href")[1:], ids)

    def test_headings_are_in_order(self):
        last = 0
        for element in self.tree.iter():
            if element.tag in ("h1", "h2", "h3"):
                self.assertLessEqual(int(element.tag[1]), last + 1)
                last = int(element.tag[1])

    def test_palette(self):
        """WCAG AA: 4.5 to 1 for text on all grounds, 3 to 1 for what is drawn."""
        def light(colour):
            parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
            return sum(weight * (part / 12.92 if part <= 0.03928 else
                                 ((part + 0.055) / 1.055) ** 2.4)
                       for weight, part in zip((0.2126, 0.7152, 0.0722), parts))

        themes = re.findall(r":root\{([^}]*)\}", self.text)
        self.assertEqual(len(themes), 2)
        for theme in themes:
            colours = dict(re.findall(r"--(\w+):(#\w{6});", theme))
            self.assertGreater(len(colours), 15)
            for name, colour in colours.items():
                if name in ("page", "raised", "line"):
                    continue
                text = name in ("text", "muted", "link", "good", "warn", "bad")
                for ground in ("page", "raised") if text else ("page",):
                    low, high = sorted((light(colour), light(colours[ground])))
                    self.assertGreaterEqual((high + 0.05) / (low + 0.05),
                                            4.5 if text else 3, (name, ground))

    def test_the_file(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)
        self.assertEqual([name for name in os.listdir(self.folder)
                          if name.startswith("report.html")], ["report.html"])
        done = report(self.folder, self.folder + "/none/report.html")
        self.assertEqual(done.returncode, 2)
        self.assertIn(self.folder.encode() + b"/none/report.html: No such file",
                      done.stderr)
        done = report(self.folder, "-")
        self.assertTrue(done.stdout.endswith(b"</html>\n"))

    def test_what_the_page_is_made_of(self):
        """A file that is missing or broken is named, and no page is written."""
        data = os.path.join(self.folder, "data")
        shipped = os.path.join(os.environ["TLSWARD_DATADIR"], "page")
        os.makedirs(os.path.join(data, "page"))
        for name in os.listdir(shipped):
            shutil.copyfile(os.path.join(shipped, name), os.path.join(data, "page", name))
        shutil.copy(os.path.join(os.environ["TLSWARD_DATADIR"], "diagnoses"), data)
        page = os.path.join(self.folder, "other.html")
        self.assertEqual(report(self.folder, page, TLSWARD_DATADIR=data).returncode, 0)
        os.unlink(page)
        template = os.path.join(data, "page", "report.html")
        for text, error in (("a\n{{#b}}\n", template + ":2: a section has no end"),
                            ("", template + " is empty or no text: install tlsward again"),
                            ("a\0b", template +
                             " is empty or no text: install tlsward again"),
                            ("x" * (2 << 20), template +
                             " is too large: install tlsward again")):
            with open(template, "w", encoding="utf-8") as file:
                file.write(text)
            done = report(self.folder, page, TLSWARD_DATADIR=data)
            self.assertEqual((done.returncode, done.stderr.decode()),
                             (2, "tlsward: " + error + "\n"))
        for name in ("report.css", "report.html"):
            os.unlink(os.path.join(data, "page", name))
            done = report(self.folder, page, TLSWARD_DATADIR=data)
            self.assertEqual(done.returncode, 2)
        self.assertIn(b"report.html: No such file", done.stderr)
        os.mkfifo(template)
        done = report(self.folder, page, TLSWARD_DATADIR=data)
        self.assertEqual((done.returncode, done.stderr.decode()), (
            2, f"tlsward: {template} is not a file: install tlsward again\n"))
        self.assertFalse(os.path.exists(page))


@unittest.skipUnless(chromium.PROGRAM, "no chromium")
class Browser(Made):
    without_sanitizers = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = chromium.Chromium(os.path.join(cls.folder, "profile"))

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def show(self, scheme="light", width=1280, height=900, path=None):
        self.browser.page("Emulation.setEmulatedMedia", media="screen", features=[
            {"name": "prefers-color-scheme", "value": scheme}])
        self.browser.page("Emulation.setDeviceMetricsOverride", width=width, height=height,
                          deviceScaleFactor=1, mobile=width < 600)
        self.browser.open("file://" + (path or self.path))
        self.assertEqual(self.browser.complaints(), [])

    def outside(self, selector):
        return self.browser.ask(OUTSIDE % selector)

    def test_contrast(self):
        for scheme in ("light", "dark"):
            self.show(scheme)
            self.browser.ask(UNFOLD)
            self.assertEqual(self.browser.ask(CONTRAST), [], scheme)
        self.assertNotEqual(self.browser.ask(
            "getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")

    def test_no_sideways_scroll_and_no_hidden_column(self):
        for count in (20, 0, 1, 500):
            path = self.path if count == 20 else make(self.held.name, count)[0]
            for width in (360, 390, 414, 768, 1280):
                self.show(width=width, path=path)
                for unfold in ("0", UNFOLD):
                    self.browser.ask(unfold)
                    self.assertLessEqual(self.browser.ask(
                        "document.documentElement.scrollWidth"), width, (count, width))
                    self.assertEqual(self.browser.ask(HIDDEN), [], (count, width))

    def test_the_first_screen(self):
        """Whose mail is refused, why, since when and whom to call; the four answers."""
        self.show()
        self.assertEqual(self.outside(".boxes li"), [])
        self.assertEqual(self.outside("[aria-labelledby=refused] tbody > tr > *"), [])
        self.assertEqual(self.outside(
            "[aria-labelledby=would] tbody > tr:first-child > *"), [])
        for width, height in ((390, 844), (360, 780)):
            self.show(width=width, height=height)
            self.assertEqual(self.outside(".boxes li"), [])
            self.assertEqual(self.outside(
                "[aria-labelledby=refused] tbody > tr:nth-child(-n+2) > *"), [])

    def test_a_link_unfolds_what_it_leads_to(self):
        self.show()
        self.assertEqual(self.outside(".boxes a[href^='#a']"), [])
        self.browser.ask("document.querySelector('.boxes a').click()")
        self.browser.ask("new Promise(requestAnimationFrame)")
        self.assertTrue(self.browser.ask("document.querySelector(':target').closest("
                                         "'details').open"))

    def test_without_script_and_network(self):
        self.show()
        known = self.browser.ask("document.querySelector('main').innerText")
        self.browser.page("Network.enable")
        self.browser.page("Emulation.setScriptExecutionDisabled", value=True)
        try:
            self.show()
            self.assertEqual(self.browser.ask(
                "document.querySelector('main').innerText"), known)
            asked = [event["params"]["request"]["url"] for event in self.browser.events
                     if event.get("method") == "Network.requestWillBeSent"]
            self.assertEqual(asked, ["file://" + self.path])
        finally:
            self.browser.page("Emulation.setScriptExecutionDisabled", value=False)
            self.browser.page("Network.disable")

    def test_hostile_text_stays_text(self):
        self.show()
        self.assertEqual(
            self.browser.ask("document.querySelectorAll('script').length"), 1)
        self.assertTrue(self.browser.ask(
            "document.body.innerText.includes('<script>alert(1)</script>')"))

    def test_paper(self):
        """At most four pages of 20 agreements: light, and what is folded stays folded."""
        for path in (make_site(self.held.name)[0], self.path):
            self.show("dark", path=path)
            self.browser.page("Emulation.setEmulatedMedia", media="")
            pdf = base64.b64decode(self.browser.page("Page.printToPDF",
                                                     printBackground=True)["data"])
            pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
            self.assertTrue(0 < pages <= 4, pages)
            self.assertLess(len(pdf), 1000000)
        self.browser.page("Emulation.setEmulatedMedia", media="print", features=[
            {"name": "prefers-color-scheme", "value": "dark"}])
        self.assertEqual(self.browser.ask(
            "getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
        self.assertEqual(self.browser.ask("document.querySelectorAll('[open]').length"), 0)
        self.assertEqual(self.browser.ask(HIDDEN), [])


if __name__ == "__main__":
    sys.exit(main())
