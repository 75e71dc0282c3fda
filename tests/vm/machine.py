"""A virtual machine that boots the flashed image, driven over serial lines.

The image has no login, so a test asks systemd-stub, through SMBIOS, for one
more kernel parameter: systemd's debug shell on the second serial port. The
image itself stays bit for bit what a device would get.
"""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

from monitor import MachineError, Monitor

# Where Debian, and distributions that follow it, keep the firmware.
FIRMWARE = [pathlib.Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), pathlib.Path("/usr/share/OVMF/OVMF_CODE.fd")]
# File of the firmware's variables in a machine's directory.
VARIABLES = "vars.fd"
PROMPT = "hearth-vm# "
SHELL_RETRY_SECS = 20
# What the console has beside text: colours, and the cursor of systemd's progress line.
CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1bM")
# Before QEMU's commit deba78709a an emulated processor may keep what it translates while another one writes there. A kernel
# patches itself so as it starts, and one was seen to die of an `int3` that was gone again.
CODE_IS_LOCKED = (8, 1)
# Where image/setup puts a later QEMU.
UNPACKED = pathlib.Path(__file__).resolve().parents[2] / "target/tools/qemu"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def acceleration():
    """(options of QEMU, kernel parameters): KVM where the processor offers it, else emulation.

    HEARTH_VM_ACCEL=kvm or tcg decides otherwise.

    The device node alone says too little: some hosts have it and run no guest with it.
    """
    chosen = os.environ.get("HEARTH_VM_ACCEL")
    if chosen not in (None, "kvm", "tcg"):
        raise MachineError(f"expected HEARTH_VM_ACCEL to be kvm or tcg, found `{chosen}`")
    virtualises = re.search(r"^flags\s*:.*\b(vmx|svm)\b", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    if chosen == "kvm" or (chosen is None and virtualises and os.access("/dev/kvm", os.R_OK | os.W_OK)):
        return ["-machine", "q35", "-accel", "kvm", "-cpu", "host"], []
    # With the HPET a guest under plain emulation hangs; see image/README.md. There is no processor to protect from,
    # and switching page tables at each system call, as its mitigations do, empties the emulator's caches.
    threads = "multi" if qemu_version() >= CODE_IS_LOCKED else "single"
    return ["-machine", "q35,hpet=off", "-accel", f"tcg,thread={threads},tb-size=512", "-cpu", "kvm64"], ["mitigations=off"]


def qemu():
    """(program, environment): the QEMU that image/setup unpacked, else the one that is installed."""
    program = UNPACKED / "usr/bin/qemu-system-x86_64"
    if not program.exists():
        return "qemu-system-x86_64", {}
    return str(program), {"QEMU_MODULE_DIR": str(UNPACKED / "usr/lib/x86_64-linux-gnu/qemu")}


def qemu_version():
    """(major, minor) of the QEMU that is started."""
    program, _ = qemu()
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", said)
    if not found:
        raise MachineError(f"expected `{program} --version` to tell a version, found `{said.strip()}`")
    return int(found[1]), int(found[2])


class Machine:
    """One power-on of a machine. `with` ends it by switching the power off."""

    def __init__(self, disk, directory, memory_mib=2048, shell=True, ports=None, parameters=(), credentials=(), memory=None, processors=2):
        """`ports` says which port of this machine leads to which of the guest; without it, a free one leads to port 80.
        `parameters` go to the kernel beside those of the image, `credentials` (`name=value`) to systemd.

        `memory` is a file of `save`: the machine goes on where it was, and its disk has to be as it was then.
        """
        self.directory = pathlib.Path(directory)
        self.started, self.used_cpu_secs = time.monotonic(), 0.0
        self.ports = ports or {80: free_port()}
        self.console_log = self.directory / f"console-{time.time_ns()}.log"
        shell_socket, monitor_socket = self.directory / "shell.sock", self.directory / "monitor.sock"
        for path in (shell_socket, monitor_socket):
            path.unlink(missing_ok=True)
        kind = "qcow2" if pathlib.Path(disk).suffix == ".qcow2" else "raw"
        code = next((path for path in FIRMWARE if path.exists()), None)
        if code is None:
            raise MachineError(f"expected UEFI firmware at one of {[str(path) for path in FIRMWARE]}; install `ovmf`")
        variables = self.directory / VARIABLES
        if not variables.exists():
            shutil.copy(str(code).replace("CODE", "VARS"), variables)
        accelerated, parameters_of_acceleration = acceleration()
        # On a busy host an emulated timer is late, which the kernel would take for a broken one, and panic.
        parameters = ["console=ttyS0", "systemd.show_status=1", "no_timer_check", *parameters_of_acceleration, *parameters]
        if shell:
            parameters.append("systemd.debug_shell=ttyS1")
        strings = [f"io.systemd.stub.kernel-cmdline-extra={' '.join(parameters)}"]
        strings += [f"io.systemd.credential:{credential}" for credential in credentials]
        forwards = ",".join(f"hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in self.ports.items())
        program, environment = qemu()
        command = [
            program, "-nodefaults", *accelerated,
            "-smp", str(processors), "-m", str(memory_mib), "-display", "none", "-no-reboot",
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={variables}",
            "-drive", f"if=none,id=disk,format={kind},cache=unsafe,discard=unmap,file={disk}", "-device", "virtio-blk-pci,drive=disk",
            # The chipset's own watchdog restarts, as it does on a board.
            "-device", "virtio-rng-pci", "-device", "VGA", "-global", "ICH9-LPC.noreboot=false", "-action", "watchdog=reset",
            "-device", "qemu-xhci,id=usb",
            "-netdev", f"user,id=net,{forwards}", "-device", "virtio-net-pci,netdev=net,romfile=",
            *(option for string in strings for option in ("-smbios", f"type=11,value={string}")),
            "-serial", f"file:{self.console_log}",
            "-serial", f"unix:{shell_socket},server=on,wait=off",
            "-qmp", f"unix:{monitor_socket},server=on,wait=off",
            *(("-incoming", f"exec:cat '{memory}'") if memory else ()),
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=os.environ | environment)
        self.shell = self._connect(shell_socket)
        self.shell.setblocking(False)
        self.monitor = Monitor(self._connect(monitor_socket))
        if memory:
            self._go_on()
        self.received = ""

    def _connect(self, path):
        connection = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                connection.connect(str(path))
                return connection
            except OSError:
                if self.process.poll() is not None:
                    raise MachineError(f"QEMU ended with status {self.process.returncode} at once") from None
                time.sleep(0.1)
        raise MachineError(f"QEMU did not open {path} within 10 seconds")

    def _go_on(self):
        """A machine that was stopped when its memory was kept is stopped when it has it again."""
        while (state := self.monitor.call("query-status")["status"]) == "inmigrate":
            time.sleep(0.2)
        if state != "paused":
            raise MachineError(f"expected QEMU to have the memory that was kept, found it {state}")
        self.monitor.call("cont")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_off()

    def seconds(self):
        return time.monotonic() - self.started

    def cpu_seconds(self):
        """What the machine cost so far, or when it was last waited for; unlike wall time it says the same on a busy host."""
        if self.process.poll() is None:
            fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            self.used_cpu_secs = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return self.used_cpu_secs

    def cost(self):
        return f"{self.seconds():.0f} s ({self.cpu_seconds():.0f} s of processor time)"

    def power_off(self):
        """Takes the power away, as a pulled plug does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.shell.close()
        self.monitor.close()

    def save(self, memory):
        """Stops the machine for good and keeps its memory in a file, from which any number of machines go on."""
        self.monitor.call("stop")
        self.monitor.call("migrate", uri=f"exec:cat >'{memory}'")
        while (state := self.monitor.call("query-migrate")["status"]) != "completed":
            if state == "failed":
                raise MachineError("QEMU could not keep the memory of the machine")
            time.sleep(0.5)
        self.power_off()

    def freeze_disk(self, next_disk):
        """What is on the disk at this instant stays as it is, for a machine that loses its power now; the rest goes to another file."""
        self.monitor.call("blockdev-snapshot-sync", device="disk", **{"snapshot-file": str(next_disk), "format": "qcow2"})

    def console(self):
        if not self.console_log.exists():
            return ""
        return CONTROL_SEQUENCE.sub("", self.console_log.read_text(errors="replace"))

    def _wait(self, what, done, timeout_secs):
        deadline = time.monotonic() + timeout_secs
        while time.monotonic() < deadline:
            if (result := done()) is not None:
                return result
            self.cpu_seconds()
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        tail = "\n".join(self.console().splitlines()[-25:])
        raise MachineError(f"expected {what} within {timeout_secs} s; the console ended with:\n{tail}\nshell: {self.received[-500:]}")

    def wait_for_console(self, pattern, timeout_secs):
        return self._wait(f"`{pattern}` on the console", lambda: re.search(pattern, self.console()), timeout_secs)

    def wait_for_end(self, timeout_secs):
        """Waits until the machine restarts or switches itself off."""
        deadline = time.monotonic() + timeout_secs
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise MachineError(f"expected a restart within {timeout_secs} s")
            self.cpu_seconds()
            time.sleep(0.2)

    def _read(self):
        try:
            while data := self.shell.recv(65536):
                self.received += data.decode(errors="replace")
        except (BlockingIOError, ConnectionResetError):
            # Reset is that the machine ended, which is told with what its console said last.
            pass

    def _send(self, data):
        """The guest reads its serial line slowly: what does not fit yet is sent when there is room."""
        while data:
            try:
                data = data[self.shell.send(data) :]
            except BlockingIOError:
                time.sleep(0.05)
            except (BrokenPipeError, ConnectionResetError):
                return

    def wait_for_shell(self, timeout_secs):
        """The debug shell of the running root, with a prompt of our own."""
        asked = -SHELL_RETRY_SECS

        def ready():
            nonlocal asked
            self._read()
            # The echo of what was sent has the prompt in two halves; only the shell joins them.
            if PROMPT in self.received:
                return True
            # Rarely: a serial line keeps what nobody reads yet, and drops what is beyond that.
            if self.seconds() - asked >= SHELL_RETRY_SECS:
                asked = self.seconds()
                self._send(f"\nstty -echo; TERM=dumb; PS1='{PROMPT[:6]}''{PROMPT[6:]}'\n".encode())
            return None

        self._wait("a debug shell", ready, timeout_secs)
        # A shell that is just starting sets its terminal anew, and what is typed would be echoed into every answer.
        for _ in range(5):
            if self.output("stty -echo") == "":
                return
        raise MachineError(f"expected a debug shell that does not echo, found: {self.received[-500:]}")

    def comes_up(self, timeout_secs):
        """Whether there is a debug shell; False when the machine ended before."""
        try:
            self.wait_for_shell(timeout_secs)
        except MachineError:
            if self.process.poll() is None:
                raise
            return False
        return True

    def wait_for_text(self, text, timeout_secs):
        """Something that the second serial port says."""

        def said():
            self._read()
            return text in self.received or None

        self._wait(f"`{text}` on the second serial port", said, timeout_secs)

    def run(self, command, timeout_secs=300, check=True):
        """(exit status, output) of a command in the shell."""
        self._read()
        marker = f"@{time.monotonic_ns()}@"
        self.received = ""
        # What comes before the first marker is the end of the last prompt, cut anywhere.
        mark = f"echo '{marker[:3]}''{marker[3:]}'"
        self._send(f"{mark}\n{command}\nstatus=$?; echo; {mark}$status\n".encode())

        def finished():
            self._read()
            return re.search(rf"{re.escape(marker)}\r?\n(.*){re.escape(marker)}(\d+)\r?\n", self.received, re.DOTALL)

        found = self._wait(f"an answer to `{command[:200]}`", finished, timeout_secs)
        output = found[1].replace("\r", "").replace(PROMPT, "").strip()
        status = int(found[2])
        if check and status != 0:
            raise MachineError(f"`{command[:200]}` ended with {status}: {output}")
        return status, output

    def output(self, command, timeout_secs=300):
        """What a command says, which must succeed."""
        return self.run(command, timeout_secs)[1]


def scratch_directory():
    # Not /tmp: on many systems that is memory, and a disk is gigabytes.
    return tempfile.TemporaryDirectory(prefix="hearth-vm.", dir=os.environ.get("TMPDIR", "/var/tmp"))
