"""Hearth's API, used as its owner's browser does: with the session's key and its cookie."""

import http.cookiejar
import json
import time
import urllib.error
import urllib.request

from machine import MachineError

OWNER = {"username": "ada", "password": "correct horse battery"}
# Who owns the device after a reset.
NEXT_OWNER = {"username": "grace", "password": "staple correct horse"}
# Argon2 takes a second on a home server and half a minute under emulation.
REQUEST_SECS = 120
# How long an app may be failed before that is the result.
FAILED_SECS = 180


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
        self.headers = {"Content-Type": "application/json"}

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, self.headers, method=method)
        try:
            with self.opener.open(request, timeout=REQUEST_SECS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise MachineError(f"{method} {path} was answered {error.code}: {error.read().decode(errors='replace')}") from error
        return json.loads(text) if text else None

    def state(self):
        """`needs_setup`, `signed_out` or `signed_in`."""
        return self.call("GET", "session")["state"]

    def set_up(self, code):
        self.keep_key(self.call("POST", "setup", OWNER | {"code": code}))

    def sign_in(self, owner=OWNER):
        self.keep_key(self.call("POST", "session", owner))

    def keep_key(self, state):
        # A release from before there were keys tells none.
        if "key" in state:
            self.headers["Authorization"] = "Bearer " + state["key"]

    def add_store(self, store, folder):
        self.call("POST", "stores", {"id": store, "name": store, "location": folder})

    def install(self, store, package):
        self.call("POST", "apps", {"store": store, "package": package})

    def wait_until_app_runs(self, app, timeout_secs):
        started, failed_since = time.monotonic(), None
        while True:
            found = next((status for status in self.call("GET", "apps") if status["id"] == app), {"state": "missing"})
            now = time.monotonic()
            if found["state"] == "running":
                return found
            if found["state"] != "failed":
                failed_since = None
            elif failed_since is None:
                failed_since = now
            # It tries again by itself, but what fails for so long fails for good.
            if now - started > timeout_secs or (failed_since and now - failed_since > FAILED_SECS):
                raise MachineError(f"expected {app} to run, found {found['state']}: {found.get('reason')}")
            time.sleep(3)
