"""Where Debian's archive is fetched from: a setting, never a fact of this repository.

In order: what the caller names, HEARTH_DEBIAN_MIRRORS (separated by spaces),
then the machine's own apt sources. The security archive of a mirror is its
address with `-security` added, which is how the archive is laid out, unless
apt's sources name another.
"""

import os
import pathlib
import re
import sys

APT = pathlib.Path("/etc/apt")


def _apt_uris():
    files = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))]
    for file in files:
        if not file.is_file():
            continue
        text = file.read_text(errors="replace")
        if file.suffix == ".sources":
            for line in re.findall(r"^URIs:(.*)$", text, re.MULTILINE | re.IGNORECASE):
                yield from line.split()
        elif file.suffix == ".list":
            yield from re.findall(r"^deb\s+(?:\[[^]]*\]\s+)?(\S+)", text, re.MULTILINE)


def all_mirrors(mirror=None, security_mirror=None):
    """Every known mirror as {"debian": URL, "debian-security": URL}, best first."""
    named = [mirror] if mirror else []
    named += os.environ.get("HEARTH_DEBIAN_MIRRORS", "").split()
    found = [
        {"debian": url.rstrip("/"), "debian-security": (security_mirror or url.rstrip("/") + "-security").rstrip("/")}
        for url in named
    ]
    uris = [uri.rstrip("/") for uri in _apt_uris()]
    security = [uri for uri in uris if uri.endswith("/debian-security")]
    for uri in uris:
        if uri.endswith("/debian"):
            found.append({"debian": uri, "debian-security": (security or [uri + "-security"])[0]})
    unique = []
    for entry in found:
        if entry not in unique:
            unique.append(entry)
    return unique


def first(mirror=None, security_mirror=None):
    """The best mirror; ends the program with a remedy when there is none."""
    found = all_mirrors(mirror, security_mirror)
    if not found:
        sys.exit(
            "no Debian mirror is known: this machine's apt sources name none.\n"
            "Set HEARTH_DEBIAN_MIRRORS to the address of one (it ends in /debian)."
        )
    return found[0]
