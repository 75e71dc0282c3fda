#!/usr/bin/env python3
"""Tests of the image's own build steps; nothing is fetched or built."""

import hashlib
import http.server
import importlib.machinery
import importlib.util
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# The tree stays clean: no __pycache__ beside the sources.
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE / "lib"), str(HERE / "debian")]

import firmware  # noqa: E402
import mirrors  # noqa: E402
import unpack  # noqa: E402
import wanted  # noqa: E402


def program(name):
    """The module of a program whose file has no ending."""
    loader = importlib.machinery.SourceFileLoader(name, str(HERE / "debian" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


fetch = program("fetch")


class Packages(unittest.TestCase):
    def test_a_line_without_a_reason_is_refused_with_its_number(self):
        with self.assertRaisesRegex(SystemExit, r"packages\.txt:2: expected .* found `bash`"):
            wanted.parse("[image]\nbash\n")

    def test_a_package_of_another_architecture_is_left_out(self):
        sets = wanted.parse("[firmware exact]\nintel-microcode [amd64]  # errata\nregdb  # channels\n")
        self.assertEqual(wanted.for_architecture(sets["firmware"], "arm64"), ["regdb"])
        self.assertTrue(wanted.is_exact("firmware"))
        self.assertIsNone(wanted.suite_of("firmware"))

    def test_a_set_can_be_of_another_suite(self):
        sets = wanted.parse("[loader exact from forky]\nsystemd-boot-efi-amd64-signed  # restarts\n")
        self.assertEqual(wanted.for_architecture(sets["loader"], "amd64"), ["systemd-boot-efi-amd64-signed"])
        self.assertTrue(wanted.is_exact("loader"))
        self.assertEqual(wanted.suite_of("loader"), "forky")

    def test_the_lock_is_of_these_packages_and_sorted(self):
        text = (HERE / "debian/packages.txt").read_bytes()
        lock = json.loads((HERE / "debian/lock.json").read_text())
        self.assertEqual(lock["packages_txt_sha256"], hashlib.sha256(text).hexdigest(), "run `make relock`")
        for locked in lock["architectures"].values():
            names = [(package["name"], package["version"]) for package in locked["packages"]]
            self.assertEqual(names, sorted(set(names)))
            self.assertLessEqual({name for names in locked["sets"].values() for name in names}, {name for name, _ in names})

    def test_a_named_mirror_goes_before_those_of_apt(self):
        found = mirrors.all_mirrors("http://mirror.test/debian/")[0]
        self.assertEqual(found, {"debian": "http://mirror.test/debian", "debian-security": "http://mirror.test/debian-security"})


class Unpacking(unittest.TestCase):
    def test_the_last_pattern_decides(self):
        prune = unpack.Prune("usr/share/doc\n!usr/share/doc/*/copyright  # licences stay\n")
        self.assertTrue(prune("usr/share/doc/bash/README"))
        self.assertFalse(prune("usr/share/doc/bash/copyright"))
        self.assertFalse(prune("usr/bin/bash"))

    def test_a_new_or_changed_script_is_a_problem(self):
        found = {"a": {"postinst": "1"}, "b": {"postinst": "2"}, "c": {"preinst": "3"}}
        problems = unpack.compare_scripts(found, {"a": {"postinst": "1"}, "b": {"postinst": "0"}})
        self.assertEqual(problems, ["b changed its postinst: expected 0, found 2", "c brings a new preinst: 3"])

    def test_a_script_is_the_same_after_another_debhelper(self):
        script = b"#!/bin/sh\n# Automatically added by dh_installdeb/13.24.1\nrm /a\n"
        rebuilt = script.replace(b"13.24.1", b"13.24.2")
        self.assertEqual(unpack.script_digest(script, "a"), unpack.script_digest(rebuilt, "a"))
        self.assertNotEqual(unpack.script_digest(script, "a"), unpack.script_digest(script.replace(b"/a", b"/b"), "a"))

    def test_a_script_is_the_same_in_another_release_of_the_kernel(self):
        def digest(release):
            return unpack.script_digest(f"depmod {release}\n".encode(), f"linux-image-{release}")

        self.assertEqual(digest("6.12.117+deb13-amd64"), digest("6.12.118+deb13-amd64"))
        self.assertEqual(unpack.family("linux-image-6.12.117+deb13-amd64"), "linux-image-RELEASE")
        self.assertEqual(unpack.family("linux-image-amd64"), "linux-image-amd64")
        self.assertEqual(unpack.family("bash"), "bash")


class Fetching(unittest.TestCase):
    """Against a mirror that answers each request with the next of `answers`: a body, a status, or by closing the connection."""

    CONTENT = b"a package"
    PIN = {"suite": "trixie", "path": "pool/a.deb", "sha256": hashlib.sha256(CONTENT).hexdigest()}

    def download(self, *answers):
        answers, asked = list(answers), []

        class Mirror(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                answer = answers.pop(0)
                if answer is None:
                    self.close_connection = True
                elif isinstance(answer, int):
                    self.send_error(answer)
                else:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Mirror) as server, tempfile.TemporaryDirectory() as cache:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            found = [{"debian": f"http://127.0.0.1:{server.server_port}"}]
            result = fetch.download(self.PIN, found, pathlib.Path(cache), pauses=(0, 0))
            server.shutdown()
            if isinstance(result, pathlib.Path):
                result = result.read_bytes()
        self.assertEqual(answers, [])
        return result

    def test_a_mirror_that_fails_for_a_moment_is_asked_again(self):
        self.assertEqual(self.download(None, 503, self.CONTENT), self.CONTENT)

    def test_a_mirror_that_goes_on_failing_says_nothing_of_the_pin(self):
        self.assertIsInstance(self.download(None, 503, None), fetch.Unreachable)

    def test_a_pin_that_no_mirror_has_or_that_is_another_file_is_gone(self):
        for answer in (404, 410, b"another"):
            self.assertIsInstance(self.download(answer), fetch.Gone)


class Archive(unittest.TestCase):
    def test_the_root_itself_is_there_and_nobody_else_may_write_it(self):
        with tempfile.TemporaryDirectory() as folder:
            tree, output = pathlib.Path(folder) / "tree", pathlib.Path(folder) / "tree.tar"
            for name in ("passwd", "group"):
                (tree / "etc").mkdir(parents=True, exist_ok=True)
                (tree / "etc" / name).write_text("root:x:0:\n")
            (pathlib.Path(folder) / "ownership.txt").write_text("etc/passwd 0600 root root\n")
            command = [sys.executable, HERE / "lib/archive.py", "--tree", tree, "--output", output]
            command += ["--ownership", f"{folder}/ownership.txt"]
            subprocess.run(command, check=True, env={"SOURCE_DATE_EPOCH": "0"})
            with tarfile.open(output) as archive:
                found = [(entry.name, oct(entry.mode), entry.uid) for entry in archive]
        self.assertEqual(found, [(".", "0o755", 0), ("etc", "0o755", 0), ("etc/group", "0o644", 0), ("etc/passwd", "0o600", 0)])


class Firmware(unittest.TestCase):
    def test_the_highest_version_not_above_the_declared_one_stays(self):
        present = {"iwlwifi-x-90.ucode", "iwlwifi-x-92.ucode", "iwlwifi-x-96.ucode"}
        found = firmware.with_older_versions({"iwlwifi-x-94.ucode"}, present)
        self.assertEqual(found & present, {"iwlwifi-x-92.ucode"})


class Accounts(unittest.TestCase):
    def test_no_number_is_given_twice(self):
        file = HERE.parent / "system-config/usr/lib/sysusers.d/00-hearth-ids.conf"
        rows = [line.split() for line in file.read_text().splitlines() if line[:1] in ("u", "g")]
        for kind in ("u", "g"):
            numbers = [row[2].split(":")[0] for row in rows if row[0].startswith(kind)]
            self.assertEqual(len(numbers), len(set(numbers)))


class Trial(unittest.TestCase):
    """The end of a release's trial, in a mount namespace with a boot partition and a clock of its own."""

    SCRIPT = """
        mount -t tmpfs none /boot
        mkdir -p /boot/EFI/Linux /boot/credentials
        touch "/boot/EFI/Linux/$2"
        [ -z "$4" ] || printf '%s' "$4" >/boot/credentials/hearth.trial_minutes
        printf 'ID=hearth\nIMAGE_VERSION=1.4.0\n' >/boot/os-release
        echo "$3 1" >/boot/uptime
        printf '#!/bin/sh\necho "bless-boot $*"\n' >/boot/systemd-bless-boot
        chmod +x /boot/systemd-bless-boot
        mount --bind /boot/os-release "$(realpath /usr/lib/os-release)"
        mount --bind /boot/uptime /proc/uptime
        mkdir /boot/lib
        cp /boot/systemd-bless-boot /boot/lib/
        mount --bind /boot/lib /usr/lib/systemd
        sleep() { echo "sleep $*"; }
        export -f sleep
        CREDENTIALS_DIRECTORY=/boot/credentials bash "$1" 2>&1 || echo "ended $?"
    """

    def trial(self, kernel, uptime, minutes=""):
        script = HERE.parent / "system-config/usr/lib/hearth/trial"
        command = ["unshare", "--map-root-user", "--mount", "bash", "-euc", self.SCRIPT, "test", script, kernel, uptime, minutes]
        done = subprocess.run(command, capture_output=True, text=True)
        if "unshare" in done.stderr:
            self.skipTest(f"no namespace of its own: {done.stderr.strip()}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_release_that_was_blessed_meanwhile_stays(self):
        self.assertEqual(self.trial("hearth_1.4.0.efi", "100.55"), "sleep 1700\n")

    def test_one_that_was_not_is_given_up_and_the_box_restarts(self):
        said = self.trial("hearth_1.4.0+2-1.efi", "1800.00")
        self.assertTrue(said.startswith("Release 1.4.0 was not found to work within 30 minutes"), said)
        self.assertTrue(said.endswith("bless-boot bad\nended 1\n"), said)

    def test_who_starts_the_machine_may_give_it_longer(self):
        self.assertEqual(self.trial("hearth_1.4.0.efi", "60.0", "90"), "sleep 5340\n")
        self.assertIn("is no number from 1 to 999; the trial lasts 30\nsleep 1740\n", self.trial("hearth_1.4.0.efi", "60.0", "for ever"))


class StopApps(unittest.TestCase):
    """What a shutdown asks of the engine, which is a script here."""

    ENGINE = """#!/bin/bash
        case $1 in
          ps) printf '%s' "$CONTAINERS" | tr ' ' '\n' ;;
          inspect) printf '%s\n' $SECONDS_OF_EACH ;;
          stop) echo "$*" >&2; [ -z "${HANGS-}" ] ;;
        esac
    """

    def stop(self, containers, seconds):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("docker", self.ENGINE), ("timeout", '#!/bin/bash\n[ "$3" != stop ] || echo "within $1" >&2; shift; exec "$@"\n')):
                path = pathlib.Path(folder, name)
                path.write_text(text)
                path.chmod(0o755)
            script = HERE.parent / "system-config/usr/lib/hearth/stop-apps"
            environment = {"PATH": f"{folder}:/usr/bin:/bin", "CONTAINERS": containers, "SECONDS_OF_EACH": seconds}
            done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stderr

    def test_all_are_stopped_at_once_with_the_longest_grace_and_a_little(self):
        self.assertEqual(self.stop("a b c\n", "null 45 1"), "within 55\nstop a b c\n")

    def test_no_app_holds_a_restart_up_for_hours(self):
        self.assertEqual(self.stop("a\n", "86400"), "within 610\nstop a\n")

    def test_without_apps_the_engine_is_left_alone(self):
        self.assertEqual(self.stop("", ""), "")


class Sysconfig(unittest.TestCase):
    def test_every_link_of_the_tree_is_relative_or_dev_null(self):
        for path in (HERE.parent / "system-config").rglob("*"):
            if path.is_symlink():
                target = str(path.readlink())
                self.assertTrue(target == "/dev/null" or not target.startswith("/"), f"{path} -> {target}")


class Preseed(unittest.TestCase):
    """The settings file of the ESP, in a mount namespace where /var/lib is empty."""

    SCRIPT = """
        mount -t tmpfs none /var/lib
        mount -t tmpfs none /run
        mkdir -p /var/lib/hearth /var/lib/hearth-system/ssh /var/lib/NetworkManager/system-connections /var/lib/esp
        cat >/var/lib/esp/hearth.conf
        umask 077
        bash "$1" /var/lib/esp/hearth.conf >&2
        [ ! -e /run/hearth-factory-reset ] || echo "asked for $(cat /run/hearth-factory-reset)"
        cd /var/lib
        find . ! -type d -printf '%m %p -> %l\\n'
        for file in $(find . -type f | sort); do echo "== $file"; cat "$file"; done
    """

    def preseed(self, text):
        """(files with their modes and content, what the journal would have) after a start with this file."""
        script = HERE.parent / "system-config/usr/lib/hearth/preseed"
        command = ["unshare", "--map-root-user", "--mount", "bash", "-euc", self.SCRIPT, "test", script]
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        if "unshare" in done.stderr:
            self.skipTest(f"no namespace of its own: {done.stderr.strip()}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, done.stderr

    def test_settings_end_where_programs_look_and_the_file_is_gone(self):
        files, said = self.preseed(
            "# of a person\r\nHOSTNAME=attic\r\nTIMEZONE=Europe/Berlin\r\nWIFI_SSID= My \\ Home\r\n"
            "WIFI_PASSWORD=correct=horse\r\nOWNER=ada\r\nOWNER_PASSWORD=battery staple\r\nSETUP_CODE=acde 4679\r\n"
        )
        self.assertEqual(said, "")
        self.assertIn("644 ./hearth-system/hostname", files)
        self.assertIn("== ./hearth-system/hostname\nattic\n", files)
        self.assertIn("./hearth-system/localtime -> /usr/share/zoneinfo/Europe/Berlin", files)
        self.assertIn("600 ./NetworkManager/system-connections/wifi.nmconnection", files)
        self.assertIn("ssid=\\sMy \\\\ Home\n", files)
        self.assertIn("psk=correct=horse\n", files)
        self.assertIn("600 ./hearth-system/owner", files)
        self.assertIn("== ./hearth-system/owner\nada\nbattery staple\n", files)
        self.assertIn("600 ./hearth/setup-code", files)
        self.assertIn("== ./hearth/setup-code\nACDE4679\n", files)
        self.assertNotIn("esp/", files)

    def test_a_reset_leaves_the_other_lines_to_the_device_that_starts_anew(self):
        for wish in ("everything", "settings"):
            files, said = self.preseed(f"HOSTNAME=attic\nFACTORY_RESET={wish}\n")
            self.assertEqual(said, "")
            self.assertNotIn("hearth-system", files)
            self.assertIn("esp/hearth.conf\nHOSTNAME=attic\n", files)
            self.assertIn(f"asked for {wish}\n", files)

    def test_a_wrong_line_is_said_and_the_rest_counts(self):
        files, said = self.preseed("COLOUR=blue\nHOSTNAME=My Box\nTIMEZONE=../../etc/passwd\nOWNER=ada\nOWNER_PASSWORD=short\nSETUP_CODE=HEARTH00\nFACTORY_RESET=all\n")
        for name in ("COLOUR", "HOSTNAME", "TIMEZONE", "OWNER", "SETUP_CODE", "FACTORY_RESET"):
            self.assertIn(f"{name}", said)
        self.assertEqual(said.count("is left out"), 6)
        self.assertNotIn("short", said)
        self.assertEqual(files, "")


class ResetOfSettings(unittest.TestCase):
    """What the initrd clears and keeps of the data partition."""

    SCRIPT = HERE / "initrd/tree/usr/lib/hearth/reset-settings"
    APPS = ["lib/docker/overlay2/layer", "lib/hearth/apps/notes/.env", "lib/hearth/hearth.db", "mnt/disk/photo"]
    SETTINGS = [
        *("lib/NetworkManager/system-connections/wifi.nmconnection", "lib/hearth-system/hostname", "lib/hearth-system/ssh/.new"),
        *("lib/new-in-some-release/setting", "log/journal/entry", ".updated", "home/notes"),
    ]

    def reset(self, wish):
        """The files of a data partition after a start, by their paths."""
        with tempfile.TemporaryDirectory() as var:
            for name in [*self.APPS, *self.SETTINGS, *wish]:
                path = pathlib.Path(var, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            subprocess.run(["sh", self.SCRIPT, var], check=True, stdout=subprocess.DEVNULL)
            return sorted(str(path.relative_to(var)) for path in pathlib.Path(var).rglob("*") if path.is_file())

    def test_apps_stay_and_the_rest_goes(self):
        found = self.reset(["lib/hearth-system/reset-settings"])
        self.assertEqual(found, sorted([*self.APPS, "lib/hearth/forget-accounts"]))

    def test_nothing_goes_unasked(self):
        self.assertEqual(self.reset([]), sorted([*self.APPS, *self.SETTINGS]))


if __name__ == "__main__":
    unittest.main()
