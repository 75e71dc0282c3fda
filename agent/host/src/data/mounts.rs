use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::data::error::Error;

/// The kernel refuses to go through a mount point, a link or out of the folder, also when the mount came a moment ago
/// ([openat2(2)](https://man7.org/linux/man-pages/man2/openat2.2.html)). A bind mount of the same file system is a
/// mount point as well; a subvolume of btrfs is none.
const WITHIN: ResolveFlags = ResolveFlags::NO_XDEV
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::BENEATH);

/// File systems that answer at once how much they hold. A server that is away would let the caller wait for ever.
const LOCAL: &[&str] =
    &["bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "tmpfs", "vfat", "xfs"];

/// A place where something is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPoint {
    /// Where it is mounted.
    pub path: PathBuf,
    /// The device or server that holds it, as the kernel names it.
    pub source: String,
    /// The part of it that is mounted: `/` when it is all of it, a folder when it is a bind mount.
    pub root: PathBuf,
    /// The file system, such as `ext4`.
    pub file_system: String,
}

impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, source, root, file_system } = self;
        if root == Path::new("/") {
            write!(f, "{} ({file_system} of {source})", path.display())
        } else {
            write!(f, "{} ({} of {source}, {file_system})", path.display(), root.display())
        }
    }
}

impl MountPoint {
    /// Returns how much a copy of what is mounted would take up; `None` for a part of a file system and for one that may
    /// not answer, such as a server's.
    pub fn used_bytes(&self) -> Option<u64> {
        if self.root != Path::new("/") || !LOCAL.contains(&self.file_system.as_str()) {
            return None;
        }
        let disk = rustix::fs::statvfs(&self.path).ok()?;
        Some(disk.f_blocks.saturating_sub(disk.f_bfree).saturating_mul(disk.f_frsize))
    }
}

/// Returns what is mounted at a folder or below it, in the order of the paths; the folder need not be there.
///
/// These are the mounts that this thread sees, and those that the first process sees where that has another view and
/// may be asked. Under systemd the service has a view of its own, into which mounts of the host spread.
pub(super) fn below(dir: &Path) -> Result<Vec<MountPoint>, Error> {
    let own = Path::new("/proc/thread-self/mountinfo");
    let mut found = parse(&fs::read(own).map_err(Error::at("read", own))?);
    found.extend(of_first_process(dir));
    // Of mounts at one path the last covers the others.
    let found: BTreeMap<PathBuf, MountPoint> = found
        .into_iter()
        .filter(|mount| mount.path.starts_with(dir))
        .map(|mount| (mount.path.clone(), mount))
        .collect();
    Ok(found.into_values().collect())
}

/// Fails with [`Error::Mounted`] when something is mounted at a folder or below it.
pub(super) fn check_none_below(dir: &Path) -> Result<(), Error> {
    let mounts = below(dir)?;
    if mounts.is_empty() { Ok(()) } else { Err(Error::Mounted { dir: dir.to_owned(), mounts }) }
}

/// Opens what lies in an open folder; fails with `EXDEV` where another mount begins, and with `ELOOP` at a link.
pub(super) fn open_within(
    at: impl AsFd,
    name: impl rustix::path::Arg + Copy,
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    loop {
        let opened = rustix::fs::openat2(&at, name, flags | OFlags::CLOEXEC, Mode::empty(), WITHIN);
        match opened {
            // The kernel could not be sure because something was renamed at the same time.
            Err(Errno::AGAIN | Errno::INTR) => {}
            opened => return opened,
        }
    }
}

/// Mounts that only the first process sees, where its path leads to the same folder.
fn of_first_process(dir: &Path) -> Vec<MountPoint> {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    if namespace("1") == namespace("thread-self") {
        return Vec::new();
    }
    let identity = |path: &Path| fs::metadata(path).ok().map(|there| (there.dev(), there.ino()));
    let Some(parent) = dir.parent() else { return Vec::new() };
    let mut there = OsString::from("/proc/1/root");
    there.push(parent);
    let is_same = identity(parent).is_some() && identity(parent) == identity(Path::new(&there));
    let text = fs::read("/proc/1/mountinfo").ok().filter(|_| is_same);
    text.map(|text| parse(&text)).unwrap_or_default()
}

/// Reads `mountinfo`, of which a line is `36 35 98:0 /root /path options optional… - ext4 /dev/sda1 options`
/// ([proc_pid_mountinfo(5)](https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html)).
fn parse(text: &[u8]) -> Vec<MountPoint> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<MountPoint> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let separator = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    let text = |at: usize| Some(String::from_utf8_lossy(unescape(fields.get(at)?).as_bytes()).into_owned());
    Some(MountPoint {
        path: unescape(fields.get(4)?).into(),
        source: text(separator + 2)?,
        root: unescape(fields.get(3)?).into(),
        file_system: text(separator + 1)?,
    })
}

/// Takes back what the kernel writes for spaces, tabs, newlines and backslashes: `\040`.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
        match digits {
            Some(digits) if *first == b'\\' => {
                let value = digits.iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
                bytes.extend(u8::try_from(value));
                rest = &after[3..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo_are_read_with_their_escapes() {
        let text = b"25 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
            90 25 7:0 / /state/apps/a/my\\040photos rw shared:2 master:1 - btrfs /dev/loop0 rw,subvol=/\n\
            91 25 8:1 /srv/x\\134y /state/apps/b rw - ext4 /dev/sda1 rw\nnot a line\n";
        let found = parse(text);
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "/ (ext4 of /dev/sda1)",
                "/state/apps/a/my photos (btrfs of /dev/loop0)",
                "/state/apps/b (/srv/x\\y of /dev/sda1, ext4)"
            ]
        );
    }

    #[test]
    fn a_path_that_only_begins_alike_is_not_below() {
        let proc = below(Path::new("/proc")).expect("read");
        assert!(proc.iter().any(|mount| mount.path == Path::new("/proc")), "{proc:?}");
        assert!(below(Path::new("/pro")).expect("read").is_empty());
    }
}
