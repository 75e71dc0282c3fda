use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::device::Device;
use super::error::{Error, Result};
use super::image::Image;
use super::{Phase, Progress};

/// The piece that is written, compared and found to be zeros as a whole, in bytes.
const PIECE_BYTES: usize = 1 << 20;
/// After how much the disk is waited for, in bytes: what the kernel still holds is not progress.
const SYNC_BYTES: u64 = 32 << 20;

/// What was written: the SHA-256 of every piece, so that reading back can tell where something differs.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    pieces: Vec<[u8; 32]>,
    size_bytes: u64,
    zero_bytes: u64,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pieces: _, size_bytes, zero_bytes } = self;
        f.debug_struct("Written")
            .field("size_bytes", size_bytes)
            .field("zero_bytes", zero_bytes)
            .finish_non_exhaustive()
    }
}

impl Written {
    /// Returns how much of the disk is the image now, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Returns how much of that is zeros, which most disks need not be sent, in bytes.
    pub fn zero_bytes(&self) -> u64 {
        self.zero_bytes
    }
}

/// Writes an image to a disk, from its first byte on.
///
/// # Errors
/// When the image breaks off or is damaged, and when the disk fails: what is on it then does not start.
pub fn write(image: &Image, device: &mut Device, progress: &mut dyn FnMut(Progress)) -> Result<Written> {
    let mut reader = image.reader()?;
    let mut written = Written { pieces: Vec::new(), size_bytes: 0, zero_bytes: 0 };
    let (mut piece, zeros) = (vec![0; PIECE_BYTES], Zeros::default());
    let mut synced = 0;
    loop {
        let at_bytes = written.size_bytes;
        progress(Progress { phase: Phase::Writing, bytes: at_bytes, total_bytes: image.size_bytes() });
        let count = fill(&mut *reader, &mut piece).map_err(|source| image.damaged(at_bytes, source))?;
        if count == 0 {
            break;
        }
        if at_bytes + count as u64 > image.size_bytes() {
            let what = format!("it holds more than the {} bytes that it says", image.size_bytes());
            return Err(image.damaged(at_bytes, io::Error::new(io::ErrorKind::InvalidData, what)));
        }
        let bytes = &piece[..count];
        if zeros.are(bytes) {
            device.zero_at(bytes, at_bytes)?;
            written.zero_bytes += count as u64;
        } else {
            device.write_at(bytes, at_bytes)?;
        }
        written.pieces.push(zeros.digest(bytes));
        written.size_bytes += count as u64;
        if written.size_bytes - synced >= SYNC_BYTES {
            device.sync(written.size_bytes)?;
            synced = written.size_bytes;
        }
    }
    device.sync(written.size_bytes)?;
    if written.size_bytes != image.size_bytes() {
        let what = format!("it should hold {} bytes", image.size_bytes());
        let source = io::Error::new(io::ErrorKind::UnexpectedEof, what);
        return Err(image.damaged(written.size_bytes, source));
    }
    Ok(written)
}

/// Reads back what was written, from the disk rather than from memory, and compares it.
///
/// # Errors
/// When the disk fails, or holds something else.
pub fn read_back(written: &Written, device: &Device, progress: &mut dyn FnMut(Progress)) -> Result<()> {
    let mut disk = device.uncached()?;
    let (total_bytes, zeros) = (written.size_bytes, Zeros::default());
    let mut at_bytes = 0;
    for expected in &written.pieces {
        progress(Progress { phase: Phase::Verifying, bytes: at_bytes, total_bytes });
        let left = usize::try_from(total_bytes - at_bytes).unwrap_or(usize::MAX);
        let bytes = disk.read_at(at_bytes, left.min(PIECE_BYTES))?;
        if zeros.digest(bytes) != *expected {
            return Err(Error::Different { path: device.path().to_owned(), at_bytes });
        }
        at_bytes += bytes.len() as u64;
    }
    progress(Progress { phase: Phase::Verifying, bytes: at_bytes, total_bytes });
    Ok(())
}

/// A piece of zeros. Most of an image is that, and comparing costs a tenth of hashing.
struct Zeros {
    piece: Vec<u8>,
    digest: [u8; 32],
}

impl Default for Zeros {
    fn default() -> Self {
        let piece = vec![0; PIECE_BYTES];
        Self { digest: Sha256::digest(&piece).into(), piece }
    }
}

impl Zeros {
    fn are(&self, bytes: &[u8]) -> bool {
        self.piece.get(..bytes.len()) == Some(bytes)
    }

    /// Returns the SHA-256 of a piece.
    fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        if bytes == self.piece { self.digest } else { Sha256::digest(bytes).into() }
    }
}

/// Reads until a piece is full or the stream ends.
fn fill(reader: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match reader.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
