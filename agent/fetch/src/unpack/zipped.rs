use std::io::{Read, Seek, SeekFrom};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::unpack::Tree;
use crate::{Error, Result};

/// Length of the record at the end of a zip without its comment (APPNOTE 4.3.16).
const END_BYTES: usize = 22;
/// Length of the record before it in archives of more than 65 535 entries or 4 GiB (APPNOTE 4.3.15).
const LOCATOR_BYTES: usize = 20;
/// Longest comment.
const MAX_COMMENT_BYTES: usize = u16::MAX as usize;

const KIND_MASK: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;

/// Unpacks a zip archive.
pub(super) fn unpack(mut file: impl Read + Seek, tree: &mut Tree<'_>) -> Result<()> {
    let limit = tree.files_limit();
    if entries(&mut file).map_err(|error| tree.unreadable(&error))? > limit {
        return Err(Error::TooManyFiles { limit });
    }
    let damaged = |error: ZipError| Error::Damaged(error.to_string());
    let mut archive = ZipArchive::new(file).map_err(damaged)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name_raw().to_vec();
        let mode = entry.unix_mode().unwrap_or(REGULAR | 0o644);
        match mode & KIND_MASK {
            _ if entry.is_dir() => tree.folder(&name)?,
            DIRECTORY => tree.folder(&name)?,
            REGULAR | 0 => tree.file(&name, mode & 0o111 != 0, &mut entry)?,
            _ => tree.leave_out(&name)?,
        }
    }
    Ok(())
}

/// Returns how many entries a zip says that it has, before the library makes room for all of them. Archives that need the
/// larger form of the record hold more than is taken anyway.
fn entries(file: &mut (impl Read + Seek)) -> std::io::Result<usize> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = length.min((LOCATOR_BYTES + END_BYTES + MAX_COMMENT_BYTES) as u64);
    file.seek(SeekFrom::Start(length - tail))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    file.seek(SeekFrom::Start(0))?;
    let missing = || std::io::Error::other("its end is missing");
    let at = bytes.windows(4).rposition(|window| window == b"PK\x05\x06").ok_or_else(missing)?;
    let before = at.checked_sub(LOCATOR_BYTES).and_then(|at| bytes.get(at..at + 4));
    let count = bytes.get(at + 10..at + 12).and_then(|count| count.try_into().ok()).ok_or_else(missing)?;
    Ok(if before == Some(b"PK\x06\x07") { usize::MAX } else { u16::from_le_bytes(count).into() })
}
