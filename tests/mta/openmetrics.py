# SPDX-License-Identifier: ISC
"""A strict reader of OpenMetrics 1.0, and of Prometheus's text format 0.0.4.

Strict means: what a reader may put up with is an error here. Only what the daemon
writes is known: counters, gauges, histograms and infos, no timestamps, no exemplars.
"""

import collections
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?(?:e[-+][0-9]+)?|\+Inf)"
META = re.compile(r"# (HELP|TYPE|UNIT) (%s) (\S.*)" % NAME)
SAMPLE = re.compile(r"(%s)(?:\{(.*)\})? (%s)" % (NAME, NUMBER))
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",),
            "histogram": ("_bucket", "_count", "_sum")}

Sample = collections.namedtuple("Sample", "name labels value")


class Family:
    """What stands together: samples with one HELP and one TYPE."""

    def __init__(self, name):
        self.name = name
        self.meta = {}
        self.samples = []

    @property
    def type(self):
        return self.meta["TYPE"]


class Wrong(Exception):
    """What is wrong with the text."""


def expect(condition, what, where):
    if not condition:
        raise Wrong("%s: %r" % (what, where))


def parse(text, plain=False):
    """The families of a text, by name; "plain" is Prometheus's text format."""
    lines = text.split("\n")
    expect(lines.pop() == "", "the last line has no end", text[-40:])
    if not plain:
        expect(lines and lines.pop() == "# EOF", "no end", text[-40:])
    families, current = {}, None
    for line in lines:
        meta = META.fullmatch(line)
        if meta is None:
            expect(current is not None, "a sample without a family", line)
            current.samples.append(sample(line))
            continue
        kind, name, value = meta.groups()
        if current is None or current.name != name:
            expect(name not in families, "a family in two places", line)
            current = families[name] = Family(name)
        expect(kind not in current.meta and not current.samples,
               "metadata out of place", line)
        current.meta[kind] = value
    for family in families.values():
        check(family, plain)
    return families


def sample(line):
    match = SAMPLE.fullmatch(line)
    expect(match, "not a sample", line)
    name, inside, value = match.groups()
    labels = {}
    if inside is not None:
        expect(re.fullmatch("%s(?:,%s)*" % (LABEL, LABEL), inside), "labels", line)
        for label, text in re.findall(LABEL, inside):
            expect(label not in labels, "a label twice", line)
            labels[label] = text
    return Sample(name, labels, float(value))


def check(family, plain):
    expect("HELP" in family.meta and "TYPE" in family.meta, "metadata", family.name)
    expect(family.type in SUFFIXES and not (plain and family.type == "info"), "type",
           family.name)
    unit = family.meta.get("UNIT")
    expect(unit is None or (not plain and family.name.endswith("_" + unit)), "unit",
           family.name)
    expect(plain or unit or not re.search("_(seconds|bytes)$", family.name), "no unit",
           family.name)
    counted = plain and family.type == "counter"
    expect(not counted or family.name.endswith("_total"), "name", family.name)
    expect(plain or not family.name.endswith(("_total", "_info")), "name", family.name)
    names = {family.name + suffix for suffix in SUFFIXES[family.type]}
    seen = set()
    for each in family.samples:
        expect(each.name in ({family.name} if counted else names), "name", each)
        key = each.name, tuple(sorted(each.labels.items()))
        expect(key not in seen, "a sample twice", each)
        seen.add(key)
        expect(not math.isnan(each.value) and each.value >= 0, "value", each)
        expect(family.type != "info" or each.value == 1, "value", each)
    if family.type == "histogram":
        check_histogram(family)


def check_histogram(family):
    """One histogram, without labels of its own."""
    buckets = [each for each in family.samples if each.name.endswith("_bucket")]
    others = {each.name: each.value for each in family.samples if each not in buckets}
    bounds = [float(each.labels["le"]) for each in buckets]
    counts = [each.value for each in buckets]
    expect(bounds == sorted(set(bounds)) and bounds[-1] == math.inf, "bounds", bounds)
    expect(counts == sorted(counts), "not cumulative", counts)
    expect(others[family.name + "_count"] == counts[-1], "count", others)
    expect(family.name + "_sum" in others, "sum", others)


def value(families, name, **labels):
    """The value of the one sample with this name and these labels; None: none."""
    found = [each.value for family in families.values() for each in family.samples
             if each.name == name and each.labels == labels]
    return found[0] if found else None
