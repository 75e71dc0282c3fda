"""Reads packages.txt: sets of package names, each with the reason it is there."""

import re
import sys

# A set marked `exact` is taken without what it depends on, and can be of another suite than the rest.
_SECTION = re.compile(r"^\[(?P<name>[a-z-]+)(?P<exact> exact(?: from (?P<suite>[a-z-]+))?)?\]$")
_PACKAGE = re.compile(r"^(?P<name>[a-z0-9][a-z0-9+.-]*)(?: \[(?P<architectures>[a-z0-9 ]+)\])?\s+# \S")

_exact = {}


def parse(text):
    """{set: [(package, architectures or None)]}; ends the program on a line without a reason."""
    sets, current = {}, None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if section := _SECTION.match(line):
            current = sets.setdefault(section["name"], [])
            if section["exact"]:
                _exact[section["name"]] = section["suite"]
        elif (package := _PACKAGE.match(line)) and current is not None:
            only = package["architectures"]
            current.append((package["name"], only.split() if only else None))
        else:
            sys.exit(f"packages.txt:{number}: expected `[set]` or `package  # reason`, found `{line}`")
    return sets


def is_exact(name):
    return name in _exact


def suite_of(name):
    """The suite that a set says it is of; None for the one that the image is of."""
    return _exact.get(name)


def for_architecture(members, architecture):
    return [name for name, only in members if only is None or architecture in only]
