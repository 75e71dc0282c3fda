"""Leaves only the firmware that the image's own kernel can ask for.

Debian's packages carry files for every kernel there was. Modules declare what
they load (MODULE_FIRMWARE); a few drivers build the name at run time, and
firmware-undeclared.txt has those. Two thirds of a gigabyte become a third.
"""

import argparse
import fnmatch
import os
import pathlib
import re
import subprocess

VERSIONED = re.compile(r"^(?P<stem>.*-)(?P<version>\d+)\.ucode$")


def declared_by(modules):
    files = sorted(str(path) for path in modules.rglob("*.ko*"))
    found = set()
    for start in range(0, len(files), 500):
        output = subprocess.run(
            ["modinfo", "--field=firmware", *files[start : start + 500]], check=True, capture_output=True, text=True
        ).stdout
        found.update(output.split())
    return found


def with_older_versions(declared, present):
    """iwlwifi declares its newest version and takes the highest that is there."""
    wanted = set(declared)
    by_stem = {}
    for path in present:
        if match := VERSIONED.match(path):
            by_stem.setdefault(match["stem"], []).append(int(match["version"]))
    for path in declared:
        if (match := VERSIONED.match(path)) and path not in present:
            older = [version for version in by_stem.get(match["stem"], []) if version <= int(match["version"])]
            if older:
                wanted.add(f"{match['stem']}{max(older)}.ucode")
    return wanted


def with_link_targets(wanted, firmware):
    """A link is worth nothing without the file that it names."""
    found, queue = set(), list(wanted)
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found.add(path)
        if (firmware / path).is_symlink():
            queue.append(os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(firmware / path))))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=pathlib.Path, required=True)
    parser.add_argument("--undeclared", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    firmware = arguments.tree / "usr/lib/firmware"
    present = {str(path.relative_to(firmware)) for path in firmware.rglob("*") if path.is_symlink() or path.is_file()}
    lines = (line.split("#")[0].strip() for line in arguments.undeclared.read_text().splitlines())
    declared = with_older_versions(declared_by(arguments.tree / "usr/lib/modules"), present)
    patterns = [line for line in lines if line]
    patterns += [path for path in declared if any(character in path for character in "*?[")]
    wanted = {path for path in present if path in declared or any(fnmatch.fnmatchcase(path, p) for p in patterns)}
    kept = with_link_targets(wanted, firmware)
    for path in sorted(present - kept):
        (firmware / path).unlink()
    for directory, _, _ in os.walk(firmware, topdown=False):
        if not os.listdir(directory):
            os.rmdir(directory)
    print(f"firmware: kept {len(present & kept)} of {len(present)} files")


if __name__ == "__main__":
    main()
