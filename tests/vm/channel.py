"""A web server for a folder on the machine that tests, with ranges, as a channel of releases has it, and with lies."""

import functools
import http.server
import re
import threading
import time

# What QEMU calls the machine that it runs on.
HOST = "10.0.2.2"
# Where the test image looks for releases: the guest's own loopback, from where a proxy goes to this server.
GUEST_PORT = 8479
GUEST_ADDRESS = f"http://127.0.0.1:{GUEST_PORT}/"


class Channel:
    """Serves `folder`. `lie` is what it does with what it sends: None, `cut`, `endless` or `slow`."""

    def __init__(self, folder):
        self.folder = folder
        self.lie = None
        self.sent_bytes = 0

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def open_in(self, vm):
        """From now on and until the next start the device reaches it."""
        vm.run(
            "systemctl is-active --quiet test-channel.socket || systemd-run --quiet --unit test-channel "
            f"--socket-property ListenStream=127.0.0.1:{GUEST_PORT} /usr/lib/systemd/systemd-socket-proxyd {HOST}:{self.server.server_port}"
        )


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, channel, *arguments):
        self.channel = channel
        super().__init__(*arguments, directory=channel.folder)

    def do_GET(self):
        """A whole file, or the one range that is asked for: the standard library's handler knows whole files alone."""
        try:
            file = open(self.translate_path(self.path), "rb")
        except OSError:
            return self.send_error(404)
        with file:
            size = file.seek(0, 2)
            first, last = 0, size - 1
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if wanted:
                first, last = int(wanted[1]), min(int(wanted[2] or last), last)
                if first > last:
                    return self.send_error(416)
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            if self.channel.lie == "endless":
                self.send_header("Connection", "close")
            else:
                self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            file.seek(first)
            try:
                self._send_body(file, last + 1 - first)
            except ConnectionError:
                # The device has what it wants, or has seen enough.
                self.close_connection = True

    def _send_body(self, file, length):
        lie = self.channel.lie
        left = length // 2 if lie == "cut" else length
        while left and (data := file.read(min(left, 1 if lie == "slow" else 1 << 16))):
            self._send(data)
            left -= len(data)
            if lie == "slow":
                time.sleep(1)
        self.close_connection = self.close_connection or lie == "cut"
        while lie == "endless":
            self._send(b" " * (1 << 16))

    def _send(self, data):
        self.wfile.write(data)
        self.channel.sent_bytes += len(data)

    def log_message(self, *_):
        pass
