//! Which chunks a file is made of, in order: a signed target of its own, 40 bytes a chunk.

use crate::chunk::{Hash, MAX_BYTES};

/// What an index begins with; the digit is its format.
const MAGIC: &[u8; 8] = b"HRTHIDX1";
const ENTRY_BYTES: usize = 40;
/// Most chunks of a file: 4 GiB of the smallest, twice the size of a slot.
const MAX_CHUNKS: usize = 256 * 1024;
/// Largest index, in bytes.
pub const MAX_INDEX_BYTES: u64 = (MAGIC.len() + MAX_CHUNKS * ENTRY_BYTES) as u64;

/// One chunk of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// SHA-256 of its bytes.
    pub hash: Hash,
    /// How many they are.
    pub size: u32,
    /// How many bytes it has in the pack, as one zstd frame.
    pub packed: u32,
}

/// What is wrong with an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIndex {
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
pub fn encode(chunks: &[Chunk]) -> Vec<u8> {
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
pub fn decode(bytes: &[u8]) -> Result<Vec<Chunk>, InvalidIndex> {
    let entries = bytes.strip_prefix(MAGIC).ok_or(InvalidIndex::Format)?;
    let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() || entries.len() > MAX_CHUNKS {
        return Err(InvalidIndex::Length);
    }
    entries.iter().map(entry).collect()
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Result<Chunk, InvalidIndex> {
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (mut hash, size, packed) = ([0; 32], number(32), number(36));
    hash.copy_from_slice(&bytes[..32]);
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
        let chunk = |byte: u8| Chunk { hash: [byte; 32], size: 1 + u32::from(byte), packed: 7 };
        let chunks: Vec<Chunk> = (0..=255).map(chunk).collect();
        assert_eq!(decode(&encode(&chunks)), Ok(chunks));
        assert_eq!(decode(&encode(&[])), Ok(Vec::new()));
    }

    #[test]
    fn what_is_cut_off_or_impossible_is_refused() {
        let good = encode(&[Chunk { hash: [1; 32], size: 5, packed: 5 }]);
        assert_eq!(decode(&good[..good.len() - 1]), Err(InvalidIndex::Length));
        assert_eq!(decode(b"HRTHIDX2"), Err(InvalidIndex::Format));
        for (size, packed) in [(0, 5), (5, 0), (MAX_BYTES as u32 + 1, 5), (5, u32::MAX)] {
            assert_eq!(decode(&encode(&[Chunk { hash: [1; 32], size, packed }])), Err(InvalidIndex::Size));
        }
    }

    proptest! {
        #[test]
        fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
