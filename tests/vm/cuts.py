"""The power goes at random instants of an update, and each time there is a working system."""

import concurrent.futures
import itertools
import os
import random
import shutil
import time
import typing

import machine
from api import wait_for_page
from device import APP, APP_PORT, BOOT_SECS, Moment, api, expect
from machine import MachineError
from releases import install, version_of

CUTS = int(os.environ.get("HEARTH_VM_CUTS", "30"))
# Seconds between two cuts, under emulation, in each stage of an update.
INSTALL, STOP, FIRST_BOOT = (4, 22), (2, 7), (4, 22)


class Cut(typing.NamedTuple):
    """An instant in a stage of an update, and the device as it was then."""

    stage: str
    when: str
    moment: Moment


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
        self.moments.append(Cut(self.name, f"{vm.seconds():.0f} s into it", Moment(frozen, variables, None)))
        self.due = time.monotonic() + self.random.uniform(*self.between)

    def chosen(self, count):
        """Numbers of that many instants, from each stage in turn, since one takes longer than the others."""
        stages = {}
        for number, cut in enumerate(self.moments):
            stages.setdefault(cut.stage, []).append(number)
        for numbers in stages.values():
            self.random.shuffle(numbers)
        turns = itertools.chain.from_iterable(itertools.zip_longest(*stages.values()))
        return sorted([number for number in turns if number is not None][:count])


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
        wait_until_kept(vm, bad, lambda: cuts.tick(vm))
        whole.note_boot(f"{bad}, kept", vm)
    chosen = cuts.chosen(CUTS)
    print(f"  {len(cuts.moments)} instants, of which {len(chosen)} are looked at", flush=True)
    if len(chosen) < CUTS:
        raise MachineError(f"expected {CUTS} instants, found {len(chosen)}")
    # Each with one processor: all of this machine's work all the time, and none waits for another.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(lambda number: works(device, number, cuts.moments[number], good, bad), chosen))
    expect("instants without a working system after them", [], [text for text in results if text])


def wait_until_kept(vm, version, while_it_does):
    """`while_it_does` is called again and again, also while the device is asked and does not answer yet."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(is_kept, vm)
        while not (asked.done() and asked.result()):
            if vm.seconds() > BOOT_SECS or vm.process.poll() is not None:
                raise MachineError(f"expected {version} to be kept, found:\n{vm.console()[-2000:]}")
            if asked.done():
                asked = pool.submit(is_kept, vm)
            while_it_does()
            time.sleep(0.5)


def is_kept(vm):
    try:
        owner = api(vm)
        owner.sign_in()
        return owner.call("GET", "os")["update"]["state"] == "blessed"
    except (MachineError, OSError):
        return False


def works(device, number, cut, good, bad):
    """None, or at which instant the device lost its power and did not come back."""
    device = device.fork(cut.moment, f"cut-{number}")
    when = f"{cut.stage}, {cut.when}"
    try:
        with device.boot(processors=1) as vm:
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
