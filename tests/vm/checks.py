"""What has to be true of a running device. Each check fails with what it expected and what it found."""

import base64
import socket

from api import NEXT_OWNER
from device import BOOT_SECS, expect
from machine import MachineError


def a_start_under_way_is_said(vm):
    """While Docker starts nobody is told that it cannot be reached."""
    said = vm.output(
        "until systemctl is-active --quiet docker.service; do "
        "hearth status 2>/dev/null | grep -E '^Docker +(is starting|does not answer)' && break; sleep 1; done",
        BOOT_SECS,
    )
    print(f"  while Docker starts: {said or 'it ran before there was a shell to ask from'}", flush=True)
    if said:
        expect("what is said while Docker starts", "Docker  is starting", said)


def a_new_device_is_as_it_should_be(vm):
    no_unit_waits_for_itself(vm)
    the_root_cannot_be_written(vm)
    the_watchdog_is_fed(vm)
    the_data_partition_fills_the_disk(vm)
    nobody_can_log_in(vm)
    docker_is_set_up(vm)
    the_command_line_finds_the_service(vm)
    the_agent_may_copy_what_an_app_leaves(vm)
    the_screen_shows_where_the_dashboard_is(vm)


def no_unit_waits_for_itself(vm):
    _, cycles = vm.run("journalctl --boot --no-pager --grep 'ordering cycle' --quiet", check=False)
    expect("ordering cycles", "", cycles)


def the_root_cannot_be_written(vm):
    expect("root", "erofs", vm.output("findmnt -no FSTYPE /"))
    expect("mode of the root", "755 root root", vm.output("stat --format '%a %U %G' /"))
    status = vm.output("dmsetup status root")
    if " verity V" not in status:
        raise MachineError(f"expected a verified root, found `{status}`")
    for path in ("/x", "/etc/x", "/usr/x"):
        code, _ = vm.run(f"touch {path}", check=False)
        if code == 0:
            raise MachineError(f"{path} could be written")


def the_watchdog_is_fed(vm):
    expect("watchdog", "active", vm.output("cat /sys/class/watchdog/watchdog0/state"))
    expect("who feeds it", 1, int(vm.output("ls -l /proc/1/fd 2>/dev/null | grep -c /dev/watchdog")))


def the_data_partition_fills_the_disk(vm):
    expect("data", "btrfs", vm.output("findmnt -no FSTYPE /var"))
    size = int(vm.output("df --output=size --block-size=1M /var | tail -1"))
    if size < 7000:
        raise MachineError(f"expected the data partition to take the rest of 12 GiB, found {size} MiB")
    labels = vm.output("udevadm settle; lsblk -nro PARTLABEL /dev/vda").split()
    expect("empty slot", 2, labels.count("_empty"))


def nobody_can_log_in(vm):
    expect("passwords", "*", vm.output("cut -d: -f2 /etc/shadow | sort -u"))
    expect("accounts", vm.output("cut -d: -f1 /etc/passwd | sort"), vm.output("cut -d: -f1 /etc/shadow | sort"))
    expect("gettys", "", vm.run("systemctl list-units --no-legend --plain '*getty@*' | cut -d' ' -f1", check=False)[1])
    expect("sshd", "inactive", vm.run("systemctl is-active ssh.service", check=False)[1])
    expect("what answers at port 22", b"", first_words(vm.ports[22]))


def first_words(port):
    """What a service says by itself at a forwarded port; nothing where nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            return connection.recv(8)
    except OSError:
        return b""


def docker_is_set_up(vm):
    driver = vm.output("docker info --format '{{.Driver}} {{.LoggingDriver}} {{.LiveRestoreEnabled}} {{.CgroupVersion}}'")
    expect("engine", "overlay2 local true 2", driver)


def the_command_line_finds_the_service(vm):
    expect("socket", "600 root", vm.output("stat --format '%a %U' /run/hearth/hearth.sock"))
    vm.run("hearth status")


def the_agent_may_copy_what_an_app_leaves(vm):
    """With the agent's own capabilities: without one of them `cp` fails, or drops a bit in silence."""
    vm.run("mkdir -p /var/copied/from && cd /var/copied && mknod from/null c 1 3 && chgrp 1234 from && chmod 2775 from && cd /")
    may = vm.output("systemctl show --property CapabilityBoundingSet --value hearth.service")
    copied = f"systemd-run --quiet --wait --pipe --property=NoNewPrivileges=yes --property='CapabilityBoundingSet={may}'"
    vm.run(f"{copied} cp --archive /var/copied/from /var/copied/to")
    expect("copy", "drwxrwsr-x 1234 character special file", vm.output("stat --format '%A %g' /var/copied/to; stat --format %F /var/copied/to/null").replace("\n", " "))
    vm.run("rm -r /var/copied")


def the_screen_shows_where_the_dashboard_is(vm):
    """What stands on the first virtual terminal, as Unicode: words, and the half blocks of a QR code."""
    columns = int(vm.output("stty --file=/dev/tty1 size").split()[1])
    text = base64.b64decode(vm.output("base64 --wrap=0 /dev/vcsu1")).decode("utf-32-le")
    lines = [text[start : start + columns].rstrip() for start in range(0, len(text), columns)]
    address = vm.output("ip -brief -4 address show scope global up | awk '!/docker|br-|veth/ { print $3 }' | head -n 1").split("/")[0]
    for line in (f"  http://{address}", f"  http://{vm.output('cat /proc/sys/kernel/hostname')}.local"):
        if line not in lines:
            raise MachineError(f"expected `{line}` on the screen, found:\n" + "\n".join(lines))
    # The smallest code has 21 modules and a margin, two rows of modules to a line.
    code = [line for line in lines if sum(line.count(block) for block in "\u2580\u2584\u2588") > 10]
    if len(code) < 11:
        raise MachineError("expected a QR code on the screen, found:\n" + "\n".join(lines))


def write_preseed(vm):
    """As a person with a text editor under Windows would leave it; one line is wrong."""
    vm.run("ssh-keygen -q -t ed25519 -N '' -f /var/lib/hearth/test-key")
    vm.run(
        "printf 'HOSTNAME=attic\\r\\nTIMEZONE=Europe/Berlin\\r\\nCOLOUR=blue\\r\\nSSH_KEY=%s\\r\\n"
        "WIFI_SSID=Home\\r\\nWIFI_PASSWORD=correct horse\\r\\n' "
        '"$(cat /var/lib/hearth/test-key.pub)" >/boot/hearth.conf'
    )


def preseed_was_applied(vm):
    expect("time zone", "CET", vm.output("date --date=2026-01-01 +%Z"))
    expect("file on the ESP", 1, vm.run("ls /boot/hearth.conf", check=False)[0] and 1)
    expect("line that was refused", "1", vm.output("journalctl --boot --unit hearth-preseed --grep COLOUR --output cat | wc -l"))
    wifi = "/var/lib/NetworkManager/system-connections/wifi.nmconnection"
    expect("Wi-Fi", "600 root", vm.output(f"stat --format '%a %U' {wifi}"))
    expect("what answers at port 22", b"SSH-2.0-", first_words(vm.ports[22]))
    # Without -n it would read what the shell is told next.
    ssh = "ssh -n -v -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
    code, said = vm.run(f"{ssh} -i /var/lib/hearth/test-key root@127.0.0.1 echo let in", 600, check=False)
    if code or "let in" not in said:
        raise MachineError(f"expected SSH to take the key, found:\n{said}\n{vm.run('journalctl --boot --no-pager --unit ssh | tail', check=False)[1]}")
    code, said = vm.run(f"{ssh} -o PubkeyAuthentication=no root@127.0.0.1 echo let in", 600, check=False)
    if not code or "Permission denied" not in said:
        raise MachineError(f"expected SSH to refuse who has no key, found:\n{said}")


def fill_the_data_partition(vm):
    """Room is taken in one piece first, since writing gigabytes takes minutes under emulation."""
    vm.run("fallocate -l $(($(df --output=avail --block-size=1 /var | tail -1) - 67108864)) /var/filler")
    vm.run("dd if=/dev/zero of=/var/filler2 bs=64k conv=notrunc oflag=direct 2>/dev/null", 600, check=False)
    vm.run("dd if=/dev/zero of=/var/filler3 bs=4k oflag=direct 2>/dev/null", 600, check=False)
    code, _ = vm.run("head -c 1000000 /dev/zero >/var/filler4 && sync /var/filler4", 600, check=False)
    if code == 0:
        raise MachineError("expected a full data partition, and it took another megabyte")


def make_room(vm):
    vm.run("rm -f /var/filler*; sync")


def ask_for_a_reset(vm, of, hostname):
    """As a person does who has the disk in another computer, but without the way there."""
    vm.run(
        f"printf 'FACTORY_RESET={of}\nHOSTNAME={hostname}\nOWNER=%s\nOWNER_PASSWORD=%s\n' "
        f"'{NEXT_OWNER['username']}' '{NEXT_OWNER['password']}' >/boot/hearth.conf"
    )
    vm.run("systemctl start --no-block hearth-preseed.service")


def settings_started_anew(vm):
    expect("SSH keys", "", vm.output("ls -A /var/lib/hearth-system/ssh"))
    expect("networks", "", vm.output("ls -A /var/lib/NetworkManager/system-connections"))
    expect("time zone", "UTC", vm.output("date +%Z"))
    expect("wish of a reset", 1, vm.run("test -e /var/lib/hearth-system/reset-settings", check=False)[0])
    expect("wish to forget accounts", 1, vm.run("test -e /var/lib/hearth/forget-accounts", check=False)[0])
