"""The power goes at random instants of an update, and each time there is a working system."""

import concurrent.futures
import os
import random
import shutil
import time

import machine
from api import wait_for_page
from device import APP, APP_PORT, BOOT_SECS, Moment, api, expect
from machine import MachineError
from releases import install, version_of

CUTS = int(os.environ.get("HEARTH_VM_CUTS", "30"))
# Seconds between two cuts, under emulation, in each stage of an update.
INSTALL, STOP, FIRST_BOOT = (4, 22), (2, 7), (4, 22)


class Cuts:
    """Freezes what is on the disk at random instants, which is what a machine whose power goes then has."""

    def __init__(self, device, seed):
        self.device, self.random = device, random.Random(seed)
        self.moments = []
        self.between, self.due = None, None

    def stage(self, name, between):
        self.name, self.between = name, between
        self.due = time.monotonic() + self.random.uniform(*between)

    def tick(self, vm):
        if time.monotonic() < self.due:
            return
        frozen, number = self.device.disk, len(self.moments)
        variables = self.device.directory / f"cut-{number}.fd"
        shutil.copy(self.device.directory / machine.VARIABLES, variables)
        self.device.disk = self.device.directory / f"after-cut-{number}.qcow2"
        vm.freeze_disk(self.device.disk)
        self.moments.append((f"{self.name}, {vm.seconds():.0f} s into it", Moment(frozen, variables, None)))
        self.due = time.monotonic() + self.random.uniform(*self.between)


def a_power_cut_at_any_instant_leaves_a_working_system(device, offered, good, bad):
    seed = int(os.environ.get("HEARTH_VM_SEED", time.time_ns() % 100_000))
    print(f"  HEARTH_VM_SEED={seed}", flush=True)
    whole = device.fork(offered, "cuts")
    cuts = Cuts(whole, seed)
    with whole.boot(memory=offered.memory) as vm:
        owner = api(vm)
        owner.sign_in()
        cuts.stage("download and slot", INSTALL)
        install(whole, owner, lambda: cuts.tick(vm))
        cuts.stage("restart", STOP)
        owner.call("POST", "os/reboot")
        while vm.process.poll() is None:
            cuts.tick(vm)
            time.sleep(0.2)
    with whole.boot() as vm:
        cuts.stage("first boot", FIRST_BOOT)
        while not is_kept(vm):
            if vm.seconds() > BOOT_SECS or vm.process.poll() is not None:
                raise MachineError(f"expected {bad} to be kept, found:\n{vm.console()[-2000:]}")
            cuts.tick(vm)
            time.sleep(0.5)
        whole.note_boot(f"{bad}, kept", vm)
    chosen = sorted(cuts.random.sample(range(len(cuts.moments)), min(CUTS, len(cuts.moments))))
    print(f"  {len(cuts.moments)} instants, of which {len(chosen)} are looked at", flush=True)
    if len(chosen) < CUTS:
        raise MachineError(f"expected {CUTS} instants, found {len(chosen)}")
    # A start has moments of one processor's work alone, which the start beside it fills.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(lambda number: works(device, number, *cuts.moments[number], good, bad), chosen))
    expect("instants without a working system after them", [], [text for text in results if text])


def is_kept(vm):
    try:
        owner = api(vm)
        owner.sign_in()
        return owner.call("GET", "os")["update"]["state"] == "blessed"
    except (MachineError, OSError):
        return False


def works(device, number, when, moment, good, bad):
    """None, or what is wrong with the device that lost its power at this moment."""
    device = device.fork(moment, f"cut-{number}")
    try:
        with device.boot() as vm:
            if not vm.comes_up(BOOT_SECS):
                raise MachineError(f"the start ended by itself:\n{vm.console()[-2000:]}")
            version = version_of(vm)
            if version not in (good, bad):
                raise MachineError(f"expected {good} or {bad}, found {version}")
            owner = api(vm)
            wait_for_answer(owner)
            owner.sign_in()
            owner.wait_until_app_runs(APP, BOOT_SECS)
            expect("the app's page", 200, wait_for_page(vm.ports[APP_PORT], 120)[0])
            state = owner.call("GET", "os")["update"]["state"]
            device.note_boot(f"cut {number}: {when}; {version} runs, {state}", vm)
    except (MachineError, OSError) as error:
        print(f"  cut {number}: {when}; {error}", flush=True)
        return f"{number}: {when}"
    finally:
        shutil.rmtree(device.directory)
    return None


def wait_for_answer(owner):
    deadline = time.monotonic() + BOOT_SECS
    while True:
        try:
            return owner.state()
        except (MachineError, OSError) as error:
            if time.monotonic() > deadline:
                raise MachineError(f"expected the agent to answer within {BOOT_SECS} s: {error}") from error
            time.sleep(1)
