"""Releases that are published for a device, and the device's way to them."""

import pathlib
import subprocess
import time

from device import BOOT_SECS, expect
from machine import MachineError


class Releases:
    """A channel's repository, and its keys."""

    def __init__(self, folder, tool, keys):
        self.folder, self.tool, self.keys = pathlib.Path(folder), tool, keys
        self.served = self.folder / "served"

    def publish(self, version, files):
        notes = self.folder / "notes.md"
        notes.write_text(f"What is new in {version}.\n")
        self.run("publish", version, files, "--board", "x86-64", "--notes", notes, "--channel", "stable", repository=self.served)

    def run(self, *arguments, repository):
        """A command of the tool that signs."""
        subprocess.run([self.tool, *arguments, "--repository", repository, "--keys", self.keys], check=True, stdout=subprocess.DEVNULL)


def wait_for_state(owner, states, timeout_secs, refused=()):
    """The system's status once its update is in one of these states; `refused` is an end as well, unless it is waited for."""
    deadline, last = time.monotonic() + timeout_secs, None
    while time.monotonic() < deadline:
        last = owner.call("GET", "os")
        if last["update"]["state"] in states:
            return last
        if last["update"]["state"] == "refused":
            break
        time.sleep(2)
    raise MachineError(f"expected the update to be {' or '.join(states)} within {timeout_secs} s, found {last and last['update']}")


def offer(device, vm, owner, version):
    """The device asks the channel, which has this release."""
    device.channel.open_in(vm)
    owner.call("POST", "os/check", {})
    offered = wait_for_state(owner, ["available"], BOOT_SECS)["update"]
    expect("release offered", version, offered["version"])


def install(device, owner, while_it_does=lambda: None):
    """From the offer to the slot. `while_it_does` is called again and again."""
    started, before = time.monotonic(), device.channel.sent_bytes
    owner.call("POST", "os/update")
    while True:
        update = owner.call("GET", "os")["update"]
        if update["state"] == "ready_to_reboot":
            break
        if update["state"] == "refused" or time.monotonic() - started > BOOT_SECS:
            raise MachineError(f"expected the release in its slot, found {update}")
        while_it_does()
        time.sleep(1)
    share = share_of(update["release"], device.channel.sent_bytes - before)
    print(f"  {update['version']} in its slot after {time.monotonic() - started:.0f} s; {share}", flush=True)


def share_of(release, fetched_bytes):
    """How much of a release came over the line, in words."""
    whole = release["size_bytes"]
    return f"{fetched_bytes / 1e6:.1f} of {whole / 1e6:.1f} MB fetched, {fetched_bytes / whole:.1%}"


def wait_for_stop(vm, what="stopped for the restart"):
    started = time.monotonic()
    vm.wait_for_end(BOOT_SECS)
    print(f"  {what} after {time.monotonic() - started:.0f} s", flush=True)


def version_of(vm):
    return vm.output("sed -n 's/^IMAGE_VERSION=//p' /usr/lib/os-release").strip('"')
