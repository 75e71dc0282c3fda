//! Which chunks a file is made of, in order: a signed target of its own, 24 bytes a chunk before it is compressed.

use crate::chunk::{Hash, MAX_BYTES};

/// What an index begins with; the digit is its format.
const MAGIC: &[u8; 8] = b"HRTHIDX1";
const ENTRY_BYTES: usize = 24;
/// How hard it is compressed: sizes are mostly the same, hashes never.
const LEVEL: i32 = 19;
/// Most chunks of a file: a slot of 2 GiB in blocks.
const MAX_CHUNKS: usize = 512 * 1024;
/// Largest index, in bytes.
pub const MAX_INDEX_BYTES: u64 = (MAGIC.len() + MAX_CHUNKS * ENTRY_BYTES) as u64;

/// One chunk of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// Hash of its bytes.
    pub hash: Hash,
    /// How many they are.
    pub size: u32,
    /// How many bytes it has in the pack, as one zstd frame.
    pub packed: u32,
}

/// What is wrong with an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIndex {
    /// It is not compressed as it should be.
    #[error("it cannot be decompressed")]
    Compression,
    /// It is of another format.
    #[error("it is no index of this format; a newer Hearth made it")]
    Format,
    /// It ends in the middle of an entry, or has too many.
    #[error("it is cut off, or larger than any release")]
    Length,
    /// A chunk has a size that none can have.
    #[error("a chunk has a size that none can have")]
    Size,
}

/// Writes an index.
///
/// # Errors
/// When there is no memory to compress it.
pub fn encode(chunks: &[Chunk]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(&plain(chunks), LEVEL)
}

fn plain(chunks: &[Chunk]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MAGIC.len() + chunks.len() * ENTRY_BYTES);
    bytes.extend_from_slice(MAGIC);
    for Chunk { hash, size, packed } in chunks {
        bytes.extend_from_slice(hash);
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&packed.to_le_bytes());
    }
    bytes
}

/// Reads an index.
///
/// # Errors
/// When it is none.
pub fn decode(compressed: &[u8]) -> Result<Vec<Chunk>, InvalidIndex> {
    let most = MAGIC.len() + MAX_CHUNKS * ENTRY_BYTES;
    let bytes = zstd::bulk::decompress(compressed, most).map_err(|_| InvalidIndex::Compression)?;
    read(&bytes)
}

fn read(bytes: &[u8]) -> Result<Vec<Chunk>, InvalidIndex> {
    let entries = bytes.strip_prefix(MAGIC).ok_or(InvalidIndex::Format)?;
    let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() || entries.len() > MAX_CHUNKS {
        return Err(InvalidIndex::Length);
    }
    entries.iter().map(entry).collect()
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Result<Chunk, InvalidIndex> {
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (mut hash, size, packed) = ([0; 16], number(16), number(20));
    hash.copy_from_slice(&bytes[..16]);
    // Noise grows a little when it is compressed.
    let is_possible = |count: u32| (1..=MAX_BYTES + 4096).contains(&(count as usize));
    if !is_possible(size) || size as usize > MAX_BYTES || !is_possible(packed) {
        return Err(InvalidIndex::Size);
    }
    Ok(Chunk { hash, size, packed })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_index_reads_back_as_what_it_was() {
        let chunk = |byte: u8| Chunk { hash: [byte; 16], size: 1 + u32::from(byte), packed: 7 };
        let chunks: Vec<Chunk> = (0..=255).map(chunk).collect();
        assert_eq!(decode(&encode(&chunks).unwrap()), Ok(chunks));
        assert_eq!(decode(&encode(&[]).unwrap()), Ok(Vec::new()));
    }

    #[test]
    fn what_is_cut_off_or_impossible_is_refused() {
        let good = plain(&[Chunk { hash: [1; 16], size: 5, packed: 5 }]);
        assert_eq!(read(&good[..good.len() - 1]), Err(InvalidIndex::Length));
        assert_eq!(read(b"HRTHIDX2"), Err(InvalidIndex::Format));
        assert_eq!(decode(b"nothing"), Err(InvalidIndex::Compression));
        for (size, packed) in [(0, 5), (5, 0), (MAX_BYTES as u32 + 1, 5), (5, u32::MAX)] {
            assert_eq!(read(&plain(&[Chunk { hash: [1; 16], size, packed }])), Err(InvalidIndex::Size));
        }
    }

    proptest! {
        #[test]
        fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
            let _ = decode(&bytes);
        }
    }
}
