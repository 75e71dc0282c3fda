use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use hearth_host::data::{AppData, Error};
use hearth_model::AppId;
use rustix::fs::{CWD, FileType, Mode, XattrFlags};

pub(crate) fn app(id: &str) -> AppId {
    id.parse().expect("a valid id")
}

/// A state folder in a file system, which goes when the test is over.
pub(crate) struct State {
    pub(crate) dir: PathBuf,
    pub(crate) data: AppData,
    mounted: bool,
    // Dropped last.
    _outer: tempfile::TempDir,
}

impl State {
    /// On the file system that tests run on.
    pub(crate) fn here() -> Self {
        let outer = tempfile::tempdir().expect("a temporary folder");
        let dir = outer.path().join("state");
        Self { data: AppData::new(&dir).expect("folders"), dir, mounted: false, _outer: outer }
    }

    /// On a file system of its own in a file; `None` for who may not mount.
    pub(crate) fn on(file_system: &str, size: &str) -> Option<Self> {
        Self::on_file_in(&std::env::temp_dir(), file_system, size)
    }

    /// The same in memory, where nothing waits for a disk.
    pub(crate) fn on_memory(file_system: &str, size: &str) -> Option<Self> {
        Self::on_file_in(Path::new("/dev/shm"), file_system, size)
    }

    fn on_file_in(dir: &Path, file_system: &str, size: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("left out: mounting {file_system} needs root");
            return None;
        }
        let outer = tempfile::tempdir_in(dir).expect("a temporary folder");
        let (image, dir) = (outer.path().join("image"), outer.path().join("mounted"));
        fs::create_dir(&dir).expect("made");
        run(Command::new("truncate").arg("-s").arg(size).arg(&image));
        let mut mkfs = Command::new(format!("mkfs.{file_system}"));
        run(mkfs.arg("-q").arg(&image));
        run(Command::new("mount").arg("-o").arg("loop").arg(&image).arg(&dir));
        let mounted = dir.clone();
        Some(Self { data: AppData::new(&dir).expect("folders"), dir: mounted, mounted: true, _outer: outer })
    }

    /// One of each kind of file system that is treated in its own way.
    pub(crate) fn each() -> Vec<Self> {
        let mut all = vec![Self::here()];
        all.extend(Self::on("btrfs", "256M"));
        all.extend(Self::on("ext4", "256M"));
        all
    }

    pub(crate) fn folder(&self, app: &AppId) -> PathBuf {
        self.dir.join("apps").join(app.as_str())
    }

    pub(crate) fn snapshots(&self, app: &AppId) -> PathBuf {
        self.dir.join("snapshots").join(app.as_str())
    }

    /// Deletes what is in the trash; returns the first error.
    pub(crate) fn empty_trash(&self) -> Result<(), Error> {
        let all = self.data.trash().expect("read");
        all.iter().map(|trashed| self.data.delete_trashed(trashed, &|| true)).fold(Ok(()), Result::and)
    }

    pub(crate) fn names_of_snapshots(&self, app: &AppId) -> Vec<String> {
        let snapshots = self.data.snapshots(app).expect("read");
        snapshots.into_iter().map(|snapshot| snapshot.name).collect()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily, so that a file left open by a failed test does not keep it.
            let _ = Command::new("umount").arg("-l").arg(&self.dir).status();
        }
    }
}

/// Something mounted, which is unmounted when this goes.
pub(crate) struct Mounted(pub(crate) PathBuf);

impl Mounted {
    /// Mounts a folder at another, which is made.
    pub(crate) fn bind(source: &Path, target: &Path) -> Self {
        fs::create_dir_all(target).expect("made");
        rustix::mount::mount_bind(source, target).expect("mounted");
        Self(target.to_owned())
    }

    /// Makes a disk in a file beside `target`, mounts it there and puts files on it.
    pub(crate) fn disk(image: &Path, file_system: &str, target: &Path) -> Self {
        fs::create_dir_all(target).expect("made");
        run(Command::new("truncate").args(["-s", "512M"]).arg(image));
        run(Command::new(format!("mkfs.{file_system}")).arg("-q").arg(image));
        run(Command::new("mount").arg("-o").arg("loop").arg(image).arg(target));
        let mounted = Self(target.to_owned());
        precious(target);
        mounted
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(&self.0, rustix::mount::UnmountFlags::DETACH);
    }
}

/// Puts files into a folder that must never change.
pub(crate) fn precious(dir: &Path) {
    fs::create_dir_all(dir.join("2024/summer")).expect("made");
    fs::write(dir.join("2024/summer/beach"), vec![7; 5000]).expect("written");
    fs::write(dir.join("list"), "irreplaceable").expect("written");
    symlink("list", dir.join("link")).expect("linked");
}

/// Fills a folder with one of each kind of thing that apps keep.
pub(crate) fn fill(dir: &Path) {
    fs::create_dir_all(dir.join("db/deep")).expect("made");
    fs::write(dir.join("db/deep/table"), "rows").expect("written");
    fs::set_permissions(dir.join("db"), fs::Permissions::from_mode(0o2750)).expect("set");
    fs::hard_link(dir.join("db/deep/table"), dir.join("same-table")).expect("linked");
    symlink("db/deep/table", dir.join("link")).expect("linked");
    symlink("/nowhere", dir.join("dangling")).expect("linked");
    rustix::fs::mknodat(CWD, dir.join("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("made");
    let sparse = File::create(dir.join("sparse")).expect("made");
    sparse.write_all_at(b"middle", 4 << 20).expect("written");
    sparse.set_len(16 << 20).expect("set");
    let old = File::create(dir.join("old")).expect("made");
    let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    old.set_times(FileTimes::new().set_modified(then)).expect("set");
    rustix::fs::setxattr(dir.join("old"), "user.note", b"kept", XattrFlags::empty()).expect("set");
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(dir.join("link"), Some(1000), Some(1001)).expect("set");
        std::os::unix::fs::chown(dir.join("old"), Some(999), Some(998)).expect("set");
    }
    let folder = File::open(dir.join("db")).expect("there");
    folder.set_times(FileTimes::new().set_modified(then)).expect("set");
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Everything about a folder that a copy must keep, except the marker's folder.
pub(crate) fn describe(dir: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    walk(dir, dir, &mut all);
    all
}

fn walk(top: &Path, dir: &Path, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).expect("read").map(|entry| entry.expect("read")) {
        let path = entry.path();
        let name = path.strip_prefix(top).expect("below").to_string_lossy().into_owned();
        if name == ".hearth" {
            continue;
        }
        let meta = fs::symlink_metadata(&path).expect("there");
        let kind = meta.file_type();
        let content = if kind.is_symlink() {
            format!("-> {}", fs::read_link(&path).expect("a link").display())
        } else if kind.is_file() {
            let mut note = [0; 100];
            let length = rustix::fs::lgetxattr(&path, "user.note", &mut note[..]).unwrap_or_default();
            let content = fs::read(&path).expect("read");
            let sparse = meta.blocks() * 512 < meta.size();
            format!(
                "{} bytes, {} names, note {:?}, sparse {sparse}, {:x}",
                content.len(),
                meta.nlink(),
                &note[..length],
                sum(&content)
            )
        } else if kind.is_fifo() {
            "fifo".to_owned()
        } else {
            walk(top, &path, all);
            "folder".to_owned()
        };
        all.insert(
            name,
            format!(
                "{:o} {}:{} {}.{} {content}",
                meta.mode(),
                meta.uid(),
                meta.gid(),
                meta.mtime(),
                meta.mtime_nsec()
            ),
        );
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}
