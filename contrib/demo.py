# SPDX-License-Identifier: ISC
"""The part of contrib/demo that shows something; run that.

usage: demo.py postfix|sendmail

The expectation stands beside each rule, so that the demo is a test too. Mail that goes
out is shown with Postfix, which asks the daemon how: each of the partner's servers is on
loopback, under a name that the chroot of Postfix's smtp has in its etc/hosts.
"""

import collections
import json
import os
import pwd
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import textwrap

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "tests"))

from mta import client, waiting, workspace	# noqa: E402
from mta.milter import USER, Milter, program	# noqa: E402
from mta.postfix import Postfix	# noqa: E402
from mta.replies import queue_id	# noqa: E402
from mta.sendmail import Sendmail	# noqa: E402
from mta.sink import Sink, server_tls	# noqa: E402

CONF = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "conf")
WIDTH = 100
RECIPIENT = "inbox@ours.example"

Session = collections.namedtuple("Session", "title version cipher certificate")
Rule = collections.namedtuple("Rule", "domain text expected")
Cell = collections.namedtuple("Cell", "text right record")

SESSIONS = [
    Session("clear text", None, None, None),
    Session("TLS 1.0", "1.0", "ECDHE-RSA-AES256-SHA", None),
    Session("TLS 1.2, CBC", "1.2", "ECDHE-RSA-AES256-SHA384", None),
    Session("TLS 1.2, AES-GCM", "1.2", "ECDHE-RSA-AES256-GCM-SHA384", None),
    Session("TLS 1.3", "1.3", None, None),
    Session("TLS 1.3, trusted certificate", "1.3", None, "good"),
    Session("TLS 1.3, rogue CA's certificate", "1.3", None, "rogue"),
]

# What is expected of each rule, session by session.
OK, LATER, NO, HOLD = "accept", "tempfail", "reject", "quarantine"
RULES = [
    Rule("friend.example", """
from friend.example {
    require nothing
}
""", [OK, OK, OK, OK, OK, OK, OK]),
    Rule("partner.example", """
partner "Partner Ltd" {
    domain partner.example
    incoming { require tls >= 1.2; require aead; otherwise tempfail }
    contact postmaster@partner.example
}
""", [LATER, LATER, LATER, OK, OK, OK, OK]),
    Rule("bank.example", """
partner "Bank" {
    domain bank.example
    incoming {
        require tls >= 1.3
        require certificate name client.test.example
        otherwise reject "contract 2026-14 with {domain}: TLS 1.3 with your certificate"
    }
    outgoing {
        require tls >= 1.2
        require certificate name mx.test.example
    }
    contact tls@bank.example
    note "contract 2026-14"
}
""", [NO, NO, NO, NO, NO, OK, NO]),
    Rule("supplier.example", """
from supplier.example {
    require tls >= 1.2
    require bits >= 128
    otherwise quarantine
}
""", [HOLD, HOLD, OK, OK, OK, OK, OK]),
    Rule("newcomer.example", """
from newcomer.example {
    require tls >= 1.3
    otherwise reject
    monitor
}
""", [OK, OK, OK, OK, OK, OK, OK]),
]

# Mail to the bank's domains: what the server there is like, and what becomes of it.
SENT, WAITS = "sent", "deferred"
Delivery = collections.namedtuple("Delivery", "domain title expected")
DELIVERIES = [
    Delivery("bank.example", "TLS 1.3, with the certificate that was agreed", SENT),
    Delivery("branch.bank.example", "TLS 1.1 at most", WAITS),
    Delivery("archive.bank.example", "no TLS", WAITS),
]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COLOURS = {"accept": "32", "tempfail": "33", "reject": "31", "quarantine": "35",
           SENT: "32", WAITS: "33"}
SHOWN = ("action reason failed would would_reason partner rule tls_version cipher bits "
         "cert_verified cert_cn queue_id contact").split()


# Printing

def paint(text, code):
    """The text in a colour, where there are colours."""
    if code is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return "\033[%sm%s\033[0m" % (code, text)


def heading(text):
    print("\n%s\n" % paint("%s %s" % (text, "\u2500" * (WIDTH - len(text) - 1)), "1"))


def indented(title, text, code=None):
    """Prints text behind a title, wrapped, in a colour."""
    lines = textwrap.wrap(text, WIDTH - 14, break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        print("    %-9s %s" % ("" if number else title, paint(line, code)))


def summary(record):
    """The parts of a record that tell most, as name=value."""
    return " ".join("%s=%s" % (name, ",".join(record[name]) if isinstance(
        record[name], list) else record[name]) for name in SHOWN if name in record)


def table(results):
    """Sessions down, rules across: what was done."""
    heading("What was done")
    print("  %-33s%s" % ("", "".join("%-13s" % rule.domain.split(".")[0]
                                     for rule in RULES).rstrip()))
    for number, session in enumerate(SESSIONS):
        cells = [results[rule.domain][number] for rule in RULES]
        print("  %-33s%s" % (session.title, "".join(
            paint("%-13s" % cell.text, COLOURS.get(cell.text, "2" if cell.right else "7"))
            for cell in cells).rstrip()))
    print("\n  in parentheses: under monitor, let through all the same")


# Sending

def send(server, pki, session, sender):
    """One message; the last reply to it, and the client's port."""
    with client.Client(server.port) as conversation:
        certificate = session.certificate and pki.clients[session.certificate]
        conversation.open(session.version and client.tls(
            session.version, session.cipher, certificate))
        replies = conversation.message(sender, RECIPIENT)
        conversation.quit()
        return list(replies.values())[-1], conversation.port


def done_by(reply, server):
    """What the client, and the queue, have seen happen."""
    if reply.startswith("250"):
        return HOLD if queue_id(reply) in server.held() else OK
    return {"4": LATER, "5": NO}.get(reply[:1], reply)


def show(rule, servers):
    """All sessions against one rule; returns what was done with each."""
    milter, server, pki = servers
    heading(rule.domain)
    print(textwrap.indent(rule.text.strip(), "    "))
    results = []
    for session, expected in zip(SESSIONS, rule.expected):
        milter.mark()
        reply, port = send(server, pki, session, "sales@" + rule.domain)
        done = done_by(reply, server)
        record = milter.wait_record(client_port=port)
        right = done == expected == record["action"]
        results.append(Cell("(%s)" % record["would"] if "would" in record else done,
                            right, record))
        print("\n  " + paint(session.title, "1"))
        indented("answer", reply, COLOURS.get(done))
        indented("record", summary(record))
        if not right:
            indented("WRONG", "the policy says %s" % expected, "7")
    return results


# Mail that goes out

def partners_servers(pki):
    """Those that DELIVERIES tells of, in their order; each has its port of 127.0.0.1."""
    old = server_tls(pki.server, minimum_version=ssl.TLSVersion.TLSv1,
                     maximum_version=ssl.TLSVersion.TLSv1_1)
    old.set_ciphers("ALL:@SECLEVEL=0")
    ports = waiting.free_ports(len(DELIVERIES))
    for port, context in zip(ports, (server_tls(pki.server), old, None)):
        Sink("127.0.0.1", port, context).start()
    return ports


def goes_out(pki, ports):
    """What Postfix is told of it: parameters of main.cf."""
    return {"smtp_tls_policy_maps": "socketmap:unix:tlsward/tls.sock:tlsward",
            "smtp_tls_security_level": "may", "smtp_tls_loglevel": "1",
            "smtp_tls_CAfile": pki.ca.cert, "smtp_tls_fingerprint_digest": "sha256",
            "transport_maps": "inline:{ %s }" % " ".join(
                "{ %s = chrooted:%s:%d }" % (each.domain, each.domain, port)
                for each, port in zip(DELIVERIES, ports))}


def make_chroot(queue):
    """What Postfix's smtp sees of this host: partners' addresses, and our socket."""
    for name, lines in (("hosts", ["127.0.0.1 " + each.domain for each in DELIVERIES]),
                        ("nsswitch.conf", ["hosts: files"])):
        path = os.path.join(queue, "etc", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as out:
            out.writelines(line + "\n" for line in lines)
    user = pwd.getpwnam(USER)
    os.makedirs(os.path.join(queue, "tlsward"))
    os.chown(os.path.join(queue, "tlsward"), user.pw_uid, user.pw_gid)


def deliver(policies, server):
    """A message to each of DELIVERIES; whether it went, or waits, as the policy says."""
    heading("Mail to the bank: what the agreement's other half does")
    right = True
    for each in DELIVERIES:
        with client.Client(server.ports["ours"]) as conversation:
            conversation.open().message(RECIPIENT, "desk@" + each.domain)
            conversation.quit()
        status, text = server.wait_log(
            r"to=<desk@%s>,.* status=(\w+) (\(.*\))$" % re.escape(each.domain)).groups()
        print("\n  " + paint("%s: a server with %s" % (each.domain, each.title), "1"))
        told = server.command("postmap", "-q", each.domain,
                              "socketmap:%s:tlsward" % policies).stdout.decode().strip()
        indented("policy", told)
        indented("Postfix", "%s %s" % (status, text), COLOURS.get(status))
        if status != each.expected:
            indented("WRONG", "it should be %s" % each.expected, "7")
            right = False
    print(textwrap.indent(textwrap.fill(
        "Mail that waits stays in Postfix's queue, is tried again, and goes back to who "
        "sent it when the queue's lifetime ends.", WIDTH - 4), "  "))
    return right


def tell_deliveries(milter):
    """What the log of Postfix says of them, read afterwards; whether all is there."""
    if tool(milter, "watch", "--once") is None:
        return False
    for words in (("log", "--kind", "delivery"),
                  ("explain", "direction=out", "next_hop=archive.bank.example",
                   "tls_version=none")):
        heading("tlsward " + " ".join(words))
        print(textwrap.indent((tool(milter, *words) or "").rstrip(), "  "))
    out = json.loads(tool(milter, "report", "--json") or "{}").get("totals", {}).get("out")
    waiting_ones = [each for each in DELIVERIES if each.expected == WAITS]
    return bool(out) and (out["messages"], out["met"], out["deferred_for_tls"]) == (
        len(DELIVERIES), len(DELIVERIES) - len(waiting_ones), len(waiting_ones))


def tell_map(milter):
    """What Sendmail's access map would have, which this Sendmail is not given."""
    heading("Mail that goes out, for Sendmail's access map: tlsward export sendmail")
    lines = tool(milter, "export", "sendmail")
    print(textwrap.indent((lines or "").rstrip(), "  "))
    return lines is not None and "TLS_Rcpt:bank.example" in lines


def make_server(mta, folder, pki, milter):
    """The MTA in front of the daemon, not started yet."""
    if mta == "sendmail":
        return Sendmail(folder, pki, milter.address, [
            "define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')"])
    return Postfix(folder, pki, {"ours": "-o smtpd_milters="},
                   ["chrooted unix - - y - - smtp -o inet_protocols=ipv4"],
                   smtpd_milters=milter.address, **goes_out(pki, partners_servers(pki)))


def command():
    """The path of tlsward, and the environment that it is run in."""
    beside = os.path.join(os.path.dirname(program()), "tlsward")
    built = os.path.exists(beside)
    path = beside if built else shutil.which("tlsward") or beside
    # What is not installed reads its files from the source tree.
    data = {"TLSWARD_DATADIR": CONF} if built else {}
    return path, {**data, **os.environ, "COLUMNS": str(WIDTH)}


def run_tool(*arguments, lawful=(0,)):
    """What tlsward says; None when it fails: its exit status is none of the lawful."""
    path, environment = command()
    done = subprocess.run([path, *arguments], stdout=subprocess.PIPE, encoding="utf-8",
                          check=False, env=environment)
    return done.stdout if done.returncode in lawful else None


def tool(milter, *arguments):
    """What tlsward says, with the daemon's settings; None when it fails."""
    return run_tool(arguments[0], "-c", milter.settings, *arguments[1:])


def review(milter):
    """The report on what was sent, from the journal; whether it counts all of it."""
    heading("The report: tlsward report")
    print(textwrap.indent((tool(milter, "report") or "").rstrip(), "  "))
    handle, page = tempfile.mkstemp(prefix="tlsward-report-", suffix=".html")
    os.close(handle)
    if tool(milter, "report", "--html", page) is None:
        os.unlink(page)
        return False
    print("\nThe same as a page: " + paint(page, "1"))
    heading("Do we use TLS with them? tlsward report --domain bank.example")
    print(textwrap.indent((tool(milter, "report", "--domain", "bank.example") or "").rstrip(),
                          "  "))
    heading("What to write to them: tlsward report --partner Bank --mail")
    message = tool(milter, "report", "--partner", "Bank", "--mail")
    print(textwrap.indent((message or "").rstrip(), "  "))
    counts = json.loads(tool(milter, "report", "--json") or "{}")
    messages = counts.get("totals", {}).get("in", {}).get("messages")
    return message is not None and messages == len(RULES) * len(SESSIONS)


def demonstrate(mta, folder):
    """Runs it all; whether everything went as the policy says."""
    pki = workspace.pki()
    policy = "default { require nothing }\n" + "".join(rule.text for rule in RULES)
    home, server_home = os.path.join(folder, "milter"), os.path.join(folder, mta)
    settings = {"journal": "sqlite:" + os.path.join(home, "log", "journal.db")}
    outgoing, delivered = mta == "postfix", True
    if outgoing:
        queue = os.path.join(server_home, "queue")
        make_chroot(queue)
        settings.update(tls_policy_map="unix:%s/tlsward/tls.sock" % queue,
                        postfix_version="3.7", postfix_tls_digest="sha256",
                        maillog="file:%s/mail.log" % server_home)
    with Milter(home, policy, **settings) as milter, \
            make_server(mta, server_home, pki, milter) as server:
        print("tlsward-milter behind %s on 127.0.0.1:%d" % (mta.title(), server.port))
        results = {rule.domain: show(rule, (milter, server, pki)) for rule in RULES}
        table(results)
        if outgoing:
            delivered = deliver(settings["tls_policy_map"], server)
    heading("One whole record")
    print(textwrap.fill(json.dumps(results["bank.example"][-1].record,
                                   ensure_ascii=False), WIDTH - 4,
                        initial_indent="    ", subsequent_indent="    "))
    told = tell_deliveries(milter) if outgoing else tell_map(milter)
    reported = review(milter)
    wrong = sum(not cell.right for row in results.values() for cell in row)
    total = len(RULES) * len(SESSIONS)
    print("\n%d messages, %s" % (total, "%d not as the policy says" % wrong if wrong
                                 else "all as the policy says"))
    if outgoing:
        print("%d deliveries, %s" % (len(DELIVERIES), "all as the policy says"
                                     if delivered else "not all as the policy says"))
    if not reported or not told:
        print("the report does not count them all")
    return not wrong and reported and delivered and told


def interrupted(*_):
    """The first signal ends the demo; no other disturbs the cleaning up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(show_all):
    """Calls show_all(folder), which says whether all went as it should."""
    for number in SIGNALS:
        signal.signal(number, interrupted)
    folder = workspace.folder()
    try:
        return 0 if show_all(folder) else 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    finally:
        workspace.remove(folder)


if __name__ == "__main__":
    sys.exit(main(lambda folder: demonstrate(sys.argv[1], folder)))
