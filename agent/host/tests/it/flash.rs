//! Images onto loop devices, which are disks to the kernel: needs root.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use hearth_host::flash::{
    Checksum, Device, Disk, Error, Image, Key, Owner, Phase, Progress, Refusal, Settings, Signature, System,
    Uses, read_back, refusal, write,
};

use crate::support::run;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Of the image: partition table, ESP, and something.
const IMAGE_BYTES: u64 = 48 * MIB;
const ESP: std::ops::Range<u64> = MIB..37 * MIB;
/// A key that was made for these tests, and what it signed: 16 KiB of zeros with `EFI PART` in their second sector.
const KEY: &str = "RWTynUWMcbTWWOjG7BJd6ZanbuY2fJM9B4E0s6OsVio/oq0w8afK+x11";
const SIGNED: &str = "\
untrusted comment: signature from minisign secret key\n\
RUTynUWMcbTWWEoSnqlRychLJIedAt47YYgryXEFdNBnBl4zGB9fZmdQp3jKknHcEP+ohIGdOYHCBTG+9hVQ/sq+qD+14WdBwg0=\n\
trusted comment: hearth 1.2.3\n\
Y5/W/fFRovA8vEmzsb281YPPwJ6/cHUfmvwn0it/mx7+3z/gk6qln7+3dfWEEmkxVaSRtqnugZTz02JALDMaBA==\n\n";

/// A loop device over a file.
struct Loop {
    path: PathBuf,
    backing: PathBuf,
}

impl Loop {
    /// `None` for who may not make one.
    fn new(backing: PathBuf, bytes: u64) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("left out: loop devices need root");
            return None;
        }
        File::create(&backing).and_then(|file| file.set_len(bytes)).expect("a sparse file");
        let output =
            Command::new("losetup").args(["--find", "--show"]).arg(&backing).output().expect("losetup");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let path = String::from_utf8(output.stdout).expect("a path").trim().into();
        Some(Self { path, backing })
    }

    fn disk(&self) -> Disk {
        System::default().disk_at(&self.path).expect("a disk")
    }

    fn refusal(&self, image_bytes: u64) -> Option<Refusal> {
        refusal(&self.disk(), &Uses::read(&System::default()).expect("uses"), image_bytes)
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.path).status();
    }
}

/// Makes a disk with a partition table and an ESP, as far as flashing looks at them, and compresses it.
fn image(folder: &Path) -> (Image, Vec<u8>) {
    let esp = folder.join("esp");
    File::create(&esp).and_then(|file| file.set_len(ESP.end - ESP.start)).expect("made");
    run(Command::new("mkfs.vfat").args(["-F", "32"]).arg(&esp));
    let mut disk = vec![0; usize::try_from(IMAGE_BYTES).expect("small")];
    disk[512..520].copy_from_slice(b"EFI PART");
    for (at, value) in [(72, 2_u64), (80, 128), (84, 128)] {
        disk[512 + at] = u8::try_from(value).expect("a byte");
    }
    let kind =
        [0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B];
    disk[1024..1040].copy_from_slice(&kind);
    disk[1056..1064].copy_from_slice(&(ESP.start / 512).to_le_bytes());
    disk[1064..1072].copy_from_slice(&(ESP.end / 512 - 1).to_le_bytes());
    let range = usize::try_from(ESP.start).expect("small")..usize::try_from(ESP.end).expect("small");
    disk[range].copy_from_slice(&fs::read(&esp).expect("read"));
    for (number, byte) in disk[40 << 20..44 << 20].iter_mut().enumerate() {
        *byte = u8::try_from(number * 31 % 251).expect("a byte");
    }
    let path = folder.join("hearth.raw.zst");
    fs::write(&path, zstd::encode_all(&disk[..], 1).expect("compressed")).expect("written");
    (Image::open(&path).expect("an image"), disk)
}

fn quiet(_: Progress) {}

#[test]
fn an_image_is_written_read_back_and_has_its_settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(device) = Loop::new(folder.path().join("disk"), IMAGE_BYTES + GIB) else { return };
    let (image, expected) = image(folder.path());
    assert_eq!(image.size_bytes(), IMAGE_BYTES);
    // What was on the disk before: zeros of the image have to replace it.
    let old = File::options().write(true).open(&device.path).expect("opened");
    (0..IMAGE_BYTES / MIB).for_each(|at| old.write_all_at(&[0xEE; MIB as usize], at * MIB).expect("written"));
    old.sync_all().expect("synced");
    drop(old);

    assert_eq!(device.refusal(image.size_bytes()), None);
    let mut disk = Device::open(&device.disk()).expect("opened");
    let mut phases = Vec::new();
    let mut note = |progress: Progress| {
        phases.push(progress.phase);
        assert!(progress.bytes <= progress.total_bytes && progress.total_bytes == IMAGE_BYTES);
    };
    let written = write(&image, &mut disk, &mut note).expect("written");
    assert_eq!(written.size_bytes(), IMAGE_BYTES);
    assert!(written.zero_bytes() > 36 * MIB);
    read_back(&written, &disk, &mut note).expect("the same");
    phases.dedup();
    assert_eq!(phases, [Phase::Writing, Phase::Verifying]);
    let mut found = vec![0; expected.len()];
    File::open(&device.path).expect("opened").read_exact_at(&mut found, 0).expect("read");
    assert!(found == expected, "the disk holds the image");

    let owner = Owner { username: "ada".to_owned(), password: "correct horse".to_owned() };
    let settings = Settings { hostname: Some("attic".to_owned()), owner: Some(owner), ..Settings::default() };
    settings.put(&disk, &image.boot_partition().expect("one")).expect("written");
    // Once more, shorter: nothing of the longer one stays.
    let settings = Settings { hostname: Some("cellar".to_owned()), ..Settings::default() };
    settings.put(&disk, &image.boot_partition().expect("one")).expect("written");
    drop(disk);
    let esp = folder.path().join("esp-after");
    let mut bytes = vec![0; usize::try_from(ESP.end - ESP.start).expect("small")];
    File::open(&device.path).expect("opened").read_exact_at(&mut bytes, ESP.start).expect("read");
    fs::write(&esp, &bytes).expect("written");
    run(Command::new("fsck.vfat").arg("-n").arg(&esp));
    let text = b"HOSTNAME=cellar\n";
    assert!(bytes.windows(text.len()).any(|window| window == text), "the file is there");
}

#[test]
fn a_mounted_disk_is_refused_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(device) = Loop::new(folder.path().join("disk"), 2 * GIB) else { return };
    run(Command::new("mkfs.ext4").arg("-q").arg(&device.path));
    let mounted = folder.path().join("mounted");
    fs::create_dir(&mounted).expect("made");
    run(Command::new("mount").arg(&device.path).arg(&mounted));
    let refused = device.refusal(IMAGE_BYTES);
    // Somebody may mount it after it was looked at: then the kernel refuses.
    let opened = Device::open(&device.disk());
    run(Command::new("umount").arg(&mounted));
    let words = refused.expect("refused").to_string();
    assert!(words.contains(&format!("is mounted at `{}`", mounted.display())), "{words}");
    let error = opened.expect_err("refused").to_string();
    assert!(error.contains("something uses it"), "{error}");
    assert_eq!(device.refusal(IMAGE_BYTES), None);
    assert!(matches!(device.refusal(GIB + 1), Some(Refusal::TooSmall { .. })));
}

#[test]
fn a_disk_that_vanishes_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: mounting needs root");
        return;
    }
    // The file behind the disk runs out of room, which the kernel tells as it tells of a stick that was pulled out.
    let small = folder.path().join("small");
    fs::create_dir(&small).expect("made");
    run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=3M", "none"]).arg(&small));
    let result = Loop::new(small.join("disk"), IMAGE_BYTES + GIB).map(|device| {
        let (image, _) = image(folder.path());
        write(&image, &mut Device::open(&device.disk()).expect("opened"), &mut quiet)
    });
    run(Command::new("umount").arg("-l").arg(&small));
    let error = result.expect("a loop device").expect_err("it failed");
    assert!(matches!(error, Error::Device { .. }), "{error:?}");
    assert!(error.to_string().contains("If it was pulled out, plug it in again"), "{error}");
}

#[test]
fn a_disk_that_forgets_is_found_when_it_is_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(device) = Loop::new(folder.path().join("disk"), IMAGE_BYTES + GIB) else { return };
    let (image, _) = image(folder.path());
    let mut disk = Device::open(&device.disk()).expect("opened");
    let written = write(&image, &mut disk, &mut quiet).expect("written");
    let backing = File::options().write(true).open(&device.backing).expect("opened");
    backing.write_all_at(&[0xEE], 41 * MIB + 7).expect("written");
    backing.sync_all().expect("synced");
    let error = read_back(&written, &disk, &mut quiet).expect_err("it differs");
    assert!(matches!(error, Error::Different { at_bytes, .. } if at_bytes == 41 * MIB), "{error:?}");
}

#[test]
fn a_damaged_image_says_where_and_is_no_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(device) = Loop::new(folder.path().join("disk"), IMAGE_BYTES + GIB) else { return };
    let (image, _) = image(folder.path());
    let whole = fs::read(image.path()).expect("read");
    File::create(image.path()).and_then(|mut file| file.write_all(&whole[..whole.len() / 2])).expect("cut");
    let mut disk = Device::open(&device.disk()).expect("opened");
    let error = write(&image, &mut disk, &mut quiet).expect_err("it is cut");
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
}

#[test]
fn only_disks_are_taken_and_only_whole_ones() {
    let system = System::default();
    let folder = tempfile::tempdir().expect("a folder");
    let error = system.disk_at(folder.path()).expect_err("a folder").to_string();
    assert!(error.contains("is no disk: it is a folder"), "{error}");
    assert!(system.disk_at(Path::new("/dev/never-there")).is_err());
    // The disks of whatever machine this is can be read, and its own is refused.
    let uses = Uses::read(&system).expect("uses");
    for disk in system.disks().expect("disks") {
        assert!(disk.size_bytes > 0 && disk.path.starts_with("/dev"));
        if uses.of(&disk).is_empty() {
            continue;
        }
        assert!(refusal(&disk, &uses, 1).is_some(), "{disk:?}");
    }
}

#[test]
fn checksum_and_signature_are_checked_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("hearth.raw");
    let mut bytes = vec![0; 16 * 1024];
    bytes[512..520].copy_from_slice(b"EFI PART");
    fs::write(&path, &bytes).expect("written");
    let image = Image::open(&path).expect("an image");
    let beside = |extension: &str| folder.path().join(format!("hearth.raw.{extension}"));

    let checked = image.check(None, &mut quiet).expect("nothing to check");
    assert_eq!(checked.checksum, Checksum::Absent(beside("sha256")));
    assert_eq!(checked.signature, Signature::NoKey);
    fs::write(beside("sha256"), format!("{}  hearth.raw\n", checked.sha256.to_uppercase())).expect("written");
    assert_eq!(image.check(None, &mut quiet).expect("holds").checksum, Checksum::Holds);

    let key = Key::parse(KEY).expect("a key");
    let error = image.check(Some(&key), &mut quiet).expect_err("unsigned");
    assert!(matches!(error, Error::Unsigned { .. }), "{error:?}");
    fs::write(beside("minisig"), SIGNED).expect("written");
    let checked = image.check(Some(&key), &mut quiet).expect("signed");
    assert_eq!(checked.signature, Signature::Holds("hearth 1.2.3".to_owned()));

    bytes[1000] = 1;
    fs::write(&path, &bytes).expect("written");
    let error = image.check(Some(&key), &mut quiet).expect_err("changed");
    assert!(matches!(error, Error::Checksum { .. }), "{error:?}");
    fs::remove_file(beside("sha256")).expect("removed");
    let error = image.check(Some(&key), &mut quiet).expect_err("changed");
    assert!(matches!(error, Error::Signature { .. }), "{error:?}");
    fs::write(beside("sha256"), "<html>").expect("written");
    assert!(matches!(image.check(None, &mut quiet), Err(Error::NoChecksum { .. })));
    assert!(Key::parse("RWQ").is_err());
}

#[test]
fn what_is_no_image_is_said_to_be_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("page.raw.zst");
    for content in [&b"<html>"[..], &[0; 4096], &[0x28, 0xB5, 0x2F, 0xFD, 9, 9]] {
        fs::write(&path, content).expect("written");
        let error = Image::open(&path).expect_err("no image");
        assert!(matches!(error, Error::NotAnImage { .. }), "{error:?}");
    }
}
