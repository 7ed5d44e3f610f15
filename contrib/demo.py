# SPDX-License-Identifier: ISC
"""The part of contrib/demo that shows something; run that.

usage: demo.py postfix|sendmail

The expectation stands beside each rule, so that the demo is a test too.
"""

import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "tests"))

from mta import client, workspace	# noqa: E402
from mta.milter import Milter, program	# noqa: E402
from mta.postfix import Postfix	# noqa: E402
from mta.replies import queue_id	# noqa: E402
from mta.sendmail import Sendmail	# noqa: E402

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
from partner.example {
    require tls >= 1.2
    require aead
    otherwise tempfail
    contact postmaster@partner.example
}
""", [LATER, LATER, LATER, OK, OK, OK, OK]),
    Rule("bank.example", """
from bank.example {
    require tls >= 1.3
    require certificate name client.test.example
    otherwise reject "contract 2026-14 with {domain}: TLS 1.3 with your certificate"
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

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COLOURS = {"accept": "32", "tempfail": "33", "reject": "31", "quarantine": "35"}
SHOWN = ("action reason failed would would_reason rule tls_version cipher bits "
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


def make_server(mta, folder, pki, milter):
    """The MTA in front of the daemon, not started yet."""
    if mta == "sendmail":
        return Sendmail(folder, pki, milter.address, [
            "define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')"])
    return Postfix(folder, pki, smtpd_milters=milter.address)


def tool(milter, *arguments):
    """What tlsward says, with the daemon's settings; None when it fails."""
    beside = os.path.join(os.path.dirname(program()), "tlsward")
    built = os.path.exists(beside)
    path = beside if built else shutil.which("tlsward") or beside
    # What is not installed reads its files from the source tree.
    data = {"TLSWARD_DATADIR": CONF} if built else {}
    done = subprocess.run([path, arguments[0], "-c", milter.settings, *arguments[1:]],
                          stdout=subprocess.PIPE, encoding="utf-8", check=False,
                          env={**data, **os.environ, "COLUMNS": str(WIDTH)})
    return done.stdout if done.returncode == 0 else None


def review(milter):
    """The report on what was sent, from the journal; whether it counts all of it."""
    heading("The report: tlsward report")
    print(textwrap.indent((tool(milter, "report") or "").rstrip(), "  "))
    handle, page = tempfile.mkstemp(prefix="tlsward-report-", suffix=".html")
    os.close(handle)
    if tool(milter, "report", "--html", page) is None:
        os.unlink(page)
        return False
    print("\nThe same as a page, with charts: " + paint(page, "1"))
    counts = json.loads(tool(milter, "report", "--json") or "{}")
    return counts.get("totals", {}).get("transactions") == len(RULES) * len(SESSIONS)


def demonstrate(mta, folder):
    """Runs it all; whether everything went as the policy says."""
    pki = workspace.pki()
    policy = "default { require nothing }\n" + "".join(rule.text for rule in RULES)
    home = os.path.join(folder, "milter")
    with Milter(home, policy, journal="sqlite:" + os.path.join(
            home, "log", "journal.db")) as milter, \
            make_server(mta, os.path.join(folder, mta), pki, milter) as server:
        print("tlsward-milter behind %s on 127.0.0.1:%d" % (mta.title(), server.port))
        results = {rule.domain: show(rule, (milter, server, pki)) for rule in RULES}
        table(results)
    heading("One whole record")
    print(textwrap.fill(json.dumps(results["bank.example"][-1].record,
                                   ensure_ascii=False), WIDTH - 4,
                        initial_indent="    ", subsequent_indent="    "))
    reported = review(milter)
    wrong = sum(not cell.right for row in results.values() for cell in row)
    total = len(RULES) * len(SESSIONS)
    print("\n%d messages, %s" % (total, "%d not as the policy says" % wrong if wrong
                                 else "all as the policy says"))
    if not reported:
        print("the report does not count them all")
    return not wrong and reported


def interrupted(*_):
    """The first signal ends the demo; no other disturbs the cleaning up."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    for number in SIGNALS:
        signal.signal(number, interrupted)
    folder = workspace.folder()
    try:
        return 0 if demonstrate(sys.argv[1], folder) else 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    finally:
        workspace.remove(folder)


if __name__ == "__main__":
    sys.exit(main())
