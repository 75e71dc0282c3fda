//! The partition table of a disk, as far as labels and identifiers of partitions need it
//! ([GUID Partition Table](https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html)).
//!
//! A table stands on the disk twice. It is written copy after copy, the one at the end first, so that a cut at any instant
//! leaves one that is whole; the kernel, firmware and libfdisk take the other when the checksum of one is wrong.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const SIGNATURE: &[u8; 8] = b"EFI PART";
/// Logical sectors that disks have, in bytes.
const SECTOR_BYTES: [u64; 2] = [512, 4096];
/// Bytes of a header that count.
const HEADER_BYTES: usize = 92;
/// Most bytes of entries that are read: the usual table has 16 KiB.
const MAX_ENTRIES_BYTES: usize = 1024 * 1024;
/// Characters of a label, UTF-16.
const LABEL_UNITS: usize = 36;

/// An identifier as it stands on the disk.
pub(super) type Guid = [u8; 16];

/// Puts the bytes of an identifier, as it is written on paper, into the order in which they stand on the disk.
pub(super) const fn guid(written: u128) -> Guid {
    let b = written.to_be_bytes();
    [b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]]
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    /// Its number, from 1.
    pub(super) number: usize,
    /// What it is for.
    pub(super) kind: Guid,
    /// Its own identifier.
    pub(super) id: Guid,
    /// Its label.
    pub(super) label: String,
    /// Where it begins, in bytes.
    pub(super) start: u64,
    /// How long it is, in bytes.
    pub(super) size_bytes: u64,
}

/// The partition table of a disk.
#[derive(Debug)]
pub(super) struct Table {
    sector_bytes: u64,
    entry_bytes: usize,
    entries: Vec<u8>,
    /// At the beginning of the disk.
    primary: Header,
    /// At its end.
    backup: Header,
}

#[derive(Debug, Clone)]
struct Header(Vec<u8>);

impl Header {
    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from(self.u32(at)) | u64::from(self.u32(at + 4)) << 32
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn own_sector(&self) -> u64 {
        self.u64(24)
    }

    fn other_sector(&self) -> u64 {
        self.u64(32)
    }

    fn entries_sector(&self) -> u64 {
        self.u64(72)
    }

    fn entry_count(&self) -> usize {
        self.u32(80) as usize
    }

    fn entry_bytes(&self) -> usize {
        self.u32(84) as usize
    }

    /// Sets the checksums: that of the entries, and then that of the header.
    fn seal(&mut self, entries: &[u8]) {
        self.put(88, &crc32(entries).to_le_bytes());
        self.put(16, &[0; 4]);
        let own = crc32(&self.0[..HEADER_BYTES]).to_le_bytes();
        self.put(16, &own);
    }
}

impl Table {
    /// Reads the table of a disk, from the copy at its end when that at its beginning is not whole.
    pub(super) fn read(disk: &File) -> io::Result<Self> {
        let size_bytes = io::Seek::seek(&mut &*disk, io::SeekFrom::End(0))?;
        for sector_bytes in SECTOR_BYTES {
            let first = copy(disk, sector_bytes, 1);
            let last = first
                .as_ref()
                .map_or((size_bytes / sector_bytes).saturating_sub(1), |(header, _)| header.other_sector());
            let second = copy(disk, sector_bytes, last);
            let (header, entries) = match (&first, &second) {
                (Some((header, entries)), _) | (None, Some((header, entries))) => (header, entries.clone()),
                (None, None) => continue,
            };
            let entry_bytes = header.entry_bytes();
            let sectors = (entries.len() as u64).div_ceil(sector_bytes);
            let (first, second) = (first.map(|(header, _)| header), second.map(|(header, _)| header));
            let primary = first.clone().or_else(|| second.as_ref().map(|header| moved(header, 1, last, 2)));
            let backup = second.or_else(|| {
                first.as_ref().map(|header| moved(header, last, 1, last.saturating_sub(sectors)))
            });
            let (Some(primary), Some(backup)) = (primary, backup) else { continue };
            return Ok(Self { sector_bytes, entry_bytes, entries, primary, backup });
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "it has no partition table (GPT) that is whole"))
    }

    /// Returns the partitions in the order of their numbers.
    pub(super) fn partitions(&self) -> Vec<Partition> {
        let entries = self.entries.chunks_exact(self.entry_bytes).enumerate();
        entries.filter_map(|(index, entry)| self.partition(index + 1, entry)).collect()
    }

    fn partition(&self, number: usize, entry: &[u8]) -> Option<Partition> {
        let guid = |at: usize| entry[at..at + 16].try_into().ok();
        let sector = |at: usize| entry[at..at + 8].try_into().ok().map(u64::from_le_bytes);
        let (kind, id): (Guid, Guid) = (guid(0)?, guid(16)?);
        let (first, last) = (sector(32)?, sector(40)?);
        if kind == [0; 16] || last < first {
            return None;
        }
        let units = entry[56..56 + 2 * LABEL_UNITS]
            .chunks_exact(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let label = char::decode_utf16(units.take_while(|unit| *unit != 0))
            .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        let start = first.checked_mul(self.sector_bytes)?;
        let size_bytes = (last - first).checked_add(1)?.checked_mul(self.sector_bytes)?;
        Some(Partition { number, kind, id, label, start, size_bytes })
    }

    /// Sets the label of a partition, at most 36 characters of ASCII, and its identifier where one is given.
    pub(super) fn set(&mut self, number: usize, label: &str, id: Option<Guid>) {
        let Some(entry) = self.entries.chunks_exact_mut(self.entry_bytes).nth(number - 1) else { return };
        if let Some(id) = id {
            entry[16..32].copy_from_slice(&id);
        }
        let mut units = label.encode_utf16().take(LABEL_UNITS);
        for unit in entry[56..56 + 2 * LABEL_UNITS].chunks_exact_mut(2) {
            unit.copy_from_slice(&units.next().unwrap_or(0).to_le_bytes());
        }
    }

    /// Writes both copies, each to the disk itself before the next one.
    pub(super) fn write(&self, disk: &File) -> io::Result<()> {
        for header in [&self.backup, &self.primary] {
            let mut header = header.clone();
            header.seal(&self.entries);
            disk.write_all_at(&self.entries, header.entries_sector() * self.sector_bytes)?;
            disk.sync_data()?;
            disk.write_all_at(&header.0, header.own_sector() * self.sector_bytes)?;
            disk.sync_data()?;
        }
        Ok(())
    }
}

/// A header that stands elsewhere than the one that it is made of.
fn moved(header: &Header, own: u64, other: u64, entries: u64) -> Header {
    let mut header = header.clone();
    header.put(24, &own.to_le_bytes());
    header.put(32, &other.to_le_bytes());
    header.put(72, &entries.to_le_bytes());
    header
}

/// Reads one copy of a table; `None` when it is not whole.
fn copy(disk: &File, sector_bytes: u64, sector: u64) -> Option<(Header, Vec<u8>)> {
    let mut bytes = vec![0; usize::try_from(sector_bytes).ok()?];
    disk.read_exact_at(&mut bytes, sector.checked_mul(sector_bytes)?).ok()?;
    let header = Header(bytes);
    if !header.0.starts_with(SIGNATURE)
        || header.u32(12) as usize != HEADER_BYTES
        || header.own_sector() != sector
    {
        return None;
    }
    let length = header.entry_count().checked_mul(header.entry_bytes())?;
    if header.entry_bytes() < 128 || length == 0 || length > MAX_ENTRIES_BYTES {
        return None;
    }
    let mut entries = vec![0; length];
    disk.read_exact_at(&mut entries, header.entries_sector().checked_mul(sector_bytes)?).ok()?;
    let mut sealed = header.clone();
    sealed.seal(&entries);
    (sealed.0 == header.0).then_some((header, entries))
}

/// CRC-32 as in Ethernet, which the table's checksums are.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 },
        )
    })
}

#[cfg(test)]
mod tests;
