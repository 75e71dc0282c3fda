"""A web server for a folder on the machine that tests, with ranges, as a channel of releases has it."""

import functools
import http.server
import re
import threading

# What QEMU calls the machine that it runs on.
HOST = "10.0.2.2"


class Channel:
    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=self.folder))
        self.server.sent_bytes = 0
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def address(self):
        return f"http://{HOST}:{self.server.server_port}/"

    def sent_bytes(self):
        return self.server.sent_bytes


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

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
            self.send_header("Content-Length", str(last + 1 - first))
            self.end_headers()
            file.seek(first)
            left = last + 1 - first
            try:
                while left and (data := file.read(min(left, 1 << 16))):
                    self.wfile.write(data)
                    left -= len(data)
                    self.server.sent_bytes += len(data)
            except ConnectionError:
                # The device has what it wants.
                self.close_connection = True

    def log_message(self, *_):
        pass
