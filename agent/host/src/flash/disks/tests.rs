use std::os::unix::fs::symlink;

use super::super::{Refusal, Uses, refusal};
use super::*;

/// A machine in files: each disk is a folder of sysfs below the bus that it hangs on.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.write("proc/self/mountinfo", "");
        for folder in ["sys/block", "sys/dev/block"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Adds a disk of 32 GB with a partition, and returns its folder.
    fn disk(&self, bus: &str, name: &str, major: u32, files: &[(&str, &str)]) -> String {
        let folder = format!("sys/devices/{bus}/block/{name}");
        let files =
            [("size", "62500000"), ("dev", &format!("{major}:0")), ("queue/logical_block_size", "512")]
                .iter()
                .chain(files)
                .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
                .collect::<Vec<_>>();
        for (file, text) in files {
            self.write(&format!("{folder}/{file}"), &format!("{text}\n"));
        }
        let part = format!("{folder}/{name}1");
        for (file, text) in [("partition", "1"), ("size", "2048"), ("dev", &format!("{major}:1"))] {
            self.write(&format!("{part}/{file}"), &format!("{text}\n"));
        }
        symlink(self.path(&folder), self.path(&format!("sys/block/{name}"))).unwrap();
        symlink(self.path(&folder), self.path(&format!("sys/dev/block/{major}:0"))).unwrap();
        symlink(self.path(&part), self.path(&format!("sys/dev/block/{major}:1"))).unwrap();
        folder
    }

    fn system(&self) -> System {
        System::below(self.0.path())
    }

    fn refusal(&self, name: &str) -> Option<Refusal> {
        let system = self.system();
        refusal(&system.disk(name), &Uses::read(&system).unwrap(), 5 << 30)
    }
}

#[test]
fn disks_are_listed_with_what_a_person_knows_them_by() {
    let machine = Machine::new();
    let stick = [("removable", "1"), ("device/vendor", "SanDisk "), ("device/model", "Ultra Fit")];
    machine.disk("pci0/usb1/1-2", "sdb", 8, &stick);
    machine.write("udev/b8:1", "S:x\nE:ID_FS_TYPE=vfat\nE:ID_FS_LABEL=HOLIDAY\n");
    machine.disk("pci0/mmc0", "mmcblk0", 179, &[("device/type", "SD"), ("device/name", "SC64G")]);
    machine.disk("pci0/ata1", "sda", 7, &[("removable", "0")]);
    machine.disk("virtual", "loop0", 9, &[]);
    machine.disk("pci0/usb1/1-3", "sdc", 10, &[("removable", "1"), ("size", "0")]);

    let disks = machine.system().disks().unwrap();
    let told: Vec<_> =
        disks.iter().map(|disk| (disk.name.as_str(), disk.connection, disk.is_offered())).collect();
    let expected = [
        ("mmcblk0", Connection::SdCard, true),
        ("sda", Connection::Sata, false),
        ("sdb", Connection::Usb, true),
    ];
    assert_eq!(told, expected, "neither loop devices nor readers without a card");
    assert_eq!(disks[0].model.as_deref(), Some("SC64G"));
    assert_eq!(disks[2].model.as_deref(), Some("SanDisk Ultra Fit"));
    assert_eq!(disks[2].size_bytes, 32_000_000_000);
    assert_eq!(disks[2].partitions[0].content.as_deref(), Some("vfat HOLIDAY"));
}

#[test]
fn mounted_disks_are_refused_and_the_system_by_name() {
    let machine = Machine::new();
    machine.disk("pci0/ata1", "sda", 8, &[]);
    machine.disk("pci0/usb1", "sdb", 7, &[]);
    machine.disk("pci0/usb2", "sdc", 6, &[]);
    machine.write(
        "proc/self/mountinfo",
        "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n26 1 7:1 / /media/my\\040stick rw - vfat /dev/sdb1 rw\n",
    );
    assert!(matches!(machine.refusal("sda"), Some(Refusal::System { .. })));
    let refused = machine.refusal("sdb").unwrap();
    let words = "`/dev/sdb` is in use: `/dev/sdb1` is mounted at `/media/my stick`. \
                 Unmount it first, for example with `sudo umount /dev/sdb1`";
    assert_eq!(refused.to_string(), words);
    assert_eq!(machine.refusal("sdc"), None);
}

#[test]
fn what_is_made_of_a_disk_holds_it() {
    let machine = Machine::new();
    // An encrypted root: nothing of the disk is mounted by its own name.
    let folder = machine.disk("pci0/nvme0", "nvme0n1", 8, &[]);
    machine.write(&format!("{folder}/nvme0n11/holders/dm-0"), "");
    machine.disk("virtual", "dm-0", 254, &[]);
    machine.write("proc/self/mountinfo", "25 1 254:0 / / rw - ext4 /dev/mapper/root rw\n");
    assert!(matches!(machine.refusal("nvme0n1"), Some(Refusal::System { .. })));

    // The second disk of a btrfs, which the list of mounts does not name.
    machine.disk("pci0/ata2", "sdd", 7, &[]);
    machine.write("sys/fs/btrfs/0000-11/devices/sdd1", "");
    assert!(matches!(machine.refusal("sdd"), Some(Refusal::InUse { .. })));

    machine.disk("pci0/ata3", "sde", 6, &[]);
    machine.write("proc/swaps", "Filename Type Size Used Priority\n/dev/sde1 partition 1 0 -2\n");
    assert!(matches!(machine.refusal("sde"), Some(Refusal::System { .. })));
}

#[test]
fn disks_that_cannot_take_an_image_are_refused_with_the_reason() {
    let machine = Machine::new();
    machine.disk("pci0/usb1", "sda", 8, &[("size", "9000000")]);
    machine.disk("pci0/usb2", "sdb", 7, &[("ro", "1")]);
    machine.disk("pci0/usb3", "sdc", 6, &[("queue/logical_block_size", "4096")]);
    let needed_bytes = 6 << 30;
    let small = Refusal::TooSmall { disk: "/dev/sda".to_owned(), found_bytes: 4_608_000_000, needed_bytes };
    assert_eq!(machine.refusal("sda"), Some(small));
    assert_eq!(machine.refusal("sdb"), Some(Refusal::ReadOnly { disk: "/dev/sdb".to_owned() }));
    assert!(matches!(machine.refusal("sdc"), Some(Refusal::Sectors { found_bytes: 4096, .. })));
}
