# SPDX-License-Identifier: ISC
"""The dashboards of contrib/grafana, and their queries as Grafana puts them to PostgreSQL.

What its documentation says of the macros and of variables is written anew here: of a
variable with several values each is quoted, "All" is the variable's own text for it, and
both come before the macros.
"""

import datetime
import json
import os
import re

import runner

FOLDER = os.path.join(runner.TOP, "contrib", "grafana")
POSTGRESQL, PROMETHEUS = "grafana-postgresql-datasource", "prometheus"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# Variables that Grafana itself has, with what they might be.
BUILT_IN = {"__rate_interval": "1m", "__interval": "30s", "__range": "24h"}
ALL = "$__all"


def names():
    return sorted(name for name in os.listdir(FOLDER) if name.endswith(".json"))


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return json.load(file)


def variables(dashboard):
    return {each["name"]: each for each in dashboard["templating"]["list"]}


def targets(dashboard):
    """All queries, each with its panel."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel, target


def text_of(variable, value):
    """What a variable is replaced by."""
    if value == ALL:
        return variable["allValue"]
    if isinstance(value, list):
        return ",".join("'%s'" % each.replace("'", "''") for each in value)
    return value


def interpolate(text, dashboard, chosen):
    """Replaces the variables by what is chosen: else all, else the first there is."""
    there = variables(dashboard)

    def replaced(match):
        name = match.group(1) or match.group(2)
        if name in there:
            each = there[name]
            return text_of(each, chosen.get(name, ALL if each.get("includeAll") else
                                            each.get("current", {}).get("value", "")))
        return BUILT_IN.get(name, match.group(0))
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", replaced, text)


def seconds(interval):
    number, unit = re.fullmatch(r"'?(\d+)([smhdw])'?", interval).groups()
    return int(number) * UNITS[unit]


def expand(sql, since, until):
    """Replaces the macros for a time range; an unknown one is an error."""
    def stamp(when):
        return "'%s'" % when.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    def replaced(match):
        arguments = [each.strip() for each in match.group(2).split(",")]
        if match.group(1) == "__timeFilter":
            return "%s BETWEEN %s AND %s" % (arguments[0], stamp(since), stamp(until))
        if match.group(1) == "__timeFrom":
            return stamp(since)
        if match.group(1) == "__timeTo":
            return stamp(until)
        if match.group(1) == "__timeGroupAlias":
            step = seconds(arguments[1])
            return 'floor(extract(epoch from %s)/%d)*%d AS "time"' % (arguments[0], step, step)
        raise ValueError("Grafana knows no $%s" % match.group(1))
    return re.sub(r"\$(\w+)\(([^)]*)\)", replaced, sql)
