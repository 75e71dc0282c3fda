"""Releases that do not work, each of another kind: the release before comes back by itself and says why."""

import time

from checks import the_watchdog_is_fed
from device import APP, BOOT_SECS, api, expect, expect_running
from machine import MachineError
from releases import version_of, wait_for_state, wait_for_stop

# How often a release is started before the boot loader takes the other slot, and once more.
STARTS = 4
# Short of the device's own half an hour, and longer than a start takes under emulation.
TRIAL_MINUTES = 8


def comes_back(device, ready, good, bad, name, spoil=None, at_start=None):
    """Goes on where `bad` waits for the restart. `spoil(vm)` is done to it there, `at_start(vm)` at each of its starts."""
    device = device.fork(ready, name)
    with device.boot(memory=ready.memory) as vm:
        vm.wait_for_shell(BOOT_SECS)
        if spoil:
            spoil(vm)
        vm.run("sync")
        owner = api(vm)
        owner.sign_in()
        owner.call("POST", "os/reboot")
        wait_for_stop(vm)
    started = time.monotonic()
    for start in range(1, STARTS + 1):
        with device.boot(credentials=[f"hearth.trial_minutes={TRIAL_MINUTES}"]) as vm:
            if not vm.comes_up(BOOT_SECS):
                device.note_boot(f"start {start} of {bad}, which ended", vm)
                continue
            if version_of(vm) == bad:
                if not at_start:
                    raise MachineError(f"expected {bad} not to start, and it did")
                at_start(vm)
                vm.wait_for_end(BOOT_SECS)
                device.note_boot(f"start {start} of {bad}, which was ended", vm)
                continue
            is_back(device, vm, good, bad, f"{name}: {time.monotonic() - started:.0f} s after the restart, at start {start}")
            return
    raise MachineError(f"expected {good} to be back after {STARTS} starts")


def is_back(device, vm, good, bad, when):
    expect("release", good, version_of(vm))
    expect_running(device, vm, f"back on {good}")
    owner = api(vm)
    owner.sign_in()
    status = wait_for_state(owner, ["went_back"], BOOT_SECS)
    print(f"  back on {good}, {when}; reason: {status['update']['reason']}; {len(status['log'])} lines of its log", flush=True)
    expect("release that was not kept", bad, status["update"]["version"])
    owner.wait_until_app_runs(APP, BOOT_SECS)
    device.channel.open_in(vm)
    asked = status["checked_at"]
    owner.call("POST", "os/check", {})
    while (status := owner.call("GET", "os"))["checked_at"] == asked:
        time.sleep(1)
    expect(f"offer of {bad} after that", None, status["update"]["release"])


def a_root_with_a_flipped_bit_goes_back(device, ready, good, bad):
    """Written by the agent, then the disk lies: the superblock, which every start reads."""

    def spoil(vm):
        vm.run(
            f"udevadm settle; for part in $(lsblk -nrpo PATH,PARTLABEL | awk '$2 == \"hearth_{bad}\" {{ print $1 }}'); do "
            "dd if=/dev/zero of=$part bs=512 seek=2 count=1 conv=fsync 2>/dev/null; done"
        )

    comes_back(device, ready, good, bad, "flipped", spoil)


def a_kernel_that_was_cut_off_goes_back(device, ready, good, bad):
    comes_back(device, ready, good, bad, "cut-off", lambda vm: vm.run(f"truncate --size 30M /boot/EFI/Linux/hearth_{bad}+3*.efi"))


def a_kernel_that_panics_goes_back(device, ready, good, bad):
    """The command line stands in the file as it is: the initrd's first program gets a name that nothing has."""

    def spoil(vm):
        vm.run(f"sed --in-place 's|rootfstype=erofs|rdinit=/no/where|' /boot/EFI/Linux/hearth_{bad}+3*.efi")

    comes_back(device, ready, good, bad, "panic", spoil)


def a_system_that_hangs_goes_back(device, ready, good, bad):
    """PID 1 stands still as soon as there is a shell, and nobody feeds the watchdog."""

    def freeze(vm):
        the_watchdog_is_fed(vm)
        vm.run("echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze")

    comes_back(device, ready, good, bad, "hang", at_start=freeze)


def a_release_without_an_agent_goes_back(device, ready, good, bad):
    comes_back(device, ready, good, bad, "dead-agent", at_start=lambda vm: vm.run("systemctl mask --runtime --now hearth.socket hearth.service"))


def a_release_without_an_engine_goes_back(device, ready, good, bad):
    """The agent itself finds that it is not healthy."""
    comes_back(
        device, ready, good, bad, "no-engine", at_start=lambda vm: vm.run("systemctl mask --runtime --now docker.socket docker.service")
    )


CASES = [
    a_kernel_that_was_cut_off_goes_back,
    a_kernel_that_panics_goes_back,
    a_root_with_a_flipped_bit_goes_back,
    a_release_without_an_engine_goes_back,
    a_release_without_an_agent_goes_back,
    a_system_that_hangs_goes_back,
]
