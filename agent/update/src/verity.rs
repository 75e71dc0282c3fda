//! The root hash of a dm-verity hash tree, from the tree itself
//! ([on-disk format](https://gitlab.com/cryptsetup/cryptsetup/-/wikis/DMVerity)).

use std::io::{self, Read};

use sha2::{Digest, Sha256};

const MAGIC: &[u8; 8] = b"verity\0\0";
/// Bytes of the superblock that are looked at.
const SUPERBLOCK_BYTES: usize = 512;
/// Block sizes that Linux takes, in bytes.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 512..=65536;

/// Returns the root hash of a hash tree: the salted SHA-256 of its top block, which stands first.
///
/// # Errors
/// When the reader fails, or gives something else than a hash tree of SHA-256.
pub fn root_hash(mut tree: impl Read) -> io::Result<[u8; 32]> {
    let wrong = |what: &str| {
        io::Error::new(io::ErrorKind::InvalidData, format!("it is no dm-verity hash tree: {what}"))
    };
    let mut superblock = [0; SUPERBLOCK_BYTES];
    tree.read_exact(&mut superblock)?;
    if !superblock.starts_with(MAGIC) {
        return Err(wrong("its beginning is another"));
    }
    let number = |at: usize| {
        superblock[at..at + 4].iter().rev().fold(0_usize, |all, byte| all << 8 | usize::from(*byte))
    };
    let (version, kind, block_bytes) = (number(8), number(12), number(68));
    let salt_bytes = usize::from(u16::from_le_bytes([superblock[80], superblock[81]]));
    if (version, kind) != (1, 1) || !superblock[32..].starts_with(b"sha256\0") {
        return Err(wrong("its version or its hash is another"));
    }
    if !BLOCK_BYTES.contains(&block_bytes) || salt_bytes > 256 {
        return Err(wrong("its blocks or its salt have a size that none can have"));
    }
    let mut before = vec![0; block_bytes - SUPERBLOCK_BYTES];
    let mut top = vec![0; block_bytes];
    tree.read_exact(&mut before)?;
    tree.read_exact(&mut top)?;
    Ok(Sha256::new().chain_update(&superblock[88..88 + salt_bytes]).chain_update(&top).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree as `veritysetup format` makes it, with one block of hashes.
    fn tree(salt: &[u8], top: u8) -> Vec<u8> {
        let mut tree = vec![0; 4096];
        tree[..8].copy_from_slice(MAGIC);
        (tree[8], tree[12]) = (1, 1);
        tree[32..38].copy_from_slice(b"sha256");
        tree[68..72].copy_from_slice(&4096_u32.to_le_bytes());
        tree[80..82].copy_from_slice(&(salt.len() as u16).to_le_bytes());
        tree[88..88 + salt.len()].copy_from_slice(salt);
        tree.extend([top; 4096]);
        tree
    }

    #[test]
    fn the_root_hash_is_that_of_salt_and_top_block() {
        let expected: [u8; 32] =
            Sha256::new().chain_update(b"salt").chain_update([7; 4096]).finalize().into();
        assert_eq!(root_hash(&tree(b"salt", 7)[..]).unwrap(), expected);
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let good = tree(b"", 1);
        assert!(root_hash(&good[..5000]).is_err());
        for (at, byte) in [(0, 0), (8, 2), (12, 0), (32, b'm'), (70, 9), (81, 2)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert!(root_hash(&bad[..]).is_err(), "byte {at}");
        }
    }
}
