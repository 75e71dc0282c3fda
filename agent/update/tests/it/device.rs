//! A disk that is laid out as the device's, on a loop device, with systemd-sysupdate of the release that the image has.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hearth_model::os::{ReleaseVersion, SlotAnswer, SlotTask, SlotVerb};
use hearth_update::release::{Description, FileRole, ReleaseFile};
use hearth_update::slot::{Elsewhere, Machine};
use hearth_update::verity;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The release that runs.
pub(crate) const RUNS: ReleaseVersion = ReleaseVersion::new(1, 3, 0);
/// The release that is installed.
pub(crate) const NEW: ReleaseVersion = ReleaseVersion::new(1, 4, 0);

/// As `system-config/usr/lib/repart.d` lays a disk out, smaller.
const LAYOUT: &str = "label: gpt\n\
    size=40MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp\n\
    size=16MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=hearth_1.3.0\n\
    size=2MiB, type=2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5, name=hearth_1.3.0\n\
    size=16MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=_empty\n\
    size=2MiB, type=2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5, name=_empty\n";
/// Partitions of slot B: root and hash tree.
pub(crate) const SLOT_B: [usize; 2] = [4, 5];
const ROOT_BYTES: usize = 9 * 1024 * 1024 + 4096;
const KERNEL_BYTES: usize = 3 * 1024 * 1024;

/// The disk, the boot partition, and a staged release.
pub(crate) struct Device {
    folder: TempDir,
    /// The loop device.
    pub(crate) disk: String,
}

impl Device {
    /// Makes one; `None`, with the reason on standard error, where this machine does not let us.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: loop devices and mounts need root");
            return None;
        }
        let folder = TempDir::new().expect("as root");
        let image = folder.path().join("disk");
        fs::File::create(&image)
            .expect("a file of the test")
            .set_len(80 * 1024 * 1024)
            .expect("a file of the test");
        let layout = folder.path().join("layout");
        fs::write(&layout, LAYOUT).expect("a file of the test");
        sh(&format!("sfdisk --quiet {} <{}", image.display(), layout.display()));
        // Mounts end with the process.
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("as root");
        sh("mount --make-rprivate /");
        let attached = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&image)
            .output()
            .expect("the program starts");
        if !attached.status.success() {
            eprintln!("skipped: no loop device here: {}", String::from_utf8_lossy(&attached.stderr));
            return None;
        }
        let disk = String::from_utf8(attached.stdout).expect("text").trim().to_owned();
        let device = Self { folder, disk };
        device.make_esp();
        device.make_sysupdate();
        for folder in ["staged", "answers", "variables"] {
            fs::create_dir(device.path(folder)).expect("a file of the test");
        }
        Some(device)
    }

    /// Returns a place in the folder of this device.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make_esp(&self) {
        // A file system of the size of a small boot partition; FAT itself is not in every kernel, and is proven in the
        // virtual machine.
        let esp = self.path("esp");
        fs::create_dir(&esp).expect("a file of the test");
        sh(&format!("mount -t tmpfs -o size=12m none {}", esp.display()));
        fs::create_dir_all(esp.join("EFI/Linux")).expect("a file of the test");
        fs::create_dir_all(esp.join("loader")).expect("a file of the test");
        fs::write(esp.join("loader/loader.conf"), "timeout 0\ndefault hearth_*\neditor no\n")
            .expect("a file of the test");
        self.put_kernel("hearth_1.3.0.efi");
    }

    /// The system of the image's release, which sees devices and files of this machine, and whose release runs here.
    fn make_sysupdate(&self) {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/systemd-trixie");
        let program = "usr/lib/systemd/systemd-sysupdate";
        assert!(
            tree.join(program).exists(),
            "there is no {}; run `.ci/setup tests`",
            tree.join(program).display()
        );
        let root = self.path("system");
        fs::create_dir(&root).expect("a file of the test");
        sh(&format!(
            "mount -t tmpfs none {root} && cd {root} && mkdir usr dev proc sys tmp run etc && \
             mount --bind {tree}/usr usr && for one in dev proc sys tmp run; do mount --rbind /$one $one; done && \
             ln -s usr/lib lib && ln -s usr/lib64 lib64 && printf 'ID=hearth\\nIMAGE_VERSION={RUNS}\\n' >etc/os-release",
            root = root.display(),
            tree = tree.display(),
        ));
        assert!(self.folder.path().starts_with("/tmp"), "the system sees /tmp only");
        let esp = self.path("esp");
        self.make_program(
            "sysupdate",
            &format!(
                "export SYSTEMD_ESP_PATH={esp} SYSTEMD_RELAX_ESP_CHECKS=1\nexec chroot {root} /{program} \"$@\"",
                esp = esp.display(),
                root = root.display()
            ),
        );
        for component in ["slot", "kernel"] {
            self.make_transfers(component);
        }
    }

    /// The device's own transfers, for this disk and this folder.
    fn make_transfers(&self, component: &str) {
        let source = format!("../../system-config/usr/lib/sysupdate.{component}.d");
        let folder = self.path(component);
        fs::create_dir(&folder).expect("a file of the test");
        for file in
            fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(source)).expect("a file of the test")
        {
            let file = file.expect("a file of the test");
            let text = fs::read_to_string(file.path()).expect("a file of the test");
            let text = text
                .replace("Path=auto", &format!("Path={}", self.disk))
                .replace("/var/lib/hearth/updates/staged", self.path("staged").to_str().expect("text"))
                .replace("Type=root", "Type=root-x86-64");
            fs::write(folder.join(file.file_name()), text).expect("a file of the test");
        }
    }

    /// Puts a program of the shell at this name.
    pub(crate) fn make_program(&self, name: &str, script: &str) {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).expect("a file of the test");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of the test");
    }

    /// Puts some kernel on the boot partition.
    pub(crate) fn put_kernel(&self, name: &str) {
        fs::write(self.path("esp/EFI/Linux").join(name), name).expect("a file of the test");
    }

    /// Names on the boot partition, sorted.
    pub(crate) fn kernels(&self) -> Vec<String> {
        let files = fs::read_dir(self.path("esp/EFI/Linux")).expect("a file of the test");
        let mut names: Vec<_> = files
            .map(|file| {
                file.expect("a file of the test").file_name().into_string().expect("a file of the test")
            })
            .collect();
        names.sort();
        names
    }

    /// The whole of `loader.conf`.
    pub(crate) fn loader_conf(&self) -> String {
        fs::read_to_string(self.path("esp/loader/loader.conf")).expect("a file of the test")
    }

    /// Lays out a release as the agent does.
    pub(crate) fn stage(&self, version: ReleaseVersion) -> Description {
        let root = noise(ROOT_BYTES, &version.to_string());
        let tree = hash_tree(&root);
        let kernel = noise(KERNEL_BYTES, &format!("kernel of {version}"));
        let root_hash = hex::encode(verity::root_hash(&tree[..]).expect("a tree"));
        let files = FileRole::ALL.into_iter().zip([root, tree, kernel]).map(|(role, bytes)| {
            let file = ReleaseFile {
                role,
                size_bytes: bytes.len() as u64,
                sha256: hex::encode(Sha256::digest(&bytes)),
                index: String::new(),
                pack: String::new(),
            };
            fs::write(self.path("staged").join(file.name(version)), bytes).expect("a file of the test");
            file
        });
        let description = Description {
            version,
            board: "x86-64".to_owned(),
            released_at: "2026-11-01T00:00:00Z".parse().expect("as it is written"),
            notes: String::new(),
            root_hash,
            files: files.collect(),
        };
        let text = serde_json::to_vec(&description).expect("JSON of ours");
        fs::write(self.path(&format!("staged/hearth_{version}.json")), text).expect("a file of the test");
        description
    }

    /// Does a task, with the answer as the agent reads it: the reason, or nothing.
    pub(crate) fn perform(&self, verb: SlotVerb, version: ReleaseVersion) -> Result<(), String> {
        self.perform_with("sysupdate", verb, version)
    }

    /// The same with another program in the place of systemd-sysupdate.
    pub(crate) fn perform_with(
        &self,
        sysupdate: &str,
        verb: SlotVerb,
        version: ReleaseVersion,
    ) -> Result<(), String> {
        let done = machine(self.folder.path(), &self.disk, sysupdate).perform(SlotTask { verb, version });
        let text =
            fs::read(self.path("answers").join(format!("{}.json", verb.name()))).expect("a file of the test");
        let answer: SlotAnswer = serde_json::from_slice(&text).expect("JSON of ours");
        assert_eq!((answer.verb, answer.version, answer.ok), (verb, version, done.is_ok()));
        assert!(!self.path("answers/progress.json").exists());
        done.map_err(|error| {
            assert_eq!(answer.reason, Some(error.to_string()));
            error.to_string()
        })
    }

    /// What sfdisk says of a partition: its column of this name.
    pub(crate) fn partition(&self, number: usize, column: &str) -> String {
        let output = Command::new("sfdisk")
            .args([column, &self.disk, &number.to_string()])
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }

    /// Labels of slot B: root and hash tree.
    pub(crate) fn labels(&self) -> [String; 2] {
        SLOT_B.map(|number| self.partition(number, "--part-label"))
    }

    /// Asserts that both copies of the partition table are whole.
    pub(crate) fn check_table(&self) {
        let output =
            Command::new("sfdisk").args(["--verify", &self.disk]).output().expect("the program starts");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        assert!(said.contains("No errors detected"), "{said}");
    }

    /// Bytes of a partition, from this offset in it.
    pub(crate) fn read(&self, number: usize, length: usize) -> Vec<u8> {
        use std::os::unix::fs::FileExt as _;
        let mut bytes = vec![0; length];
        fs::File::open(&self.disk)
            .expect("a file of the test")
            .read_exact_at(&mut bytes, self.start(number))
            .expect("a file of the test");
        bytes
    }

    /// Whether slot B has what was staged, byte for byte.
    pub(crate) fn holds_what_was_staged(&self, version: ReleaseVersion) -> bool {
        ["root", "verity"].into_iter().zip(SLOT_B).all(|(suffix, number)| {
            let staged = fs::read(self.path("staged").join(format!("hearth_{version}.{suffix}")))
                .expect("a file of the test");
            self.read(number, staged.len()) == staged
        })
    }

    /// Where a partition begins, in bytes.
    pub(crate) fn start(&self, number: usize) -> u64 {
        let output =
            Command::new("sfdisk").args(["--dump", &self.disk]).output().expect("the program starts");
        let text = String::from_utf8(output.stdout).expect("text");
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{}p{number} ", self.disk)))
            .expect("what sfdisk prints");
        let start = line
            .split("start=")
            .nth(1)
            .expect("what sfdisk prints")
            .split(',')
            .next()
            .expect("what sfdisk prints");
        start.trim().parse::<u64>().expect("as it is written") * 512
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .args(["--recursive", "--lazy"])
            .args([self.path("system"), self.path("esp")])
            .status();
        let _ = Command::new("losetup").args(["--detach", &self.disk]).status();
    }
}

/// The machine with this disk, and everything else in this folder.
pub(crate) fn machine(folder: &Path, disk: &str, sysupdate: &str) -> Machine {
    let path = |name: &str| folder.join(name);
    Machine::elsewhere(Elsewhere {
        running: RUNS,
        disk: disk.into(),
        in_use: vec![2, 3],
        esp: [path("esp"), path("variables")],
        staged: path("staged"),
        answers: path("answers"),
        programs: [path(sysupdate), path("bless-boot")],
        transfers: [path("slot"), path("kernel")],
    })
}

/// Runs a command of the shell.
pub(crate) fn sh(script: &str) {
    let output = Command::new("bash").args(["-euc", script]).output().expect("the program starts");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Bytes that cannot be mistaken for others.
fn noise(length: usize, seed: &str) -> Vec<u8> {
    let block = |number: u64| Sha256::new().chain_update(seed).chain_update(number.to_le_bytes()).finalize();
    (0..).flat_map(block).take(length).collect()
}

/// A hash tree as `veritysetup format` lays it out, as far as its root hash goes.
fn hash_tree(root: &[u8]) -> Vec<u8> {
    let mut tree = vec![0; 4096];
    tree[..8].copy_from_slice(b"verity\0\0");
    (tree[8], tree[12]) = (1, 1);
    tree[32..38].copy_from_slice(b"sha256");
    tree[68..72].copy_from_slice(&4096_u32.to_le_bytes());
    tree.extend(noise(3 * 4096, &hex::encode(Sha256::digest(root))));
    tree
}
