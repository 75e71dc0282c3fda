"""A device across power-ons: its disk, what was learned about it, and a registry on the machine that tests."""

import base64
import copy
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import time
import typing

import disks
import machine
from api import Api, wait_for_page
from machine import MachineError

# Wall time under plain emulation on two busy cores; a real machine takes a hundredth.
BOOT_SECS = int(os.environ.get("HEARTH_VM_BOOT_SECS", "1500"))
DISK_BYTES = 12 << 30
# The starter package that is installed, and the port that it proposes for its page.
APP, APP_PORT = "ntfy", 8083
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Where the agent keeps everything.
STATE = "/var/lib/hearth"
# What the device is called when it was flashed so.
FLASHED_NAME = "flashed"


class Moment(typing.NamedTuple):
    """Files of a device at one instant: its disk, the firmware's variables, and its memory where it was running."""

    disk: pathlib.Path
    variables: pathlib.Path
    memory: pathlib.Path | None


class Device:
    def __init__(self, image, directory, starter, command):
        """`command` is `hearth`, which flashes the image; None lays a disk over it, as those who are not root have to."""
        self.image = image
        self.directory = pathlib.Path(directory)
        self.starter = pathlib.Path(starter)
        self.is_flashed = command is not None
        if self.is_flashed:
            self.disk = self.directory / "disk.raw"
            started = time.monotonic()
            done = disks.flash(command, image, self.disk, DISK_BYTES, ["--hostname", FLASHED_NAME])[-1]
            print(f"  flashed: {done} after {time.monotonic() - started:.0f} s", flush=True)
        else:
            self.disk = self.directory / "disk.qcow2"
            disks.make_overlay(image, self.disk, DISK_BYTES)
        # A browser that waits for the restart finds it where it was.
        self.ports = {guest: machine.free_port() for guest in (22, 80, APP_PORT)}
        self.channel = None
        self.identity = None
        self.boots = []

    def boot(self, **options):
        return machine.Machine(self.disk, self.directory, ports=self.ports, **options)

    def fork(self, moment, name):
        """A device of its own that has what this one had at a moment."""
        other = copy.copy(self)
        other.directory = self.directory / name
        other.directory.mkdir()
        other.disk = other.directory / "disk.qcow2"
        disks.make_overlay(moment.disk, other.disk)
        shutil.copy(moment.variables, other.directory / machine.VARIABLES)
        other.ports = {guest: machine.free_port() for guest in self.ports}
        return other

    def save(self, vm, name):
        """The running device at this instant, to go on from; `vm` and this device's disk are not used any more."""
        memory = self.directory / f"{name}.memory"
        vm.save(memory)
        variables = self.directory / f"{name}.fd"
        shutil.copy(self.directory / machine.VARIABLES, variables)
        return Moment(self.disk, variables, memory)

    def note_boot(self, what, vm):
        self.boots.append(f"{what}: {vm.cost()}")
        print(f"  {self.boots[-1]}", flush=True)


def expect(what, expected, found):
    if expected != found:
        raise MachineError(f"{what}: expected {expected!r}, found {found!r}")


def wait_until_running(device, vm, what):
    """Waits until the start is over, and returns systemd's word for how it ended."""
    vm.wait_for_shell(BOOT_SECS)
    device.note_boot(f"{what}, root", vm)
    while vm.seconds() < BOOT_SECS:
        _, state = vm.run("systemctl is-system-running", check=False)
        if state not in ("initializing", "starting"):
            device.note_boot(f"{what}, {state}", vm)
            return state
        time.sleep(3)
    _, jobs = vm.run("systemctl list-jobs --no-pager", check=False)
    raise MachineError(f"expected the system to be up within {BOOT_SECS} s; these jobs wait:\n{jobs}")


def expect_running(device, vm, what):
    state = wait_until_running(device, vm, what)
    _, failed = vm.run("systemctl --failed --no-legend --plain --no-pager", check=False)
    if failed:
        journal = vm.run("journalctl --boot --no-pager --priority err --quiet | tail -n 30", check=False)[1]
        raise MachineError(f"expected no failed unit, found:\n{failed}\n{journal}")
    expect("state", "running", state)


def identity(vm):
    return vm.output("cat /etc/machine-id /proc/sys/kernel/hostname; findmnt --noheadings --output UUID /var")


def api(vm):
    return Api(vm.ports[80])


class Registry:
    """The starter set's images, at the address of the guest that its packages name."""

    def __init__(self, starter):
        self.port = (pathlib.Path(starter) / "port").read_text().strip()
        self.command = [REPOSITORY / "appstore/starter/registry"]
        self.options = ["--data", pathlib.Path(starter) / "registry", "--port", self.port]

    def __enter__(self):
        subprocess.run([*self.command, "start", *self.options], check=True, stdout=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        subprocess.run([*self.command, "stop", *self.options], check=True, stdout=subprocess.DEVNULL)

    def open_in(self, vm):
        """The packages say localhost; in the guest that is a proxy to QEMU's name for its host."""
        vm.run(
            f"systemd-run --quiet --unit test-registry --socket-property ListenStream=127.0.0.1:{self.port} "
            f"/usr/lib/systemd/systemd-socket-proxyd 10.0.2.2:{self.port}"
        )


def install_app(device, vm, owner):
    """The app of the starter store, from a registry on this machine."""
    send_folder(vm, device.starter / "store/apps" / APP, f"{STATE}/starter/apps/{APP}")
    vm.run(f"printf 'id: starter\\nname: Starter\\n' >{STATE}/starter/store.yml")
    owner.add_store("starter", f"{STATE}/starter")
    started = time.monotonic()
    with Registry(device.starter) as registry:
        registry.open_in(vm)
        owner.install("starter", APP)
        owner.wait_until_app_runs(APP, BOOT_SECS)
    print(f"  {APP} pulled, started and healthy after {time.monotonic() - started:.0f} s", flush=True)
    expect("the app's page", 200, wait_for_page(vm.ports[APP_PORT], 60)[0])


def send_folder(vm, folder, target):
    """Unpacks a small folder of this machine at a path of the guest."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(folder, arcname=".")
    text = base64.encodebytes(packed.getvalue()).decode()
    vm.run(f"mkdir -p {target} && base64 -d >/run/sent.tgz <<'END'\n{text}END\ntar -xzf /run/sent.tgz -C {target} --no-same-owner && rm /run/sent.tgz")
