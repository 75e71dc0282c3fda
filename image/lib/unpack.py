"""Unpacks Debian packages into a tree, without running a line of what they bring.

A package that brings a maintainer script is refused unless scripts.json has
that script's hash: somebody has to read it and declare what it would have done.
Set-id bits are not taken over; see ownership.txt.
"""

import argparse
import fnmatch
import hashlib
import io
import json
import os
import pathlib
import re
import stat
import sys
import tarfile

# Scripts of removal never matter: nothing is ever removed from an image.
SCRIPTS = ("preinst", "postinst")
# A kernel's package, and its release: `linux-image-6.12.117+deb13-amd64`.
KERNEL = re.compile(r"(linux-image-)(\d\S*)")
# Debhelper's version in the comment that it leaves: a package that was only built anew does nothing else than before.
BUILT_WITH = re.compile(rb"^(# Automatically added by \w+)/\S+$", re.MULTILINE)


def members(deb):
    """The files of an `ar` archive: 60-byte headers, even offsets."""
    content = pathlib.Path(deb).read_bytes()
    if content[:8] != b"!<arch>\n":
        sys.exit(f"unpack: {deb}: expected a Debian package, found something else")
    offset, found = 8, {}
    while offset + 60 <= len(content):
        name = content[offset : offset + 16].decode().rstrip(" /")
        size = int(content[offset + 48 : offset + 58])
        found[name] = content[offset + 60 : offset + 60 + size]
        offset += 60 + size + size % 2
    return found


def part(found, kind):
    name = next(name for name in found if name.startswith(kind + ".tar"))
    return tarfile.open(fileobj=io.BytesIO(found[name]))


def control(found):
    """The package's `family` and the `script_digest` of each maintainer script."""
    name, scripts = None, {}
    with part(found, "control") as archive:
        for entry in archive:
            file = os.path.basename(entry.name)
            if file == "control":
                fields = archive.extractfile(entry).read().decode()
                name = next(line[9:] for line in fields.splitlines() if line.startswith("Package: "))
            elif file in SCRIPTS:
                scripts[file] = archive.extractfile(entry).read()
    return family(name), {file: script_digest(script, name) for file, script in scripts.items()}


def family(name):
    """The package's name, of a kernel without its release: each release is a package of its own."""
    return KERNEL.sub(r"\1RELEASE", name)


def script_digest(script, name):
    """SHA-256 of a script of package `name`, whichever debhelper wrote its share of it, for whichever release of a kernel."""
    if kernel := KERNEL.fullmatch(name):
        script = script.replace(kernel[2].encode(), b"RELEASE")
    return hashlib.sha256(BUILT_WITH.sub(rb"\1", script)).hexdigest()


class Prune:
    """Which paths stay out: the last pattern that matches decides, `!` keeps."""

    def __init__(self, text):
        lines = [line.split("#")[0].strip() for line in text.splitlines()]
        self.rules = [(line.lstrip("!"), not line.startswith("!")) for line in lines if line]

    def __call__(self, path):
        out = False
        for pattern, verdict in self.rules:
            if fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, pattern + "/*"):
                out = verdict
        return out


def extract(archive, into, prune):
    for entry in archive:
        path = os.path.normpath(entry.name)
        if path == "." or (prune(path) and not entry.isdir()):
            continue
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.isdir():
            # A directory may be a link already: /bin of a merged /usr.
            target.mkdir(exist_ok=True)
            continue
        if target.is_symlink() or target.exists():
            target.unlink()
        if entry.issym():
            os.symlink(entry.linkname, target)
        elif entry.islnk():
            source = into / os.path.normpath(entry.linkname)
            if source.exists():
                os.link(source, target)
        elif entry.isreg():
            with open(target, "wb") as file:
                file.write(archive.extractfile(entry).read())
            target.chmod(0o755 if entry.mode & stat.S_IXUSR else 0o644)
        else:
            sys.exit(f"unpack: {path}: a package may not bring a device or a pipe")


def remove_empty_directories(tree, prune):
    """Takes away what pruning emptied, and nothing else."""
    for directory, _, _ in os.walk(tree, topdown=False):
        path = os.path.relpath(directory, tree)
        if prune(path) and not os.listdir(directory):
            os.rmdir(directory)


def compare_scripts(found, known):
    problems = []
    for package, scripts in sorted(found.items()):
        for script, sha256 in sorted(scripts.items()):
            expected = known.get(package, {}).get(script)
            if expected is None:
                problems.append(f"{package} brings a new {script}: {sha256}")
            elif expected != sha256:
                problems.append(f"{package} changed its {script}: expected {expected}, found {sha256}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=pathlib.Path, required=True)
    parser.add_argument("--prune", type=pathlib.Path, required=True)
    parser.add_argument("--scripts", type=pathlib.Path, help="known maintainer scripts; without it none is checked")
    parser.add_argument("debs", nargs="+")
    arguments = parser.parse_args()

    prune = Prune(arguments.prune.read_text())
    arguments.into.mkdir(exist_ok=True)
    scripts = {}
    for deb in arguments.debs:
        found = members(deb)
        name, own = control(found)
        if own:
            scripts[name] = own
        with part(found, "data") as archive:
            extract(archive, arguments.into, prune)
    remove_empty_directories(arguments.into, prune)

    if arguments.scripts:
        problems = compare_scripts(scripts, json.loads(arguments.scripts.read_text()))
        if problems:
            print("\n".join(problems), file=sys.stderr)
            sys.exit(
                "unpack: read each script, declare in system-config/ or image/ what it would have done,\n"
                "then record it with `image/debian/scripts --accept`."
            )


if __name__ == "__main__":
    main()
