use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use minisign_verify::{PublicKey, Signature as Signed};
use sha2::{Digest as _, Sha256};

use super::error::{Error, Result};
use super::{Phase, Progress, gpt};

/// What a zstd stream begins with ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1)).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// How much of a file is read at once, in bytes.
const PIECE_BYTES: usize = 1 << 20;
/// Largest checksum, signature or key file that is read, in bytes.
const MAX_TEXT_BYTES: u64 = 16 * 1024;

/// An image of the operating system in a file: a disk as it is, or compressed by zstd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    path: PathBuf,
    is_compressed: bool,
    file_bytes: u64,
    size_bytes: u64,
    boot_partition: std::result::Result<Range<u64>, String>,
}

/// What an image was compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Its checksum.
    pub checksum: Checksum,
    /// Its signature.
    pub signature: Signature,
}

/// What became of the checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// It stands in a file beside the image, and holds.
    Holds,
    /// There is no such file.
    Absent(PathBuf),
}

/// What became of the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// It is of the key that was given; with the comment that was signed too.
    Holds(String),
    /// There is no key to check it with.
    NoKey,
}

/// A public key of [minisign](https://jedisct1.github.io/minisign/).
#[derive(Debug, Clone)]
pub struct Key(PublicKey);

impl Key {
    /// Reads a key: the text itself, or the two lines of a key file.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let key = if text.contains('\n') { PublicKey::decode(text) } else { PublicKey::from_base64(text) };
        key.map(Self).map_err(|error| Error::Key { key: text.to_owned(), why: error.to_string() })
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// When it cannot be read, or holds no key.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&read_text(path)?).map_err(|error| match error {
            Error::Key { why, .. } => Error::Key { key: path.display().to_string(), why },
            other => other,
        })
    }
}

impl Image {
    /// Opens an image and looks at its beginning.
    ///
    /// # Errors
    /// When it cannot be read, or is no disk.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::read(path))?;
        let metadata = file.metadata().map_err(Error::read(path))?;
        let no_image = |found: &str| Error::NotAnImage { path: path.to_owned(), found: found.to_owned() };
        if !metadata.is_file() {
            return Err(no_image("it is no file"));
        }
        let mut head = Vec::new();
        (&mut file).take(64).read_to_end(&mut head).map_err(Error::read(path))?;
        let mut image = Self {
            path: path.to_owned(),
            is_compressed: head.starts_with(&ZSTD_MAGIC),
            file_bytes: metadata.len(),
            size_bytes: metadata.len(),
            boot_partition: Err(String::new()),
        };
        let mut start = Vec::new();
        let read = image.reader().and_then(|reader| {
            reader.take(gpt::TABLE_BYTES).read_to_end(&mut start).map_err(|source| image.damaged(0, source))
        });
        if read.is_err() || !gpt::is_disk(&start) {
            return Err(no_image("it does not begin with a partition table"));
        }
        image.boot_partition = gpt::esp(&mut |at, length| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let bytes = start.get(at..at.saturating_add(length));
            bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        });
        if image.is_compressed {
            image.size_bytes = match zstd::zstd_safe::get_frame_content_size(&head) {
                Ok(Some(bytes)) => bytes,
                // Compressed from a pipe: nobody knew the size at the beginning.
                Ok(None) | Err(_) => image.count()?,
            };
        }
        Ok(image)
    }

    /// Returns the size of the disk in it, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Returns the bytes of the disk that settings are written to.
    ///
    /// # Errors
    /// When it has no such partition.
    pub fn boot_partition(&self) -> Result<Range<u64>> {
        self.boot_partition.clone().map_err(Error::NoSettingsPartition)
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compares the file with its checksum, in `<image>.sha256` as `sha256sum` writes it, and with its signature, in
    /// `<image>.minisig`. Nothing of the image has been written anywhere by then.
    ///
    /// # Errors
    /// When either does not hold, when the file cannot be read, and when there is a key and no signature.
    pub fn check(&self, key: Option<&Key>, progress: &mut dyn FnMut(Progress)) -> Result<Checked> {
        let checksum = self.beside("sha256");
        let expected = if checksum.exists() { Some(checksum_in(&checksum)?) } else { None };
        let signature = self.beside("minisig");
        let signed = match key {
            Some(_) if !signature.exists() => return Err(Error::Unsigned { path: signature }),
            Some(_) => Some(Signed::decode(&read_text(&signature)?).map_err(bad(&signature))?),
            None => None,
        };
        let mut verifier = match (key, &signed) {
            (Some(key), Some(signed)) => Some(key.0.verify_stream(signed).map_err(bad(&signature))?),
            _ => None,
        };

        let mut file = File::open(&self.path).map_err(Error::read(&self.path))?;
        let (mut digest, mut piece, mut bytes) = (Sha256::new(), vec![0; PIECE_BYTES], 0);
        loop {
            progress(Progress { phase: Phase::Checking, bytes, total_bytes: self.file_bytes });
            let count = file.read(&mut piece).map_err(Error::read(&self.path))?;
            if count == 0 {
                break;
            }
            digest.update(&piece[..count]);
            if let Some(verifier) = &mut verifier {
                verifier.update(&piece[..count]);
            }
            bytes += count as u64;
        }
        let sha256 = hex::encode(digest.finalize());
        if let Some(expected) = &expected
            && *expected != sha256
        {
            return Err(Error::Checksum {
                path: self.path.clone(),
                checksum,
                expected: expected.clone(),
                found: sha256,
            });
        }
        if let Some(mut verifier) = verifier {
            verifier.finalize().map_err(bad(&signature))?;
        }
        Ok(Checked {
            sha256,
            checksum: if expected.is_some() { Checksum::Holds } else { Checksum::Absent(checksum) },
            signature: signed
                .map_or(Signature::NoKey, |signed| Signature::Holds(signed.trusted_comment().to_owned())),
        })
    }

    /// Opens what is in it, decompressed on the fly.
    pub(super) fn reader(&self) -> Result<Box<dyn Read>> {
        let file = File::open(&self.path).map_err(Error::read(&self.path))?;
        if !self.is_compressed {
            return Ok(Box::new(BufReader::with_capacity(PIECE_BYTES, file)));
        }
        let decoder = zstd::stream::read::Decoder::new(file).map_err(Error::read(&self.path))?;
        Ok(Box::new(decoder))
    }

    pub(super) fn damaged(&self, at_bytes: u64, source: io::Error) -> Error {
        Error::Damaged { path: self.path.clone(), at_bytes, source }
    }

    fn count(&self) -> Result<u64> {
        let mut reader = self.reader()?;
        let (mut piece, mut bytes) = (vec![0; PIECE_BYTES], 0);
        loop {
            match reader.read(&mut piece).map_err(|source| self.damaged(bytes, source))? {
                0 => return Ok(bytes),
                count => bytes += count as u64,
            }
        }
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".");
        path.push(extension);
        path.into()
    }
}

fn checksum_in(path: &Path) -> Result<String> {
    let text = read_text(path)?;
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.len() == 64 && first.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(first.to_ascii_lowercase());
    }
    Err(Error::NoChecksum { path: path.to_owned(), found: first.chars().take(80).collect() })
}

fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path).map_err(Error::read(path))?;
    file.take(MAX_TEXT_BYTES).read_to_string(&mut text).map_err(Error::read(path))?;
    Ok(text)
}

fn bad(path: &Path) -> impl FnOnce(minisign_verify::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::Signature { path, why: error.to_string() }
}
