use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

use hearth_fetch::Cancel;
use sha2::{Digest, Sha256};

use crate::chunk::{self, Hash, MAX_BYTES};
use crate::index::Chunk;
use crate::{Error, Result};

/// Bytes that a block of [`MetadataExt::blocks`] has, whatever the file system's own are.
const BLOCK_BYTES: u64 = 512;

/// A file that is put together from chunks.
pub(super) struct Partial {
    path: PathBuf,
    file: Option<File>,
    size_bytes: u64,
    /// Chunks that are not there, with their places.
    missing: BTreeMap<Hash, Missing>,
    done_bytes: u64,
}

struct Missing {
    chunk: Chunk,
    /// Where it belongs, in bytes from the start.
    offsets: Vec<u64>,
}

impl Partial {
    /// Nothing is made before [`Partial::open`].
    pub(super) fn new(path: PathBuf, chunks: &[Chunk]) -> Self {
        let mut missing: BTreeMap<Hash, Missing> = BTreeMap::new();
        let mut offset = 0;
        for chunk in chunks {
            let place = missing.entry(chunk.hash).or_insert(Missing { chunk: *chunk, offsets: Vec::new() });
            place.offsets.push(offset);
            offset += u64::from(chunk.size);
        }
        Self { path, file: None, size_bytes: offset, missing, done_bytes: 0 }
    }

    /// Returns how much of the disk it takes already.
    pub(super) fn allocated_bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.blocks() * BLOCK_BYTES)
    }

    /// Opens or makes the file, and finds which chunks are in it.
    pub(super) fn open(&mut self, chunks: &[Chunk], cancel: &Cancel) -> Result<()> {
        let failed = |source| Error::Disk { what: "written", path: self.path.clone(), source };
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&self.path);
        let file = file.map_err(failed)?;
        let is_new = file.metadata().map_err(failed)?.blocks() == 0;
        file.set_len(self.size_bytes).map_err(failed)?;
        if !is_new {
            self.find(&file, chunks, cancel)?;
        }
        self.file = Some(file);
        Ok(())
    }

    fn find(&mut self, file: &File, chunks: &[Chunk], cancel: &Cancel) -> Result<()> {
        let mut buffer = vec![0; MAX_BYTES];
        let mut offset = 0;
        for chunk in chunks {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let bytes = &mut buffer[..chunk.size as usize];
            let unreadable = |source| Error::Disk { what: "read", path: self.path.clone(), source };
            file.read_exact_at(bytes, offset).map_err(unreadable)?;
            if chunk::hash(bytes) == chunk.hash {
                self.done_bytes += u64::from(chunk.size);
                if let Some(missing) = self.missing.get_mut(&chunk.hash) {
                    missing.offsets.retain(|place| *place != offset);
                }
            }
            offset += u64::from(chunk.size);
        }
        self.missing.retain(|_, missing| !missing.offsets.is_empty());
        Ok(())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    pub(super) fn done_bytes(&self) -> u64 {
        self.done_bytes
    }

    pub(super) fn lacks(&self, hash: &Hash) -> bool {
        self.missing.contains_key(hash)
    }

    /// Returns how many bytes have to come over the line for what is missing.
    pub(super) fn missing_packed_bytes(&self) -> u64 {
        self.missing.values().map(|missing| u64::from(missing.chunk.packed)).sum()
    }

    /// Writes a chunk, whose hash was checked, to each place where it is missing; returns how many bytes that were.
    pub(super) fn put(&mut self, hash: &Hash, bytes: &[u8]) -> Result<u64> {
        let Some(missing) = self.missing.remove(hash) else { return Ok(0) };
        let Some(file) = &self.file else { return Ok(0) };
        for offset in &missing.offsets {
            file.write_all_at(bytes, *offset).map_err(|source| Error::Disk {
                what: "written",
                path: self.path.clone(),
                source,
            })?;
        }
        let written = bytes.len() as u64 * missing.offsets.len() as u64;
        self.done_bytes += written;
        Ok(written)
    }

    /// Writes everything to the disk and checks the hash of the whole file, which was signed by itself.
    pub(super) fn finish(self, sha256: &str, cancel: &Cancel) -> Result<PathBuf> {
        let Self { path, file, size_bytes: _, missing: _, done_bytes: _ } = self;
        let unreadable = |source| Error::Disk { what: "read", path: path.clone(), source };
        if let Some(file) = file {
            file.sync_all().map_err(|source| Error::Disk { what: "written", path: path.clone(), source })?;
        }
        let mut file = File::open(&path).map_err(unreadable)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; MAX_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hash.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(unreadable(source)),
            }
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
        }
        if hex::encode(hash.finalize()) == sha256.to_ascii_lowercase() {
            return Ok(path);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Its chunks were right one by one: the index does not belong to this file.
        fs::remove_file(&path).map_err(|source| Error::Disk {
            what: "written",
            path: path.clone(),
            source,
        })?;
        Err(Error::Mixed(name))
    }
}
