//! As much of a GUID partition table as it takes to find one partition
//! ([UEFI specification, chapter 5](https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html)).

use std::ops::Range;

/// How much of a disk's beginning holds the tables that are made in practice, in bytes; 34 sectors are the rule.
pub(super) const TABLE_BYTES: u64 = 64 * 1024;

const SECTOR_BYTES: u64 = 512;
const SIGNATURE: &[u8] = b"EFI PART";
/// C12A7328-F81F-11D2-BA4B-00A0C93EC93B, in the byte order of the table.
const ESP: [u8; 16] =
    [0x28, 0x73, 0x2A, 0xC1, 0x1F, 0xF8, 0xD2, 0x11, 0xBA, 0x4B, 0x00, 0xA0, 0xC9, 0x3E, 0xC9, 0x3B];
/// More entries than any tool makes, so that a wrong table costs nothing.
const MAX_ENTRIES: u32 = 1024;
/// Size of an entry, the least and a generous most.
const ENTRY_BYTES: Range<u32> = 128..4097;

/// Tells whether a disk that begins so has a partition table.
pub(super) fn is_disk(head: &[u8]) -> bool {
    head.get(SECTOR_BYTES as usize..).is_some_and(|header| header.starts_with(SIGNATURE))
}

/// Returns the bytes of the EFI system partition, read by `read(offset, length)`.
///
/// # Errors
/// Says what is wrong with the table, or what `read` says.
pub(super) fn esp(
    read: &mut dyn FnMut(u64, usize) -> std::io::Result<Vec<u8>>,
) -> Result<Range<u64>, String> {
    let header = read(SECTOR_BYTES, SECTOR_BYTES as usize).map_err(|error| error.to_string())?;
    if !header.starts_with(SIGNATURE) {
        return Err("it has no partition table".to_owned());
    }
    let (table, count, size) = (number(&header, 72, 8), number(&header, 80, 4), number(&header, 84, 4));
    let count = u32::try_from(count).unwrap_or(u32::MAX).min(MAX_ENTRIES);
    let size = u32::try_from(size).ok().filter(|size| ENTRY_BYTES.contains(size));
    let (Some(size), Some(table)) = (size, table.checked_mul(SECTOR_BYTES)) else {
        return Err("its partition table makes no sense".to_owned());
    };
    let entries = read(table, (count * size) as usize).map_err(|error| error.to_string())?;
    let entry = entries.chunks_exact(size as usize).find(|entry| entry.starts_with(&ESP));
    let entry = entry.ok_or("it has no EFI system partition")?;
    let (first, last) = (number(entry, 32, 8), number(entry, 40, 8));
    let end = last.checked_add(1).and_then(|end| end.checked_mul(SECTOR_BYTES));
    match (first.checked_mul(SECTOR_BYTES), end) {
        (Some(start), Some(end)) if start < end => Ok(start..end),
        _ => Err("its EFI system partition makes no sense".to_owned()),
    }
}

/// Reads a number that stands there with its lowest byte first; zero beyond the end.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let bytes = bytes.get(at..at + length).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(entry_bytes: u32, kind: [u8; 16], first: u64, last: u64) -> Vec<u8> {
        let mut disk = vec![0; 4096];
        disk[512..520].copy_from_slice(SIGNATURE);
        disk[512 + 72] = 2;
        disk[512 + 80] = 4;
        disk[512 + 84..512 + 88].copy_from_slice(&entry_bytes.to_le_bytes());
        // The second of four entries.
        disk[1152..1168].copy_from_slice(&kind);
        disk[1152 + 32..1152 + 40].copy_from_slice(&first.to_le_bytes());
        disk[1152 + 40..1152 + 48].copy_from_slice(&last.to_le_bytes());
        disk
    }

    fn esp_of(disk: &[u8]) -> Result<Range<u64>, String> {
        esp(&mut |at, length| {
            let at = usize::try_from(at).unwrap();
            disk.get(at..at + length)
                .map(<[u8]>::to_vec)
                .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
        })
    }

    #[test]
    fn the_partition_is_found_by_its_type() {
        assert_eq!(esp_of(&disk(128, ESP, 2048, 4095)), Ok(1_048_576..2_097_152));
        let none = esp_of(&disk(128, [7; 16], 2048, 4095)).unwrap_err();
        assert_eq!(none, "it has no EFI system partition");
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused() {
        assert!(esp_of(&disk(0, ESP, 2048, 4095)).is_err());
        assert!(esp_of(&disk(128, ESP, u64::MAX, u64::MAX)).is_err());
        assert!(esp_of(&disk(128, ESP, 9, 3)).is_err());
        assert!(esp_of(&[0; 2048]).is_err());
        assert!(!is_disk(&[0; 10]) && is_disk(&disk(128, ESP, 1, 2)[..1024]));
    }
}
