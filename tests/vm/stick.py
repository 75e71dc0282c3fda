"""A USB stick that is pulled out while an image is written to it."""

import json

from device import expect
from machine import MachineError

STICK_BYTES = 4 << 30
# Enough that pulling it is quicker than writing it.
IMAGE_MIB = 600


def a_stick_that_is_pulled_out_is_told(device, vm):
    stick = device.directory / "stick.raw"
    with open(stick, "wb") as file:
        file.truncate(STICK_BYTES)
    vm.monitor.call("blockdev-add", driver="raw", **{"node-name": "stick-file", "file": {"driver": "file", "filename": str(stick)}})
    vm.monitor.call("device_add", driver="usb-storage", id="stick", drive="stick-file", bus="usb.0", removable=True)
    vm.run("for try in $(seq 60); do udevadm settle; test -b /dev/sda && break; sleep 1; done; test -b /dev/sda")
    # The beginning of the device's own disk is an image, as far as its partition table goes.
    vm.run(f"dd if=/dev/vda of=/var/image.raw bs=1M count={IMAGE_MIB} 2>/dev/null", 600)
    vm.run("systemd-run --quiet --unit test-flash sh -c 'hearth flash /var/image.raw /dev/sda --yes --unsigned --json >/var/flash.log 2>&1'")
    vm.run("until grep -q '\"writing\"' /var/flash.log || ! systemctl is-active --quiet test-flash; do sleep 0.5; done")
    vm.monitor.call("device_del", id="stick")
    vm.run("while systemctl is-active --quiet test-flash; do sleep 0.5; done", 600)
    said = vm.output("cat /var/flash.log; rm /var/flash.log /var/image.raw; systemctl reset-failed test-flash.service")
    expect("the stick", "gone", vm.output("test -b /dev/sda && echo there || echo gone"))
    if "pulled out" not in said.splitlines()[-1]:
        raise MachineError(f"expected `hearth flash` to say that the stick was pulled out, found:\n{said}")
    print(f"  {json.dumps(said.splitlines()[-1])}", flush=True)
    stick.unlink()
