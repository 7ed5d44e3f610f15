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
from tool import HERE, TLSWARD, main

os.environ.setdefault("TLSWARD_DATADIR", os.path.join(HERE, "..", "..", "conf"))
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


def report(folder, path, **environment):
    return subprocess.run(
        [TLSWARD, "report", "--policy", os.path.join(folder, "policy.conf"), "--journal",
         os.path.join(folder, "journal.db"), "--html", path], capture_output=True,
        check=False, timeout=60, env={**os.environ, **environment})


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.held = tempfile.TemporaryDirectory()
        cls.folder = cls.held.name
        cls.path = os.path.join(cls.folder, "report.html")
        with open(os.path.join(cls.folder, "policy.conf"), "w",
                  encoding="utf-8") as file:
            file.write(sample_journal.POLICY)
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        sample_journal.fill(os.path.join(cls.folder, "journal.db"), now)
        cls.done = report(cls.folder, cls.path)
        with open(cls.path, encoding="utf-8") as file:
            cls.text = file.read()
        cls.tree = ElementTree.fromstring(cls.text.split("\n", 1)[1])

    @classmethod
    def tearDownClass(cls):
        cls.held.cleanup()


class Page(Made):
    def test_nothing_is_said(self):
        self.assertEqual((self.done.returncode, self.done.stderr), (0, b""))

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
                if name in ("href", "src", "data", "action"):
                    self.assertTrue(value.startswith("#"), value)
        self.assertNotIn("http://", self.text)
        self.assertNotIn("https://", self.text)

    def test_tables_and_charts_can_be_read_aloud(self):
        for table in self.tree.iter("table"):
            self.assertTrue(table.find("caption").text)
            for head in table.iter("th"):
                self.assertIn(head.get("scope"), ("row", "col"))
        charts = [svg for svg in self.tree.iter("svg") if svg.get("role") == "img"]
        self.assertEqual(len(charts), 4)
        for svg in charts:
            self.assertTrue(svg.find("title").text and svg.find("desc").text)

    def test_ids_are_unique_and_links_lead_somewhere(self):
        ids = [element.get("id") for element in self.tree.iter() if element.get("id")]
        self.assertEqual(len(ids), len(set(ids)))
        for link in self.tree.iter("a"):
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
                if name in ("page", "surface", "raised", "line"):
                    continue
                text = name in ("text", "muted", "link", "good", "warn", "bad")
                for ground in ("page", "surface", "raised") if text else ("surface",):
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
            2, f"tlsward: {template} is no file: install tlsward again\n"))
        self.assertFalse(os.path.exists(page))


@unittest.skipUnless(chromium.PROGRAM, "no chromium")
class Browser(Made):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = chromium.Chromium(os.path.join(cls.folder, "profile"))

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        super().tearDownClass()

    def show(self, scheme="light", width=1200):
        self.browser.page("Emulation.setEmulatedMedia", media="screen", features=[
            {"name": "prefers-color-scheme", "value": scheme}])
        self.browser.page("Emulation.setDeviceMetricsOverride", width=width, height=800,
                          deviceScaleFactor=1, mobile=width < 600)
        self.browser.open("file://" + self.path)
        self.assertEqual(self.browser.complaints(), [])

    def test_contrast(self):
        for scheme in ("light", "dark"):
            self.show(scheme)
            self.assertEqual(self.browser.ask(CONTRAST), [], scheme)
        self.assertNotEqual(self.browser.ask(
            "getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")

    def test_a_phone(self):
        self.show(width=360)
        self.assertLessEqual(
            self.browser.ask("document.documentElement.scrollWidth"), 360)

    def test_sorting(self):
        self.show()
        cells = ("Array.from(document.querySelectorAll('#partners-table tbody tr'))"
                 ".map(function (row) { return Number(row.cells[2].dataset.v); })")
        head = "document.querySelectorAll('#partners-table thead th')[2]"
        for order, reverse in (("descending", True), ("ascending", False)):
            self.browser.ask(head + ".querySelector('button').click()")
            found = self.browser.ask(cells)
            self.assertEqual(found, sorted(found, reverse=reverse))
            self.assertEqual(self.browser.ask(head + ".getAttribute('aria-sort')"),
                             order)

    def test_hostile_text_stays_text(self):
        self.show()
        self.assertEqual(
            self.browser.ask("document.querySelectorAll('script').length"), 1)
        self.assertTrue(self.browser.ask(
            "document.body.innerText.includes('<script>alert(1)</script>')"))

    def test_paper(self):
        self.show("dark")
        self.browser.page("Emulation.setEmulatedMedia", media="")
        pdf = base64.b64decode(self.browser.page("Page.printToPDF",
                                                 printBackground=True)["data"])
        self.assertTrue(pdf.startswith(b"%PDF"))
        self.assertLess(len(pdf), 5000000)


if __name__ == "__main__":
    sys.exit(main())
