"""Hearth's API, used as its owner's browser does: with a cookie."""

import http.cookiejar
import json
import time
import urllib.error
import urllib.request

from machine import MachineError

OWNER = {"username": "ada", "password": "correct horse battery"}
# Argon2 takes a second on a home server and half a minute under emulation.
REQUEST_SECS = 120


def page(port, timeout_secs=REQUEST_SECS):
    """(HTTP status, text) of what answers at a forwarded port."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=timeout_secs) as answer:
        return answer.status, answer.read().decode(errors="replace")


def wait_for_page(port, timeout_secs):
    deadline = time.monotonic() + timeout_secs
    while True:
        try:
            return page(port)
        except OSError as error:
            if time.monotonic() > deadline:
                raise MachineError(f"expected an answer at port {port} within {timeout_secs} s; last: {error}") from error
            time.sleep(2)


class Api:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}/api/v1/"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(cookies)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with self.opener.open(request, timeout=REQUEST_SECS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise MachineError(f"{method} {path} was answered {error.code}: {error.read().decode(errors='replace')}") from error
        return json.loads(text) if text else None

    def state(self):
        """`needs_setup`, `signed_out` or `signed_in`."""
        return self.call("GET", "session")["state"]

    def set_up(self):
        self.call("POST", "setup", OWNER)

    def sign_in(self):
        self.call("POST", "session", OWNER)

    def add_store(self, store, folder):
        self.call("POST", "stores", {"id": store, "name": store, "location": folder})

    def install(self, store, package):
        self.call("POST", "apps", {"store": store, "package": package})

    def wait_until_app_runs(self, app, timeout_secs):
        deadline = time.monotonic() + timeout_secs
        while True:
            found = next((status for status in self.call("GET", "apps") if status["id"] == app), None)
            if found and found["state"] == "running":
                return found
            if time.monotonic() > deadline:
                seen = found and (found["state"], found.get("reason"))
                raise MachineError(f"expected {app} to run within {timeout_secs} s, found {seen}")
            time.sleep(3)
