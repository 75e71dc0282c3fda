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

# Where Debian, and distributions that follow it, keep the firmware.
FIRMWARE = [pathlib.Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), pathlib.Path("/usr/share/OVMF/OVMF_CODE.fd")]
PROMPT = "hearth-vm# "
SHELL_RETRY_SECS = 20


class MachineError(Exception):
    """The machine did not do what was expected; the message has what it said instead."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_disk(image, path, size_bytes):
    """A sparse copy of the image, as large as the disk of the device."""
    subprocess.run(["cp", "--sparse=always", str(image), str(path)], check=True)
    path.chmod(0o600)
    os.truncate(path, max(size_bytes, path.stat().st_size))


class Machine:
    """One power-on of a machine. `with` ends it by switching the power off."""

    def __init__(self, disk, directory, memory_mib=2048, shell=True):
        self.directory = pathlib.Path(directory)
        self.started = time.monotonic()
        self.http_port = free_port()
        self.console_log = self.directory / f"console-{int(time.time())}.log"
        shell_socket = self.directory / "shell.sock"
        shell_socket.unlink(missing_ok=True)
        code = next((path for path in FIRMWARE if path.exists()), None)
        if code is None:
            raise MachineError(f"expected UEFI firmware at one of {[str(path) for path in FIRMWARE]}; install `ovmf`")
        variables = self.directory / "vars.fd"
        if not variables.exists():
            shutil.copy(str(code).replace("CODE", "VARS"), variables)
        parameters = "console=ttyS0 systemd.show_status=1"
        if shell:
            parameters += " systemd.debug_shell=ttyS1"
        command = [
            "qemu-system-x86_64",
            # With the HPET a guest under plain emulation hangs; see image/README.md.
            "-machine", "q35,hpet=off", "-accel", "tcg,thread=multi", "-cpu", "qemu64",
            "-smp", "2", "-m", str(memory_mib), "-display", "none", "-no-reboot",
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={variables}",
            "-drive", f"if=none,id=disk,format=raw,cache=unsafe,file={disk}", "-device", "virtio-blk-pci,drive=disk",
            "-device", "virtio-rng-pci",
            "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self.http_port}-:80", "-device", "virtio-net-pci,netdev=net",
            "-smbios", f"type=11,value=io.systemd.stub.kernel-cmdline-extra={parameters}",
            "-serial", f"file:{self.console_log}",
            "-serial", f"unix:{shell_socket},server=on,wait=off",
            "-monitor", "none",
        ]  # fmt: skip
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.shell = self._connect(shell_socket)
        self.received = ""

    def _connect(self, path):
        connection = socket.socket(socket.AF_UNIX)
        for _ in range(100):
            try:
                connection.connect(str(path))
                connection.setblocking(False)
                return connection
            except OSError:
                if self.process.poll() is not None:
                    raise MachineError(f"QEMU ended with status {self.process.returncode} at once") from None
                time.sleep(0.1)
        raise MachineError(f"QEMU did not open {path} within 10 seconds")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_off()

    def seconds(self):
        return time.monotonic() - self.started

    def power_off(self):
        """Takes the power away, as a pulled plug does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.shell.close()

    def console(self):
        return self.console_log.read_text(errors="replace") if self.console_log.exists() else ""

    def _wait(self, what, done, timeout_secs):
        deadline = time.monotonic() + timeout_secs
        while time.monotonic() < deadline:
            if (result := done()) is not None:
                return result
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        tail = "\n".join(self.console().splitlines()[-25:])
        raise MachineError(f"expected {what} within {timeout_secs} s; the console ended with:\n{tail}\nshell: {self.received[-500:]}")

    def wait_for_console(self, pattern, timeout_secs):
        return self._wait(f"`{pattern}` on the console", lambda: re.search(pattern, self.console()), timeout_secs)

    def wait_for_end(self, timeout_secs):
        """Waits until the machine restarts or switches itself off."""
        try:
            self.process.wait(timeout_secs)
        except subprocess.TimeoutExpired:
            raise MachineError(f"expected a restart within {timeout_secs} s") from None

    def _read(self):
        try:
            while data := self.shell.recv(65536):
                self.received += data.decode(errors="replace")
        except BlockingIOError:
            pass

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
                self.shell.send(f"\nstty -echo; TERM=dumb; PS1='{PROMPT[:6]}''{PROMPT[6:]}'\n".encode())
            return None

        self._wait("a debug shell", ready, timeout_secs)

    def run(self, command, timeout_secs=300, check=True):
        """(exit status, output) of a command in the shell."""
        self._read()
        marker = f"@{time.monotonic_ns()}@"
        self.received = ""
        self.shell.send(f"{command}\nstatus=$?; echo; echo '{marker[:3]}''{marker[3:]}'$status\n".encode())

        def finished():
            self._read()
            return re.search(re.escape(marker) + r"(\d+)\r?\n", self.received)

        found = self._wait(f"an answer to `{command}`", finished, timeout_secs)
        output = self.received[: found.start()].replace("\r", "").replace(PROMPT, "").strip()
        status = int(found[1])
        if check and status != 0:
            raise MachineError(f"`{command}` ended with {status}: {output}")
        return status, output


def scratch_directory():
    return tempfile.TemporaryDirectory(prefix="hearth-vm.")
