use std::io::Read;

use tar::{Archive, EntryType, PaxExtensions};

use crate::unpack::Tree;
use crate::{Error, Result};

/// Longest name that is written before its entry, and most bytes of other facts about it.
const MAX_FACTS_BYTES: u64 = 64 * 1024;

/// Unpacks a tar stream.
///
/// Entries are read raw: the library would read names of any length into memory.
pub(super) fn unpack(stream: impl Read, tree: &mut Tree<'_>) -> Result<()> {
    let mut stream = Bounded { left: tree.stream_bytes(), stream, is_over: false };
    let result = unpack_entries(&mut stream, tree);
    if stream.is_over { Err(tree.too_large()) } else { result }
}

fn unpack_entries(stream: &mut impl Read, tree: &mut Tree<'_>) -> Result<()> {
    let mut archive = Archive::new(&mut *stream);
    let mut long_name: Option<Vec<u8>> = None;
    let entries = archive.entries().map_err(|error| tree.unreadable(&error))?.raw(true);
    for entry in entries {
        let mut entry = entry.map_err(|error| tree.unreadable(&error))?;
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => {
                let mut name = facts(&mut entry, tree)?;
                while name.last() == Some(&0) {
                    name.pop();
                }
                long_name = Some(name);
                continue;
            }
            EntryType::XHeader => {
                long_name = pax_path(&facts(&mut entry, tree)?)?.or(long_name);
                continue;
            }
            // Facts about all entries (a commit's id), and the target of a link that is left out anyway.
            EntryType::XGlobalHeader | EntryType::GNULongLink => continue,
            _ => {}
        }
        let name = long_name.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
        match kind {
            // Before POSIX a folder was a file whose name ends with a slash.
            EntryType::Regular if name.ends_with(b"/") => tree.folder(&name)?,
            EntryType::Regular | EntryType::Continuous => {
                let mode = entry.header().mode().map_err(|error| tree.unreadable(&error))?;
                let expected = entry.size();
                let mut content = Counted { content: &mut entry, bytes: 0 };
                tree.file(&name, mode & 0o111 != 0, &mut content)?;
                if content.bytes != expected {
                    return Err(Error::Damaged(format!(
                        "it ends within `{}`",
                        String::from_utf8_lossy(&name)
                    )));
                }
            }
            EntryType::Directory => tree.folder(&name)?,
            _ => tree.leave_out(&name)?,
        }
    }
    // What follows the end is read too, so that a checksum behind it is looked at.
    std::io::copy(stream, &mut std::io::sink()).map_err(|error| tree.unreadable(&error))?;
    Ok(())
}

/// Reads what stands before an entry and belongs to it.
fn facts(entry: &mut impl Read, tree: &Tree<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    entry.take(MAX_FACTS_BYTES + 1).read_to_end(&mut bytes).map_err(|error| tree.unreadable(&error))?;
    if bytes.len() as u64 > MAX_FACTS_BYTES {
        return Err(Error::TooLarge { what: "a name in the archive", limit_bytes: MAX_FACTS_BYTES });
    }
    Ok(bytes)
}

/// Returns the path in the facts about an entry
/// ([pax](https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_03)).
fn pax_path(facts: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut path = None;
    for fact in PaxExtensions::new(facts) {
        let fact = fact.map_err(|error| Error::Damaged(error.to_string()))?;
        match fact.key_bytes() {
            b"path" => path = Some(fact.value_bytes().to_vec()),
            // Needed from 8 GiB upward only. Readers that disagree about it see other entries in one archive.
            b"size" => return Err(Error::Damaged("an entry states its size twice".to_owned())),
            _ => {}
        }
    }
    Ok(path)
}

/// A stream that ends when more was read than is taken.
struct Bounded<R> {
    stream: R,
    left: u64,
    is_over: bool,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_over = true;
                return Err(std::io::Error::other("more than is taken"));
            }
        }
        Ok(count)
    }
}

/// Counts what is read of an entry.
struct Counted<R> {
    content: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
