#!/usr/bin/env python3
"""Tests of the image's own build steps; nothing is fetched or built."""

import hashlib
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# The tree stays clean: no __pycache__ beside the sources.
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE / "lib"), str(HERE / "debian")]

import firmware  # noqa: E402
import mirrors  # noqa: E402
import unpack  # noqa: E402
import wanted  # noqa: E402


class Packages(unittest.TestCase):
    def test_a_line_without_a_reason_is_refused_with_its_number(self):
        with self.assertRaisesRegex(SystemExit, r"packages\.txt:2: expected .* found `bash`"):
            wanted.parse("[image]\nbash\n")

    def test_a_package_of_another_architecture_is_left_out(self):
        sets = wanted.parse("[firmware exact]\nintel-microcode [amd64]  # errata\nregdb  # channels\n")
        self.assertEqual(wanted.for_architecture(sets["firmware"], "arm64"), ["regdb"])
        self.assertTrue(wanted.is_exact("firmware"))

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


class Sysconfig(unittest.TestCase):
    def test_every_link_of_the_tree_is_relative_or_dev_null(self):
        for path in (HERE.parent / "system-config").rglob("*"):
            if path.is_symlink():
                target = str(path.readlink())
                self.assertTrue(target == "/dev/null" or not target.startswith("/"), f"{path} -> {target}")


if __name__ == "__main__":
    unittest.main()
