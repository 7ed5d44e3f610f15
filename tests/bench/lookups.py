#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Look-ups a second in the TLS policy map, with a list of a million domains.

    lookups.py MILTER LOOKUPS [--domains N] [--lookups N] [--clients N,N...]

One thread serves them all. Printed are, for each kind of rule and number of clients, the
look-ups a second, the CPU that the daemon took for each, the look-ups a second for which
it would take one whole core, and the slowest of a thousand.
"""
import argparse
import os
import subprocess
import tempfile

import bench

RULES = {
    "names": "require tls >= 1.2; require certificate name mx.acme.example",
    "suites": "require forward-secrecy; require aead",	# the longest value
}


def measure(options, name, requirements):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        with open(f"{folder}/list.txt", "w", encoding="ascii") as file:
            file.writelines(f"d{number}.example\n" for number in range(options.domains))
        with open(f"{folder}/policy.conf", "w", encoding="ascii") as file:
            file.write("default { require tls }\n"
                       f'deliver file "list.txt" {{ {requirements} }}\n')
        user = "user nobody\n" if os.geteuid() == 0 else ""
        with open(f"{folder}/tlsward.conf", "w", encoding="ascii") as file:
            file.write(f"listen unix:{folder}/m\ntls-policy-map unix:{folder}/t\n{user}"
                       f"journal none\ncontrol none\nlog file:{folder}/log\n")
        program = bench.Program(name, [options.milter, "-f", "-c",
                                       f"{folder}/tlsward.conf"], f"{folder}/t")
        for clients in options.clients:
            before = bench.cpu(program.process.pid)
            took, slow = subprocess.run(
                [options.lookups_program, f"{folder}/t", str(options.lookups),
                 str(clients), str(options.domains)],
                check=True, capture_output=True, text=True).stdout.split()
            used = (bench.cpu(program.process.pid) - before) / options.lookups
            print(f"{name:8} {clients:4} clients: {options.lookups / float(took):9.0f}/s, "
                  f"{used * 1e6:5.1f} us of CPU each, one core: {1 / used:9.0f}/s, "
                  f"slowest of 1,000: {slow} us", flush=True)
        program.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("milter")
    parser.add_argument("lookups_program")
    parser.add_argument("--domains", type=int, default=1000000)
    parser.add_argument("--lookups", type=int, default=200000)
    parser.add_argument("--clients", type=lambda text: [int(n) for n in text.split(",")],
                        default=[1, 20, 100])
    options = parser.parse_args()
    for name, requirements in RULES.items():
        measure(options, name, requirements)


if __name__ == "__main__":
    main()
