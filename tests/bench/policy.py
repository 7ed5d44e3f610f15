#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What policies cost: each figure with its target.

    policy.py BENCH TLSWARD [--rounds N]

Printed are the medians of the rounds with their spread. Ends with 1 when one misses
its target.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

DOMAINS = 1000000
BLOCKS = 50000
RULES = 1000
FACTS = 200000
GROWTH_KIB = 2048		# that more input may not exceed: memory is constant
VERSIONS = ("1.1", "1.2", "1.3")


def write(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def block(number):
    """A rule as a provider has it for a customer."""
    return (f"from customer{number}.example .customer{number}.example {{\n"
            f"    require tls >= {VERSIONS[number % 3]}\n"
            f"    require bits >= {128 + number % 2 * 128}\n"
            f"    require forward-secrecy\n"
            f'    otherwise reject 550 5.7.1 "contract {number}: see the portal"\n'
            f"    contact postmaster@customer{number}.example\n}}")


def regex(number):
    """Of several kinds: names with and without ends, shared beginnings and ends."""
    return ("/(^|\\.)partner%d\\.example$/", "/^mx[0-9]+\\.bank%d\\.example$/",
            "/bank-[a-z]+%d\\./i", "/^cust%d-[a-z]+\\.provider\\.example$/",
            "/^(www|mail|smtp)[0-9]*\\.firm%d\\.(com|net)$/",
            "/^[a-z]+-host%d\\.provider\\.example$/")[number % 6] % number


def misses(number):
    """Names that come near the expressions and match none."""
    return ("mail.nopartner%d.example", "mx%d.bank.example", "bank-%d.example",
            "abc-host%d.other.example", "mail.somebody%d.com",
            "mta%d.provider.example")[number % 6] % (number % 977 + RULES)


def prepare(folder):
    """The policies and the names, by their paths."""
    paths = {
        "names": write(folder, "names", (f"partner{i:07}.example" for i in range(DOMAINS))),
        "senders": write(folder, "senders", (f"customer{i % 1500}.example"
                                             for i in range(7, 100000, 7))),
        "misses": write(folder, "misses", map(misses, range(100000))),
        "blocks": write(folder, "blocks.conf", map(block, range(BLOCKS))),
        "rules": write(folder, "rules.conf",
                       [*map(block, range(RULES)), "default { require tls >= 1.2 }"]),
    }
    rule = "{ require tls >= 1.2; otherwise reject }"
    paths["list"] = write(folder, "list.conf", [
        "default { require nothing }", f'from file "names" {rule}'])
    for name, count in (("regexes", RULES), ("few-regexes", 50)):
        paths[name] = write(folder, name + ".conf", [
            f"from {regex(i)} {rule}" for i in range(count)])
    for name, count in (("facts", FACTS), ("more-facts", 2 * FACTS)):
        paths[name] = write(folder, name, (json.dumps({
            "from": f"someone@customer{i % 1500}.example", "to": "hr@ours.example",
            "client_addr": "192.0.2.1", "tls_version": f"TLSv1.{i % 3 + 1}",
            "cipher": "ECDHE-RSA-AES256-GCM-SHA384", "bits": 256}) for i in range(count)))
    return paths


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.missed = 0

    def show(self, what, figures, most, unit, least=None):
        middle = statistics.median(figures)
        good = middle <= most if least is None else middle >= least
        self.missed += not good
        target = f"<= {most:g}" if least is None else f">= {least:g}"
        print(f"{what:45} {middle:9.1f} {unit:7} ({min(figures):.1f} to"
              f" {max(figures):.1f})   target {target:9} {'ok' if good else 'MISSED'}",
              flush=True)

    def run(self, *words):
        """The two figures of each round."""
        rounds = []
        for _ in range(self.arguments.rounds):
            done = subprocess.run([self.arguments.bench, *words], check=True,
                                  capture_output=True, text=True)
            rounds.append([float(word) for word in done.stdout.split()])
        return list(zip(*rounds))

    def load(self, what, policy):
        times, memory = self.run("load", policy)
        self.show(f"load {what}", times, 500, "ms")
        self.show("    at its peak", [kib / 1024 for kib in memory], 100, "MiB")

    def decide(self, policy, facts, count):
        """Facts a second, and the most memory in KiB."""
        with open(facts, "rb") as file:
            start = time.monotonic()
            with subprocess.Popen(
                    [self.arguments.tlsward, "decide", "--policy", policy],
                    stdin=file, stdout=subprocess.DEVNULL) as process:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit("tlsward decide failed")
        return count / (time.monotonic() - start), usage.ru_maxrss

    def decisions(self, policy, facts, more_facts):
        rates, growth = [], []
        for _ in range(self.arguments.rounds):
            rate, memory = self.decide(policy, facts, FACTS)
            _, more = self.decide(policy, more_facts, 2 * FACTS)
            rates.append(rate)
            growth.append(more - memory)
        self.show("tlsward decide", rates, None, "facts/s", least=50000)
        self.show("    memory more for twice the facts", growth, GROWTH_KIB, "KiB")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("tlsward")
    parser.add_argument("--rounds", type=int, default=5)
    bench = Bench(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        paths = prepare(folder)
        bench.load("1,000,000 domains from a list", paths["list"])
        bench.load("50,000 rules with blocks of their own", paths["blocks"])
        at_random, hot = bench.run("lookup", paths["list"], paths["names"])
        bench.show("lookup among 1,000,000 domains, random", at_random, 500, "ns")
        bench.show("lookup among 1,000,000 domains, hot", hot, 100, "ns")
        times, _ = bench.run("decide", paths["regexes"], paths["misses"])
        bench.show("decision, 1,000 regular expressions, a miss", times, 150000, "ns")
        times, _ = bench.run("decide", paths["few-regexes"], paths["misses"])
        bench.show("decision, 50 regular expressions, a miss", times, 8000, "ns")
        times, allocations = bench.run("decide", paths["rules"], paths["senders"])
        bench.show("decision, 1,000 rules", times, 1000, "ns")
        bench.show("    allocations in 1,000,000 of them", allocations, 0, "")
        bench.decisions(paths["rules"], paths["facts"], paths["more-facts"])
    sys.exit(1 if bench.missed else 0)


if __name__ == "__main__":
    main()
