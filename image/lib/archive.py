"""Writes a tree as a tar that is the same for the same files.

Sorted, with one time stamp, and with the owners and modes of ownership.txt.
"""

import argparse
import os
import pathlib
import stat
import sys
import tarfile


def ids(tree, file, name):
    """The number of a user or group in the tree's own passwd or group file."""
    for line in (tree / "etc" / file).read_text().splitlines():
        fields = line.split(":")
        if fields[0] == name:
            return int(fields[2])
    sys.exit(f"archive: ownership.txt names `{name}`, which etc/{file} of the image does not have")


def read_ownership(text, tree):
    rules = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            path, mode, user, group = line.split()
            rules[path] = (int(mode, 8), ids(tree, "passwd", user), ids(tree, "group", group))
    return rules


def paths(tree):
    # The root itself first: mkfs.erofs gives one that is not named mode 0777, and sshd then takes nobody's key.
    found = ["."]
    for directory, directories, files in os.walk(tree):
        for name in directories + files:
            found.append(os.path.relpath(os.path.join(directory, name), tree))
    return sorted(found)


def header(tree, path, rule, epoch, inodes):
    status = os.lstat(tree / path)
    entry = tarfile.TarInfo(path)
    entry.mtime = epoch
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, os.readlink(tree / path), 0o777
    elif stat.S_ISDIR(status.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    elif status.st_nlink > 1 and status.st_ino in inodes:
        entry.type, entry.linkname = tarfile.LNKTYPE, inodes[status.st_ino]
    else:
        inodes[status.st_ino] = path
        entry.size = status.st_size
        entry.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    if rule:
        entry.mode, entry.uid, entry.gid = rule
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=pathlib.Path, required=True)
    parser.add_argument("--ownership", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    rules = read_ownership(arguments.ownership.read_text(), arguments.tree)
    found = paths(arguments.tree)
    missing = set(rules) - set(found)
    if missing:
        sys.exit(f"archive: ownership.txt names paths that the image does not have: {sorted(missing)}")
    inodes = {}
    with tarfile.open(arguments.output, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in found:
            entry = header(arguments.tree, path, rules.get(path), epoch, inodes)
            if entry.isreg():
                with open(arguments.tree / path, "rb") as file:
                    archive.addfile(entry, file)
            else:
                archive.addfile(entry)


if __name__ == "__main__":
    main()
