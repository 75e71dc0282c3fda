use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::data::error::Error;

/// How the bytes of files are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// The copy shares its blocks with the original until one of them is changed.
    Share,
    /// The copy has blocks of its own.
    Plain,
}

/// Finds out by trying whether files below a folder can share blocks.
pub(super) fn method(dir: &OwnedFd, path: &Path) -> Result<Method, Error> {
    const NAMES: [&str; 2] = [".hearth-probe-1", ".hearth-probe-2"];
    let create = |name| {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o600))
    };
    let probe = || -> rustix::io::Result<Method> {
        let (one, two) = (create(NAMES[0])?, create(NAMES[1])?);
        rustix::io::write(&one, &[1; 4096])?;
        Ok(match rustix::fs::ioctl_ficlone(&two, &one) {
            Ok(()) => Method::Share,
            Err(_) => Method::Plain,
        })
    };
    let method = probe();
    for name in NAMES {
        match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(Error::call("write to", path)(errno)),
        }
    }
    method.map_err(Error::call("write to", path))
}

/// Copies all bytes of a file into an empty one.
pub(super) fn copy(from: &File, to: &File, size_bytes: u64, method: Method) -> io::Result<()> {
    if method == Method::Share && rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    // Some files cannot share although others do, such as those without checksums on btrfs.
    to.set_len(size_bytes)?;
    let mut at = 0;
    while let Some((start, end)) = next_data(from, at)? {
        copy_range(from, to, start, end)?;
        at = end;
    }
    Ok(())
}

/// Returns the next part of a file that is no hole, from `at` on.
fn next_data(file: &File, at: u64) -> io::Result<Option<(u64, u64)>> {
    let start = match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    Ok(Some((start, rustix::fs::seek(file, SeekFrom::Hole(start))?)))
}

fn copy_range(from: &File, to: &File, start: u64, end: u64) -> io::Result<()> {
    let (mut read_at, mut write_at) = (start, start);
    while read_at < end {
        let length = usize::try_from(end - read_at).unwrap_or(usize::MAX).min(1 << 30);
        match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), length) {
            // The file got shorter.
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                return copy_through_memory(from, to, read_at, end);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

fn copy_through_memory(from: &File, to: &File, start: u64, end: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let mut buffer = vec![0; 1 << 20];
    let mut at = start;
    while at < end {
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        match from.read_at(&mut buffer[..length], at) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                to.write_all_at(&buffer[..read], at)?;
                at += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
