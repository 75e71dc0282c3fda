use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Error, Result};
use hearth_update::chunk::{self, Cutter};
use hearth_update::index::{self, Chunk};
use sha2::{Digest, Sha256};

/// How hard chunks are compressed: most of them are compressed already.
const LEVEL: i32 = 9;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// Its chunks, in order.
    pub chunks: Vec<Chunk>,
}

/// Cuts a file into chunks, and writes its index and its pack.
///
/// # Errors
/// When the file cannot be read, or the others not be written.
pub fn pack(cutter: Cutter, file: &Path, index: &Path, pack: &Path) -> Result<Packed> {
    let reader = File::open(file).with_context(|| format!("failed to open {}", file.display()))?;
    let writing = || format!("failed to write {}", pack.display());
    let mut writer = BufWriter::new(File::create(pack).with_context(writing)?);
    let mut whole = Sha256::new();
    let mut known: BTreeMap<chunk::Hash, u32> = BTreeMap::new();
    let mut chunks = Vec::new();
    chunk::each::<Error>(cutter, reader, |bytes, hash| {
        whole.update(bytes);
        let packed = match known.get(&hash) {
            Some(packed) => *packed,
            None => {
                let frame = zstd::bulk::compress(bytes, LEVEL)?;
                writer.write_all(&frame).with_context(writing)?;
                let packed = u32::try_from(frame.len())?;
                known.insert(hash, packed);
                packed
            }
        };
        chunks.push(Chunk { hash, size: u32::try_from(bytes.len())?, packed });
        Ok(true)
    })?;
    writer.into_inner().map_err(|error| error.into_error())?.sync_all().with_context(writing)?;
    std::fs::write(index, index::encode(&chunks)?)
        .with_context(|| format!("failed to write {}", index.display()))?;
    let size_bytes = chunks.iter().map(|chunk| u64::from(chunk.size)).sum();
    Ok(Packed { size_bytes, sha256: hex::encode(whole.finalize()), chunks })
}
