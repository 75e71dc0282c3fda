"""A root that is not what was published."""

import disks
import machine
from device import BOOT_SECS, expect


def a_flipped_bit_in_the_root_is_refused(device):
    """Every block is checked when it is read, so the one flipped is the superblock's, which always is."""
    damaged = device.directory / "damaged.raw"
    disks.make_disk(device.image, damaged, 0)
    start = root_offset(damaged)
    with open(damaged, "r+b") as disk:
        disk.seek(start + 1024)
        byte = disk.read(1)[0]
        disk.seek(start + 1024)
        disk.write(bytes([byte ^ 1]))
    with machine.Machine(damaged, device.directory, shell=False) as vm:
        vm.wait_for_console("Restarting in 20 seconds", BOOT_SECS)
        device.note_boot("flipped bit, refused", vm)
        expect("root was entered", False, "Started hearth.service" in vm.console())
        vm.wait_for_end(BOOT_SECS)
    damaged.unlink()


def root_offset(disk):
    """First byte of slot A, out of the GPT: entry 1, 512-byte sectors."""
    with open(disk, "rb") as file:
        file.seek(2 * 512 + 128 + 32)
        return int.from_bytes(file.read(8), "little") * 512
