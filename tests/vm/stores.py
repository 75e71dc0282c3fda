"""A store that is a git repository on the machine that tests, with a package whose scripts run on the device."""

import functools
import http.server
import pathlib
import re
import shutil
import subprocess
import threading

from device import APP, BOOT_SECS, expect

STORE = pathlib.Path(__file__).resolve().parent / "store"
PACKAGE = "probe"
# What QEMU calls the machine that it runs on.
HOST = "10.0.2.2"
COMMIT = ["-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", "probe"]


class GitStore:
    """Serves the store as plain files, which is the simplest way that a repository can be published."""

    def __init__(self, directory, image):
        """`image` is what the package runs: one that the device has, so that nothing is pulled."""
        self.directory = pathlib.Path(directory) / "git"
        self.image = image

    def __enter__(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        work = self.directory / "work"
        shutil.copytree(STORE, work)
        compose = work / PACKAGE / "docker-compose.yml"
        compose.write_text(compose.read_text().replace("image: IMAGE", f"image: {self.image}"))
        bare = self.directory / "store.git"
        for command in (
            ["init", "--quiet", work],
            ["-C", work, "add", "--all"],
            ["-C", work, *COMMIT],
            ["clone", "--quiet", "--bare", work, bare],
            ["--git-dir", bare, "update-server-info"],
        ):
            subprocess.run(["git", *command], check=True)
        handler = functools.partial(QuietHandler, directory=self.directory)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def location(self):
        return f"http://{HOST}:{self.server.server_port}/store.git"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def image_of(package_folder):
    """The one image of a package of the starter store."""
    text = (pathlib.Path(package_folder) / "compose.yml").read_text()
    return re.search(r'image: "?([^"\s]+)', text)[1]


def scripts_of_a_package_run_in_their_sandbox(device, vm, owner):
    """The store comes by git; its package's scripts run as a unit of their own, with all tools, and see little."""
    with GitStore(device.directory, image_of(device.starter / "store/apps" / APP)) as store:
        owner.add_store("scripted", store.location())
    owner.install("scripted", PACKAGE)
    owner.wait_until_app_runs(PACKAGE, BOOT_SECS)
    environment = vm.output(f"docker inspect --format '{{{{json .Config.Env}}}}' $(docker ps --quiet --filter name={PACKAGE})")
    found = dict(entry.split("=", 1) for entry in re.findall(r'"([^"]*)"', environment))
    expect("what exports.sh exported", "exported", found.get("WORD"))
    expect("what the hook found", "words:1 links:lo network:closed database:closed system:closed", found.get("FROM_HOOK"))
    units = vm.output("journalctl --boot --no-pager --output cat --grep '^Started hearth-script-' | wc -l")
    if int(units) < 2:
        units = vm.output("journalctl --boot --no-pager --output cat --grep '^Started ' | tail -n 5")
        expect("units that ran scripts", "two or more", units)
