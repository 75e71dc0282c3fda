"""QEMU's own control socket: <https://www.qemu.org/docs/master/interop/qmp-spec.html>."""

import json


class MachineError(Exception):
    """The machine did not do what was expected; the message has what it said instead."""


class Monitor:
    def __init__(self, connection):
        self.stream = connection.makefile("rw", encoding="utf-8", newline="\n")
        connection.close()
        self.stream.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        """What a command returns; events in between are passed over."""
        json.dump({"execute": command, "arguments": arguments}, self.stream)
        self.stream.write("\n")
        self.stream.flush()
        while line := self.stream.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise MachineError(f"QEMU refused {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise MachineError(f"QEMU ended before it answered {command}")

    def close(self):
        self.stream.close()
