"""Chromium, driven by what is visible and its role and name, as the journeys in tests/browser are."""

import json
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

from machine import free_port
from monitor import MachineError

FIND = (pathlib.Path(__file__).resolve().parents[1] / "harness/browser/find.js").read_text()
# Key that holds an element's reference: <https://www.w3.org/TR/webdriver2/#elements>.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,800",
]  # fmt: skip
PATIENCE_SECS = 120


class Browser:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def __enter__(self):
        port = free_port()
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = f"http://127.0.0.1:{port}"
        self._wait("chromedriver", PATIENCE_SECS, lambda: self._call("GET", "status"))
        options = {"args": [*OPTIONS, f"--user-data-dir={self.directory / 'chromium'}"]}
        session = self._call("POST", "session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.session += f"/session/{session['sessionId']}"
        return self

    def __exit__(self, *_):
        try:
            self._call("DELETE", "")
        except MachineError:
            pass
        self.driver.kill()
        self.driver.wait()

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.session}/{path}".rstrip("/"), data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise MachineError(f"the browser refused {path}: {json.load(error)['value']['message']}") from error
        except OSError as error:
            raise MachineError(f"the browser did not answer: {error}") from error

    def _wait(self, what, timeout_secs, done):
        deadline, last = time.monotonic() + timeout_secs, "nothing"
        while time.monotonic() < deadline:
            try:
                if (result := done()) is not None:
                    return result
            except MachineError as error:
                last = error
            time.sleep(0.5)
        page = self.text() if "/session/" in self.session else last
        raise MachineError(f"expected {what} within {timeout_secs} s; the page says:\n{page}")

    def open(self, address):
        self._call("POST", "url", {"url": address})

    def text(self):
        """What is visible on the page."""
        return self._call("POST", "execute/sync", {"script": "return document.body ? document.body.innerText : ''", "args": []})

    def wait_for_text(self, text, timeout_secs=PATIENCE_SECS):
        self._wait(f"the text `{text}`", timeout_secs, lambda: text.lower() in self.text().lower() or None)

    def _find(self, role, name):
        found = self._call("POST", "execute/sync", {"script": FIND, "args": [role, name]})
        return found and found[ELEMENT]

    def press(self, role, name):
        """What has this role and a part of this name, or all of it behind a `=`."""

        def pressed():
            element = self._find(role, name)
            if not element or not self._call("GET", f"element/{element}/enabled"):
                return None
            self._call("POST", f"element/{element}/click", {})
            return True

        self._wait(f"a {role} named `{name}` that can be pressed", PATIENCE_SECS, pressed)

    def fill(self, name, text):
        element = self._wait(f"a field named `{name}`", PATIENCE_SECS, lambda: self._find("textbox", name))
        self._call("POST", f"element/{element}/value", {"text": text})
