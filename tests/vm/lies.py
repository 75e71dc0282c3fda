"""Channels that lie, and a disk without room: refused with the reason, and nothing written."""

import json
import shutil
import time

from device import BOOT_SECS, api, expect
from machine import MachineError
from releases import wait_for_state

# All that an update writes: files on the way, partition labels, kernels.
WRITTEN = "find /var/lib/hearth/updates -type f ! -name '*.json' 2>/dev/null | sort; lsblk -nrpo PARTLABEL /dev/vda; ls /boot/EFI/Linux"
# More than metadata of any release, much less than a release.
METADATA_BYTES = 4_000_000

# The guest is ahead of who signs: what expires as it is signed has expired there.
CLOCK_AHEAD_SECS = 60


def spoilt_copy(releases, name):
    """The repository with metadata of its own, to be spoilt."""
    folder = releases.folder / name
    shutil.copytree(releases.served / "metadata", folder / "metadata")
    (folder / "targets").symlink_to(releases.served / "targets")
    return folder


def wrong_signature(releases, _before):
    folder = spoilt_copy(releases, "wrong-signature")
    path = folder / "metadata/timestamp.json"
    signed = json.loads(path.read_text())
    for signature in signed["signatures"]:
        signature["sig"] = ("0" if signature["sig"][0] != "0" else "1") + signature["sig"][1:]
    path.write_text(json.dumps(signed))
    return folder, None


def expired(releases, _before):
    folder = spoilt_copy(releases, "expired")
    releases.run("renew", "--valid-for", "0", repository=folder)
    return folder, None


def older(_releases, before):
    """Whole and signed, as it was before the release that the device has seen."""
    return before, None


def mixed(releases, before):
    """The newest timestamp, and a snapshot of before under the newest name."""
    folder = spoilt_copy(releases, "mixed")
    newest = lambda place: max((place / "metadata").glob("*.snapshot.json"), key=lambda path: int(path.name.split(".")[0]))  # noqa: E731
    shutil.copy(newest(before), newest(folder))
    return folder, None


def cut(releases, _before):
    return releases.served, "cut"


def endless(releases, _before):
    return releases.served, "endless"


def slow(releases, _before):
    return releases.served, "slow"


def a_channel_that_lies_is_refused(device, offered, releases, before):
    device = device.fork(offered, "lies")
    with device.boot(memory=offered.memory) as vm:
        vm.wait_for_shell(BOOT_SECS)
        # Where the memory was kept its clock stood still, and nothing would be expired.
        vm.run(f"date --set=@{int(time.time()) + CLOCK_AHEAD_SECS}")
        owner = api(vm)
        owner.sign_in()
        device.channel.open_in(vm)
        written = vm.output(WRITTEN)
        for lie in (wrong_signature, expired, older, mixed, cut, endless, slow):
            started = time.monotonic()
            device.channel.folder, device.channel.lie = lie(releases, before)
            try:
                owner.call("POST", "os/check", {})
                refused = wait_for_state(owner, ["refused", "available", "idle"], BOOT_SECS)["update"]
            finally:
                device.channel.folder, device.channel.lie = releases.served, None
            expect(f"answer to a channel that is {lie.__name__}", "refused", refused["state"])
            print(f"  {lie.__name__}: {time.monotonic() - started:.0f} s, {refused['reason']}", flush=True)
            expect(f"files after a channel that is {lie.__name__}", written, vm.output(WRITTEN))
        owner.call("POST", "os/check", {})
        wait_for_state(owner, ["available"], BOOT_SECS)


def a_disk_too_full_to_download_says_so(device, offered):
    device = device.fork(offered, "full")
    with device.boot(memory=offered.memory) as vm:
        vm.wait_for_shell(BOOT_SECS)
        owner = api(vm)
        owner.sign_in()
        device.channel.open_in(vm)
        vm.run("fallocate -l $(($(df --output=avail --block-size=1 /var | tail -1) - (200 << 20))) /var/filler")
        before = device.channel.sent_bytes
        owner.call("POST", "os/update")
        refused = wait_for_state(owner, ["refused"], BOOT_SECS)["update"]
        print(f"  {refused['reason']}", flush=True)
        if device.channel.sent_bytes - before > METADATA_BYTES:
            raise MachineError(f"expected nothing to be fetched, found {device.channel.sent_bytes - before} bytes")
        vm.run("rm /var/filler")
        owner.call("POST", "os/check", {})
        wait_for_state(owner, ["available"], BOOT_SECS)
