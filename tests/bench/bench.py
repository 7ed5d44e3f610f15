#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""CPU a message of tlsward-milter, against libmilter programs that decide nothing.

    bench.py MILTER FLOOR LOAD [--messages N] [--rounds N] [--parallel N,N...]

The programs run at the same time and are asked in turn; printed are the medians
of the rounds and of the ratios, with their spread.
"""
import argparse
import os
import signal
import statistics
import subprocess
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
RULES = 1000


def cpu(pid):
    """Seconds of CPU of a process and its children, those that have ended too."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / TICK
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return own + sum(cpu(int(child)) for child in file.read().split())


class Program:
    def __init__(self, name, arguments, socket, within=60):
        self.name, self.socket, self.samples = name, socket, []
        self.process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        end = time.monotonic() + within
        while not os.path.exists(socket):
            if time.monotonic() > end or self.process.poll() is not None:
                self.process.kill()
                raise TimeoutError("does not listen")
            time.sleep(0.01)
        time.sleep(0.3)

    def measure(self, load, messages, parallel, sender, recipients):
        before = cpu(self.process.pid)
        answer = subprocess.run(
            [load, self.socket, str(messages), str(parallel), sender, *recipients],
            check=True, capture_output=True, text=True).stdout.strip()
        time.sleep(0.02)
        self.samples.append((cpu(self.process.pid) - before) / messages * 1e6)
        return answer

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def policy(recipients):
    text = [f"from partner{i}.example .partner{i}.example {{ require tls >= 1.2; "
            "otherwise reject }" for i in range(RULES - 1)]
    text.append("from strict.example { require tls >= 1.3; "
                "require certificate; otherwise reject }")
    text.append("default { require nothing }")
    if recipients:
        text.append("to payroll.ours.example { require tls; otherwise reject }")
    return "\n".join(text) + "\n"


def daemon(milter, folder, name, recipients, settings=""):
    base = os.path.join(folder, name)
    os.mkdir(base)
    os.chmod(base, 0o777)
    with open(f"{base}/policy.conf", "w", encoding="ascii") as file:
        file.write(policy(recipients))
    with open(f"{base}/tlsward.conf", "w", encoding="ascii") as file:
        file.write(f"listen unix:{base}/s\npolicy policy.conf\nuser nobody\n"
                   f"log file:{base}/log\njournal sqlite:{base}/journal.db\ncontrol none\n{settings}")
    return Program(name, [milter, "-f", "-c", f"{base}/tlsward.conf"], f"{base}/s")


def compare(title, ours, floor, arguments, parallel, sender, recipients):
    ours.samples, floor.samples = [], []
    for _ in range(arguments.rounds):
        answers = [program.measure(arguments.load, arguments.messages, parallel,
                                   sender, recipients) for program in (floor, ours)]
    ratios = [a / b for a, b in zip(ours.samples, floor.samples)]
    print(f"{title:28} {parallel:5} connections: {statistics.median(ours.samples):6.1f}"
          f" us against {statistics.median(floor.samples):6.1f} us,"
          f" {statistics.median(ratios):.2f} times"
          f" ({min(ratios):.2f} to {max(ratios):.2f}); {answers[1]}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("milter")
    parser.add_argument("floor")
    parser.add_argument("load")
    parser.add_argument("--messages", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--parallel", default="1,10,100,1000")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        os.chmod(folder, 0o777)
        plain = daemon(arguments.milter, folder, "plain", False)
        with_to = daemon(arguments.milter, folder, "with-to", True)
        at_mail = Program("mail", [arguments.floor, f"unix:{folder}/mail", "mail"],
                          f"{folder}/mail")
        at_rcpt = Program("rcpt", [arguments.floor, f"unix:{folder}/rcpt", "rcpt"],
                          f"{folder}/rcpt")
        field = daemon(arguments.milter, folder, "field", False,
                       "authentication-results mx.ours.example\n")
        at_end = Program("end", [arguments.floor, f"unix:{folder}/end", "end"],
                         f"{folder}/end")
        try:
            for parallel in map(int, arguments.parallel.split(",")):
                compare("accepted at MAIL", plain, at_mail, arguments, parallel,
                        "a@partner7.example", ["u@ours.example"])
                compare("with rules on recipients", with_to, at_rcpt, arguments,
                        parallel, "a@partner7.example", ["u@ours.example"])
                compare("refused", plain, at_rcpt, arguments, parallel,
                        "a@strict.example", ["u@ours.example"])
                compare("with a field added", field, at_end, arguments, parallel,
                        "a@partner7.example", ["u@ours.example"])
        finally:
            for program in (plain, with_to, at_mail, at_rcpt, field, at_end):
                program.end()


if __name__ == "__main__":
    main()
