//! `hearth flash`, as a person or a script runs it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::service::hearth;

const GIB: u64 = 1 << 30;

fn flash(args: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    hearth(folder.path()).arg("flash").args(args).output().unwrap()
}

#[track_caller]
fn ended_with(output: &Output, code: i32, said: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(said), "{stderr:?} does not say {said:?}");
}

/// Two megabytes that begin as an image does.
fn image(folder: &Path) -> PathBuf {
    let path = folder.join("hearth_1.0.0.raw");
    let mut disk = vec![7; 2 << 20];
    disk[512..520].copy_from_slice(b"EFI PART");
    fs::write(&path, disk).unwrap();
    path
}

/// A loop device over a sparse file, with its path; `None` for who may not make one.
fn disk(folder: &Path) -> Option<(String, impl Drop)> {
    struct Detach(String);
    impl Drop for Detach {
        fn drop(&mut self) {
            let _ = Command::new("losetup").args(["--detach", &self.0]).status();
        }
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: loop devices need root");
        return None;
    }
    let backing = folder.join("disk");
    fs::File::create(&backing).unwrap().set_len(2 * GIB).unwrap();
    let output = Command::new("losetup").args(["--find", "--show"]).arg(&backing).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    Some((path.clone(), Detach(path)))
}

#[test]
fn disks_are_listed_for_people_and_programs() {
    ended_with(&flash(&[]), 0, "");
    let listed: Value = serde_json::from_slice(&flash(&["--json"]).stdout).unwrap();
    assert!(listed.is_array());
}

#[test]
fn what_cannot_be_flashed_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(folder.path());
    let image = image.to_str().unwrap();
    let page = folder.path().join("page.raw");
    fs::write(&page, "<html>").unwrap();
    let page = page.to_str().unwrap();

    ended_with(
        &flash(&["/never/there.raw.zst", page]),
        3,
        "`/never/there.raw.zst` cannot be read: No such file",
    );
    ended_with(&flash(&[page, "/dev/null"]), 2, "is no image of Hearth");
    ended_with(&flash(&[image, page, "--yes"]), 4, "is no disk: it is a file");
    ended_with(&flash(&[image, "/dev/null", "--yes"]), 4, "is no disk");
    ended_with(&flash(&[image]), 2, "name the disk");
    ended_with(&flash(&[image, page, "--hostname", "My Box"]), 2, "expected the host name to be");
    ended_with(&flash(&[image, page, "--wifi", "Home"]), 2, "--wifi-password-file");
    ended_with(&flash(&[image, page, "--key", "no key"]), 2, "is no public key of minisign");
}

#[test]
fn a_disk_is_only_overwritten_by_who_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let Some((disk, _detach)) = disk(folder.path()) else { return };
    let image = image(folder.path());
    let path = image.to_str().unwrap();
    ended_with(&flash(&[path, &disk]), 4, "would be overwritten; `--yes` says that you mean it");

    let output = flash(&[path, &disk, "--yes", "--json"]);
    ended_with(&output, 0, "the image has no checksum beside it");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let events: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let phases: Vec<&str> = events.iter().filter_map(|event| event["phase"].as_str()).collect();
    for phase in ["checking", "writing", "verifying"] {
        assert!(phases.contains(&phase), "{phases:?}");
    }
    let done = events.last().unwrap();
    assert_eq!(
        (&done["event"], &done["bytes"], &done["settings"]),
        (&"done".into(), &(2 << 20).into(), &false.into())
    );
    let mut written = vec![0; 2 << 20];
    fs::File::open(folder.path().join("disk")).unwrap().read_exact(&mut written).unwrap();
    assert!(written == fs::read(&image).unwrap());

    // A wrong checksum is found before anything is written.
    fs::write(folder.path().join("hearth_1.0.0.raw.sha256"), "0".repeat(64)).unwrap();
    ended_with(&flash(&[path, &disk, "--yes"]), 4, "fetch it again");
    // So is an image that has no place for the settings that were wanted.
    fs::remove_file(folder.path().join("hearth_1.0.0.raw.sha256")).unwrap();
    let output = flash(&[path, &disk, "--yes", "--hostname", "attic"]);
    ended_with(&output, 1, "no partition that settings could be written to");
}
