//! Cuts files into chunks, so that a box finds in the slot that runs what it need not fetch.
//!
//! A root is cut into the blocks of its file system: erofs moves what lies behind a change by whole blocks, and changes
//! a block here and there, so nothing larger would do. Other files are cut where their content says so: a gear hash over the
//! last 64 bytes decides ([FastCDC](https://www.usenix.org/conference/atc16/technical-sessions/presentation/xia)), with a
//! stricter mask before the aimed size and a looser one after it. The numbers and the table are part of the format of a
//! release: another choice makes boxes fetch everything once.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// A block of erofs and of dm-verity, in bytes.
pub const BLOCK_BYTES: usize = 4096;
/// Smallest chunk that content decides on, in bytes; the last one of a file may be smaller.
pub const MIN_BYTES: usize = 16 * 1024;
/// The size that most chunks are near, in bytes.
pub const AIM_BYTES: usize = 64 * 1024;
/// Largest chunk, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// Two bits more, and two less, than the 16 that 64 KiB need: sizes gather around the aim.
const STRICT: u64 = mask(18);
const LOOSE: u64 = mask(14);

const GEAR: [u64; 256] = gear();

/// The first half of the SHA-256 of a chunk. No other bytes can be found for it, and half as much has to be fetched.
pub type Hash = [u8; 16];

/// Returns the hash of a chunk.
pub fn hash(bytes: &[u8]) -> Hash {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(bytes)[..16]);
    half
}

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutter {
    /// Into blocks.
    Blocks,
    /// Where the content says so.
    Content,
}

impl Cutter {
    /// Returns how long the first chunk of `bytes` is, if nothing follows them.
    fn first_cut(self, bytes: &[u8]) -> usize {
        match self {
            Self::Blocks => bytes.len().min(BLOCK_BYTES),
            Self::Content => content_cut(bytes),
        }
    }
}

/// Returns the upper bits of a hash, which depend on the most bytes.
const fn mask(bits: u32) -> u64 {
    u64::MAX << (64 - bits)
}

/// 256 numbers without a pattern: SplitMix64 from zero.
const fn gear() -> [u64; 256] {
    let mut table = [0; 256];
    let (mut state, mut index) = (0_u64, 0);
    while index < table.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[index] = mixed ^ (mixed >> 31);
        index += 1;
    }
    table
}

fn content_cut(bytes: &[u8]) -> usize {
    if bytes.len() <= MIN_BYTES {
        return bytes.len();
    }
    let mut hash = 0_u64;
    let end = bytes.len().min(MAX_BYTES);
    // 64 bytes before the first place where a cut may be: the hash forgets older ones.
    for (at, byte) in bytes[..end].iter().enumerate().skip(MIN_BYTES - 64) {
        hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
        let mask = if at < AIM_BYTES { STRICT } else { LOOSE };
        if at >= MIN_BYTES && hash & mask == 0 {
            return at + 1;
        }
    }
    end
}

/// Cuts what a reader gives into chunks and hands each to `take`, with its hash; ends early when that returns `false`.
///
/// # Errors
/// When the reader fails, or `take` does.
pub fn each<E: From<io::Error>>(
    cutter: Cutter,
    mut reader: impl Read,
    mut take: impl FnMut(&[u8], Hash) -> Result<bool, E>,
) -> Result<(), E> {
    let mut buffer = vec![0; 4 * MAX_BYTES];
    let (mut filled, mut is_at_end) = (0, false);
    loop {
        while !is_at_end && filled < buffer.len() {
            match reader.read(&mut buffer[filled..]) {
                Ok(0) => is_at_end = true,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut at = 0;
        // A chunk is cut only where what follows it cannot change the cut.
        while at < filled && (is_at_end || filled - at >= MAX_BYTES) {
            let chunk = &buffer[at..at + cutter.first_cut(&buffer[at..filled])];
            at += chunk.len();
            if !take(chunk, hash(chunk))? {
                return Ok(());
            }
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        if is_at_end && filled == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn noise(bytes: usize, mut seed: u64) -> Vec<u8> {
        let mut noise = Vec::with_capacity(bytes);
        while noise.len() < bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            noise.push((seed >> 56) as u8);
        }
        noise
    }

    fn chunks(bytes: &[u8]) -> Vec<(usize, Hash)> {
        let mut chunks = Vec::new();
        each::<io::Error>(Cutter::Content, bytes, |chunk, hash| {
            chunks.push((chunk.len(), hash));
            Ok(true)
        })
        .unwrap();
        chunks
    }

    #[test]
    fn chunks_are_the_whole_and_keep_their_bounds() {
        for bytes in [0, 1, MIN_BYTES, MIN_BYTES + 1, MAX_BYTES, 3_000_000] {
            let content = noise(bytes, 7);
            let chunks = chunks(&content);
            assert_eq!(chunks.iter().map(|(len, _)| len).sum::<usize>(), bytes);
            for (len, _) in chunks.iter().rev().skip(1) {
                assert!((MIN_BYTES..=MAX_BYTES).contains(len), "{len}");
            }
        }
    }

    #[test]
    fn what_moved_is_found_again() {
        let old = noise(4_000_000, 1);
        let new = [&old[..1_000_000], &noise(5_000, 2)[..], &old[1_000_000..]].concat();
        let known: BTreeSet<Hash> = chunks(&old).into_iter().map(|(_, hash)| hash).collect();
        let fresh: usize =
            chunks(&new).iter().filter(|(_, hash)| !known.contains(hash)).map(|(len, _)| len).sum();
        assert!(fresh < 2 * MAX_BYTES, "{fresh} bytes are new");
    }

    #[test]
    fn how_a_reader_gives_its_bytes_changes_nothing() {
        struct Slowly<'a>(&'a [u8]);
        impl Read for Slowly<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let few = buffer.len().min(977);
                self.0.read(&mut buffer[..few])
            }
        }
        let content = noise(2_000_000, 3);
        let mut slowly = Vec::new();
        each::<io::Error>(Cutter::Content, Slowly(&content), |chunk, hash| {
            slowly.push((chunk.len(), hash));
            Ok(true)
        })
        .unwrap();
        assert_eq!(slowly, chunks(&content));
    }

    #[test]
    fn the_cuts_are_part_of_the_format() {
        let cuts: Vec<usize> = chunks(&noise(400_000, 1)).iter().map(|(len, _)| *len).collect();
        assert_eq!(cuts, [73725, 98839, 72471, 33122, 72336, 49507]);
    }
}
