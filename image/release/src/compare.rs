use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Error, Result};
use hearth_update::chunk::{self, Cutter};
use hearth_update::index::{self, Chunk};

/// What a box that has one file would do to get another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// Bytes of the new file.
    pub size_bytes: u64,
    /// Chunks of the new file.
    pub chunks: u64,
    /// Bytes of it that the old one has as well.
    pub copied_bytes: u64,
    /// Bytes that come over the line.
    pub fetched_bytes: u64,
    /// Bytes of the list of its chunks, which come over the line in any case and are in neither number.
    pub index_bytes: u64,
    /// Bytes that would come over the line for all of it.
    pub whole_bytes: u64,
}

/// Compares two files as a download does.
///
/// # Errors
/// When one cannot be read.
pub fn compare(cutter: Cutter, old: &Path, new: &Path) -> Result<Difference> {
    let open = |path: &Path| File::open(path).with_context(|| format!("failed to open {}", path.display()));
    let mut have: BTreeMap<chunk::Hash, ()> = BTreeMap::new();
    chunk::each::<Error>(cutter, open(old)?, |_, hash| {
        have.insert(hash, ());
        Ok(true)
    })?;
    let mut difference = Difference::default();
    let mut known: BTreeMap<chunk::Hash, ()> = BTreeMap::new();
    let mut chunks = Vec::new();
    chunk::each::<Error>(cutter, open(new)?, |bytes, hash| {
        let size = bytes.len() as u64;
        difference.size_bytes += size;
        difference.chunks += 1;
        let is_first = known.insert(hash, ()).is_none();
        let packed = if is_first { zstd::bulk::compress(bytes, 3)?.len() as u64 } else { 0 };
        difference.whole_bytes += packed;
        chunks.push(Chunk { hash, size: u32::try_from(size)?, packed: u32::try_from(packed)? });
        if have.contains_key(&hash) {
            difference.copied_bytes += size;
        } else {
            difference.fetched_bytes += packed;
        }
        Ok(true)
    })?;
    difference.index_bytes = index::encode(&chunks)?.len() as u64;
    Ok(difference)
}
