//! Where a channel is: on a web server, or in a folder such as that of a USB stick.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How long a server may send nothing, and how little it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long it may be silent.
    pub silence: Duration,
    /// In each such time …
    pub window: Duration,
    /// … it must send this many bytes.
    pub least_bytes: u64,
}

impl Default for Patience {
    /// One kilobyte a second: slower than any line that people still have, and a day for a whole release at that.
    fn default() -> Self {
        Self { silence: Duration::from_secs(30), window: Duration::from_secs(60), least_bytes: 60 * 1024 }
    }
}

/// Where a channel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Static files of a web server.
    Web {
        /// The address of the folder, without a slash at the end.
        url: String,
        /// How patient to be with it.
        patience: Patience,
    },
    /// A folder, absolute.
    Folder(PathBuf),
}

/// Part of a file of a channel.
pub(crate) struct Part {
    pub(crate) body: Box<dyn Read + Send>,
    /// Which byte of the file comes first; what is before the wanted ones is to be skipped.
    pub(crate) begins_at: u64,
}

impl Source {
    /// Reads an address: `https://…`, `http://…`, or the absolute path of a folder.
    ///
    /// # Errors
    /// Says what an address looks like.
    pub fn parse(address: &str) -> std::result::Result<Self, String> {
        let address = address.trim();
        if address.starts_with("https://") || address.starts_with("http://") {
            let url = address.trim_end_matches('/').to_owned();
            return Ok(Self::Web { url, patience: Patience::default() });
        }
        if Path::new(address).is_absolute() {
            return Ok(Self::Folder(PathBuf::from(address)));
        }
        Err(format!(
            "`{address}` is not where updates are: write https://…, or the path of a folder such as /var/mnt/stick"
        ))
    }

    /// Opens a file, or the part of it that begins at `from`.
    pub(crate) fn open(&self, name: &str, from: u64, length: u64) -> Result<Part> {
        match self {
            Self::Web { url, patience } => {
                let url = format!("{url}/{name}");
                let part = hearth_fetch::open(&url, from, length, patience.silence);
                let part = part.map_err(|error| explain(name, &error))?;
                Ok(Part { body: Box::new(Steady::new(part.body, *patience)), begins_at: part.begins_at })
            }
            Self::Folder(folder) => {
                let path = folder.join(name);
                let opened = File::open(&path).and_then(|mut file| {
                    file.seek(SeekFrom::Start(from))?;
                    Ok(file)
                });
                match opened {
                    Ok(file) => Ok(Part { body: Box::new(file), begins_at: from }),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(folder, name)),
                    Err(source) => Err(Error::Disk { what: "read", path, source }),
                }
            }
        }
    }

    /// Reads a file of at most `limit` bytes, or its first `limit + 1` bytes when it is larger.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let part = self.open(name, 0, limit)?;
        let mut body = part.body.take(limit + 1);
        body.read_to_end(&mut bytes).map_err(|error| broke(name, error))?;
        Ok(bytes)
    }
}

/// Returns what an error of a body means.
pub(crate) fn broke(name: &str, error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(slow) => slow,
        Err(other) => Error::Unreachable(format!("`{name}` of the channel did not arrive: {other}")),
    }
}

/// A body that must not trickle.
struct Steady {
    body: Box<dyn Read + Send>,
    patience: Patience,
    /// Time spent waiting for bytes, and how many came in it.
    waited: Duration,
    bytes: u64,
}

impl Steady {
    fn new(body: Box<dyn Read + Send>, patience: Patience) -> Self {
        Self { body, patience, waited: Duration::ZERO, bytes: 0 }
    }
}

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The time in which nobody asks for bytes, because the rate is bounded, is not the server's.
        let asked = Instant::now();
        let count = self.body.read(buffer)?;
        self.waited += asked.elapsed();
        self.bytes += count as u64;
        let Patience { silence: _, window, least_bytes } = self.patience;
        if self.waited >= window {
            if self.bytes < least_bytes && count > 0 {
                return Err(io::Error::other(Error::Slow { least_bytes, within: window }));
            }
            (self.waited, self.bytes) = (Duration::ZERO, 0);
        }
        Ok(count)
    }
}

/// A file that is missing in a folder that is there is another thing than a stick that was pulled out.
fn missing(folder: &Path, name: &str) -> Error {
    if folder.is_dir() {
        return Error::Missing(name.to_owned());
    }
    Error::Unreachable(format!("there is no folder {}; plug the disk in and try again", folder.display()))
}

fn explain(name: &str, error: &hearth_fetch::Error) -> Error {
    match error {
        hearth_fetch::Error::Status { status: 403 | 404 | 410, .. } => Error::Missing(name.to_owned()),
        other => Error::Unreachable(other.to_string()),
    }
}
