/// Tar archives.
mod tarball;
/// Where files are put.
mod tree;
/// Zip archives.
mod zipped;

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::{Error, Job, Phase, Result};

pub(crate) use tree::Tree;

/// Largest window of a zstd stream that memory is given for, as a power of two: 32 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 25;
/// The end of a tar header's first field of POSIX archives.
const TAR_MAGIC_AT: usize = 257;
const HEAD_BYTES: usize = 512;

/// Unpacks an archive, whatever it is called, into the empty folder `tree`. Returns how many entries were left out.
pub(crate) fn archive(archive: &Path, tree: &Path, job: &Job<'_>) -> Result<usize> {
    job.tell(Phase::Unpacking, 0, None);
    let unreadable = |source| Error::Write { path: archive.to_owned(), source };
    let mut file = File::open(archive).map_err(unreadable)?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let file = BufReader::new(file);
    let mut tree = Tree::new(tree, job);
    match head.as_slice() {
        [b'P', b'K', 3, 4, ..] => zipped::unpack(file, &mut tree)?,
        [0x1f, 0x8b, ..] => tarball::unpack(flate2::bufread::MultiGzDecoder::new(file), &mut tree)?,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut stream = zstd::stream::read::Decoder::with_buffer(file)
                .and_then(|mut stream| stream.window_log_max(ZSTD_WINDOW_LOG_MAX).map(|()| stream))
                .map_err(|error| Error::Damaged(error.to_string()))?;
            tarball::unpack(&mut stream, &mut tree)?;
        }
        head if head.get(TAR_MAGIC_AT..TAR_MAGIC_AT + 5) == Some(b"ustar") => {
            tarball::unpack(file, &mut tree)?;
        }
        head => {
            let begins = String::from_utf8_lossy(&head[..head.len().min(40)]);
            return Err(Error::NotAnArchive { begins: format!("{:?}", begins.trim_end()) });
        }
    }
    Ok(tree.left_out())
}

/// Unpacks a plain tar stream into the empty folder `tree`. Returns how many entries were left out.
pub(crate) fn stream(stream: impl Read, tree: &Path, job: &Job<'_>) -> Result<usize> {
    let mut tree = Tree::new(tree, job);
    tarball::unpack(stream, &mut tree)?;
    Ok(tree.left_out())
}

#[cfg(test)]
mod tests;
