#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Reloads a large policy again and again while messages come.

    reload.py MILTER LOAD [--domains N] [--rules N] [--seconds N | --reloads N]
        [--parallel N]

The policy has a list of N domains, whose mail the reloads must go on refusing, a default
that lets all other mail pass, and N rules with blocks of their own; it is reloaded every
second, or, with --reloads, as soon as the reload before is done. Two clients send from domains in the list and from
domains that are not; every reply must be the one that the policy gives. Printed are
the replies, the messages a second before and during the reloads, and the memory before,
at its peak and afterwards. Ends with 1 when a verdict was wrong or, without --reloads,
when memory did not come back or was more than twice the policy's at its peak.
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SETTLE = 10			# seconds that memory may take to come back
SLACK_KIB = 4096
BATCH = 200
LISTED = "y"			# the replies of the milter's protocol: own text,
OTHER = "a"			# and accept


def rss(pid):
    """The memory of a process in KiB, and the most that it ever had."""
    values = {}
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(("VmRSS:", "VmHWM:")):
                values[line[:5]] = int(line.split()[1])
    return values["VmRSS"], values["VmHWM"]


def forget_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class Daemon:
    def __init__(self, milter, folder, domains, rules):
        self.log = f"{folder}/log"
        self.socket = f"{folder}/s"
        with open(f"{folder}/list.txt", "w", encoding="ascii") as file:
            for number in range(domains):
                file.write(f"{listed(number)}\n")
        with open(f"{folder}/policy.conf", "w", encoding="ascii") as file:
            file.write('from file "list.txt" { require certificate; otherwise reject }\n'
                       "default { require tls }\n")
            for number in range(rules):
                file.write(f"from customer{number}.example .customer{number}.example {{\n"
                           f"    require tls >= 1.2\n    require bits >= 128\n"
                           f'    otherwise reject "contract {number}"\n}}\n')
        user = "user nobody\n" if os.geteuid() == 0 else ""
        with open(f"{folder}/tlsward.conf", "w", encoding="ascii") as file:
            file.write(f"listen unix:{self.socket}\npolicy policy.conf\n{user}"
                       "journal none\ncontrol none\n"
                       f"log file:{self.log}\n")
        with open(f"{folder}/stderr", "wb") as errors:
            self.process = subprocess.Popen(
                [milter, "-f", "-c", f"{folder}/tlsward.conf"], stderr=errors)
        self.wait("serving", lambda: self.said("serving on ") > 0)
        (self.worker,) = children(self.process.pid)

    def said(self, text):
        if not os.path.exists(self.log):
            return 0
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return sum(text in line for line in file)

    def wait(self, what, condition):
        end = time.monotonic() + 60
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit(f"waited in vain: {what}")
            time.sleep(0.02)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


def listed(number):
    return f"partner{number:07}.example"


class Traffic(threading.Thread):
    """One client that sends batches and checks the replies to each."""

    def __init__(self, arguments, socket, domain, reply):
        super().__init__()
        self.arguments, self.socket = arguments, socket
        self.domain, self.reply = domain, reply
        self.sent, self.wrong = 0, []
        self.stop = threading.Event()

    def run(self):
        while not self.stop.is_set():
            done = subprocess.run(
                [self.arguments.load, self.socket, str(BATCH),
                 str(self.arguments.parallel), "a@" + self.domain(), "u@ours.example"],
                capture_output=True, text=True, check=False)
            # Besides the one that ends each message there is "continue".
            replies = {reply for reply in done.stdout.split()
                       if not reply.startswith("c=")}
            if done.returncode != 0 or replies != {f"{self.reply}={BATCH}"}:
                self.wrong.append(done.stdout + done.stderr)
            self.sent += BATCH


def start_traffic(arguments, socket):
    clients = [
        Traffic(arguments, socket, lambda: listed(random.randrange(arguments.domains)),
                LISTED),
        Traffic(arguments, socket, lambda: "no-" + listed(
            random.randrange(arguments.domains)), OTHER)]
    for client in clients:
        client.start()
    return clients


def rate(clients, seconds):
    """Messages a second."""
    before, start = sum(client.sent for client in clients), time.monotonic()
    time.sleep(seconds)
    return (sum(client.sent for client in clients) - before) / (time.monotonic() - start)


def reload_every_second(daemon, clients, seconds):
    rates = []
    for _ in range(seconds):
        daemon.reload()
        rates.append(rate(clients, 1))
    return sum(rates) / len(rates)


def reload_often(daemon, count):
    for _ in range(count):
        before = daemon.said("policy reloaded")
        daemon.reload()
        daemon.wait("a reload", lambda b=before: daemon.said("policy reloaded") > b)


def measure(arguments, daemon):
    clients = start_traffic(arguments, daemon.socket)
    try:
        if arguments.reloads:
            reload_often(daemon, arguments.reloads)
            return clients, None
        # A worker that was just forked has not touched the libraries that it needs.
        reload_often(daemon, 1)
        quiet = rate(clients, 5)
        before = rss(daemon.worker)[0]
        forget_peak(daemon.worker)
        loaded = reload_every_second(daemon, clients, arguments.seconds)
        peak = rss(daemon.worker)[1]
    finally:
        for client in clients:
            client.stop.set()
        for client in clients:
            client.join()
    end = time.monotonic() + SETTLE
    while rss(daemon.worker)[0] > before + SLACK_KIB and time.monotonic() < end:
        time.sleep(0.1)
    return clients, (quiet, loaded, before, peak, rss(daemon.worker)[0])


def report(daemon, clients, figures):
    sent, wrong = sum(c.sent for c in clients), sum(len(c.wrong) for c in clients)
    reloads = daemon.said("policy reloaded")
    print(f"{reloads} reloads, {sent} messages, {wrong} batches with a wrong verdict")
    for client in clients:
        for text in client.wrong[:3]:
            print("wrong:", text)
    good = wrong == 0 and reloads > 0 and all(c.sent > 0 for c in clients)
    if figures is None:
        return good
    quiet, loaded, before, peak, after = figures
    print(f"messages a second: {quiet:.0f} before, {loaded:.0f} during the reloads")
    print(f"memory of the worker: {before / 1024:.1f} MiB before,"
          f" {peak / 1024:.1f} MiB at its peak ({peak / before:.2f} times),"
          f" {after / 1024:.1f} MiB afterwards")
    return good and peak <= 2 * before and after <= before + SLACK_KIB


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("milter")
    parser.add_argument("load")
    parser.add_argument("--domains", type=int, default=1000000)
    parser.add_argument("--rules", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--reloads", type=int)
    parser.add_argument("--parallel", type=int, default=10)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o777)
    daemon = None
    try:
        daemon = Daemon(arguments.milter, folder, arguments.domains,
                        arguments.rules)
        clients, figures = measure(arguments, daemon)
        good = report(daemon, clients, figures)
    finally:
        if daemon is not None:
            daemon.end()
        shutil.rmtree(folder)
    print("ok" if good else "MISSED")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
