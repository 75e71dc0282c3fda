"""Disks of a virtual device, out of an image."""

import json
import os
import subprocess

from monitor import MachineError


def make_disk(image, path, size_bytes):
    """A sparse copy of the image, as large as the disk of the device."""
    subprocess.run(["cp", "--sparse=always", str(image), str(path)], check=True)
    path.chmod(0o600)
    os.truncate(path, max(size_bytes, path.stat().st_size))


def make_overlay(below, path, size_bytes=None):
    """A disk that has what `below` has and keeps what changes to itself; `below` must not change while it is used."""
    kind = "qcow2" if below.suffix == ".qcow2" else "raw"
    size = [] if size_bytes is None else [str(size_bytes)]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", below.resolve(), "-F", kind, path, *size], check=True)


def flash(command, image, path, size_bytes, options):
    """The image on a disk as its owner puts it there: with `hearth flash`, on a loop device."""
    with open(path, "wb") as disk:
        os.truncate(disk.fileno(), size_bytes)
    path.chmod(0o600)
    device = subprocess.run(["losetup", "--find", "--show", path], check=True, capture_output=True, text=True).stdout.strip()
    try:
        told = subprocess.run([command, "flash", image, device, "--yes", "--json", *options], capture_output=True, text=True)
        if told.returncode != 0:
            raise MachineError(f"`hearth flash` ended with {told.returncode}: {told.stderr}")
        return [json.loads(line) for line in told.stdout.splitlines()]
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
