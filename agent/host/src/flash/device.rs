use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, FallocateFlags, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{self, Setter, opcode};

use super::disks::Disk;
use super::error::{Error, Result};

/// What reads past the cache have to be a multiple of, in bytes: the largest sector there is.
const ALIGNED_BYTES: usize = 4096;
/// `BLKDISCARD` ([linux/fs.h](https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/fs.h)).
const DISCARD: ioctl::Opcode = opcode::none(0x12, 119);

/// A disk that is opened for writing and that nobody else can mount meanwhile.
#[derive(Debug)]
pub struct Device {
    path: PathBuf,
    file: File,
    zeroes: Zeroes,
}

/// What is known of how the disk makes zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zeroes {
    /// It was not asked yet, or makes them without being sent any.
    ByItself,
    /// They have to be written.
    Written,
}

impl Device {
    /// Opens a disk; the kernel refuses one that is mounted or part of something else.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(disk: &Disk) -> Result<Self> {
        let path = disk.path.clone();
        let exclusive = OFlags::EXCL.bits().cast_signed();
        let file = OpenOptions::new().read(true).write(true).custom_flags(exclusive).open(&path);
        let file = file.map_err(|source| Error::Open { path: path.clone(), source })?;
        let device = Self { path, file, zeroes: Zeroes::ByItself };
        device.discard(disk.size_bytes);
        Ok(device)
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes bytes.
    pub(super) fn write_at(&self, bytes: &[u8], at_bytes: u64) -> Result<()> {
        self.file.write_all_at(bytes, at_bytes).map_err(self.failed("write", at_bytes))
    }

    /// Makes a range read as zeros, which `zeros` are: by the disk itself where it can, else by writing them where it holds
    /// something else.
    pub(super) fn zero_at(&mut self, zeros: &[u8], at_bytes: u64) -> Result<()> {
        if self.zeroes == Zeroes::ByItself {
            // On a disk this either has it make zeros, or fails; it never writes them.
            let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match rustix::fs::fallocate(&self.file, how, at_bytes, zeros.len() as u64) {
                Ok(()) => return Ok(()),
                Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NODEV) => self.zeroes = Zeroes::Written,
                Err(error) => return Err(self.failed("write", at_bytes)(error.into())),
            }
        }
        let mut found = vec![0; zeros.len()];
        self.file.read_exact_at(&mut found, at_bytes).map_err(self.failed("read", at_bytes))?;
        if found == zeros {
            return Ok(());
        }
        self.write_at(zeros, at_bytes)
    }

    /// Waits until what was written is on the disk. `at_bytes` is how far the writing is.
    pub(super) fn sync(&self, at_bytes: u64) -> Result<()> {
        self.file.sync_data().map_err(self.failed("write", at_bytes))
    }

    /// Opens the disk for reading what it holds rather than what the kernel remembers.
    pub(super) fn uncached(&self) -> Result<Uncached> {
        let direct = OFlags::DIRECT.bits().cast_signed();
        let opened = OpenOptions::new().read(true).custom_flags(direct).open(&self.path);
        let file = match opened {
            Ok(file) => file,
            // A loop device over a file system that cannot: dropping the cache comes close.
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                self.forget();
                File::open(&self.path).map_err(self.failed("read", 0))?
            }
            Err(error) => return Err(self.failed("read", 0)(error)),
        };
        Ok(Uncached { file, space: Vec::new(), path: self.path.clone() })
    }

    /// Asks the kernel to read the disk anew; what was not synced stays.
    pub(super) fn forget(&self) {
        // Where it does not, what is read is what was written, and no worse than not reading at all.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }

    /// Returns a part of the disk as a stream.
    pub(super) fn part(&self, range: Range<u64>) -> Part<'_> {
        Part { file: &self.file, range, at_bytes: 0 }
    }

    fn failed(&self, doing: &'static str, at_bytes: u64) -> impl FnOnce(io::Error) -> Error {
        let path = self.path.clone();
        move |source| Error::Device { path, doing, at_bytes, source }
    }

    /// Tells the disk that nothing on it is needed any more, so that it need not read what is overwritten. Many disks cannot,
    /// and what they return afterwards is not for sure: nothing depends on it.
    fn discard(&self, size_bytes: u64) {
        // SAFETY: the kernel reads two numbers, the start and the length, and writes nothing.
        #[expect(unsafe_code, reason = "an ioctl of block devices; see the SAFETY comment")]
        let _ = unsafe { ioctl::ioctl(&self.file, Setter::<DISCARD, [u64; 2]>::new([0, size_bytes])) };
    }
}

/// Reads past the cache.
pub(super) struct Uncached {
    file: File,
    space: Vec<u8>,
    path: PathBuf,
}

impl Uncached {
    /// Returns `length` bytes from a multiple of 4096 on; fewer at the end of the disk.
    pub(super) fn read_at(&mut self, at_bytes: u64, length: usize) -> Result<&[u8]> {
        let whole = length.next_multiple_of(ALIGNED_BYTES);
        self.space.resize(whole + ALIGNED_BYTES, 0);
        let start = self.space.as_ptr().align_offset(ALIGNED_BYTES).min(ALIGNED_BYTES);
        let space = &mut self.space[start..start + whole];
        let mut done = 0;
        while done < length {
            match self.file.read_at(&mut space[done..], at_bytes + done as u64) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let path = self.path.clone();
                    return Err(Error::Device { path, doing: "read back", at_bytes, source });
                }
            }
        }
        Ok(&space[..done.min(length)])
    }
}

/// A part of a disk, as a stream that cannot leave it.
pub(super) struct Part<'a> {
    file: &'a File,
    range: Range<u64>,
    at_bytes: u64,
}

impl Part<'_> {
    /// Returns how much of a buffer fits between here and the end.
    fn room(&self, length: usize) -> usize {
        let left = (self.range.end - self.range.start).saturating_sub(self.at_bytes);
        usize::try_from(left).unwrap_or(usize::MAX).min(length)
    }
}

impl Read for Part<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let room = self.room(bytes.len());
        let count = self.file.read_at(&mut bytes[..room], self.range.start + self.at_bytes)?;
        self.at_bytes += count as u64;
        Ok(count)
    }
}

impl Write for Part<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room(bytes.len());
        let count = self.file.write_at(&bytes[..room], self.range.start + self.at_bytes)?;
        self.at_bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Part<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.range.end - self.range.start;
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at_bytes.checked_add_signed(by),
            SeekFrom::End(by) => length.checked_add_signed(by),
        };
        let target = target.filter(|at| *at <= length).ok_or(io::ErrorKind::InvalidInput)?;
        self.at_bytes = target;
        Ok(target)
    }
}
