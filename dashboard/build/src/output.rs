use std::collections::BTreeSet;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

/// Window of the Brotli encoder, 2^22 bytes: larger ones are an extension that browsers do not take.
const BROTLI_WINDOW_BITS: u32 = 22;

/// Hexadecimal digits of the content's hash in a file's name.
const HASH_DIGITS: usize = 12;

/// Whether a first visit fetches a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// Always.
    AtFirstUse,
    /// Only by some browsers, or when the dashboard is put on a home screen.
    Perhaps,
}

/// The folder that the agent serves, while it is written.
pub(crate) struct Output {
    folder: PathBuf,
    written: BTreeSet<PathBuf>,
    report: Report,
}

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Bytes of all files of a first visit, compressed with Brotli.
    pub(crate) first_use_bytes: usize,
    lines: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {:>10} {:>10} {:>10}", "file", "bytes", "gzip", "brotli")?;
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        write!(f, "{:<44} {:>32}", "first use", self.first_use_bytes)
    }
}

impl Output {
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn create(folder: &Path) -> anyhow::Result<Self> {
        let assets = folder.join("assets");
        std::fs::create_dir_all(&assets).with_context(|| format!("failed to make `{}`", assets.display()))?;
        Ok(Self { folder: folder.to_owned(), written: BTreeSet::new(), report: Report::default() })
    }

    /// Writes `assets/<stem>-<hash>.<extension>` and returns its address on the server. Such a file never changes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn asset(&mut self, name: &str, content: &[u8], fetched: Fetched) -> anyhow::Result<String> {
        let hash = hex::encode(Sha256::digest(content));
        let (stem, extension) =
            name.rsplit_once('.').with_context(|| format!("`{name}` has no extension"))?;
        let path = format!("assets/{stem}-{}.{extension}", &hash[..HASH_DIGITS]);
        self.file(&path, content, fetched)?;
        Ok(format!("/{path}"))
    }

    /// Writes a file under its own name, which the server must have checked again on each visit.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn file(&mut self, path: &str, content: &[u8], fetched: Fetched) -> anyhow::Result<()> {
        let gzip = gzip(content).context("failed to compress with gzip")?;
        let brotli = brotli(content).context("failed to compress with Brotli")?;
        for (suffix, bytes) in [(".br", brotli.as_slice()), (".gz", gzip.as_slice()), ("", content)] {
            self.put(&format!("{path}{suffix}"), bytes)?;
        }
        if fetched == Fetched::AtFirstUse {
            self.report.first_use_bytes += brotli.len();
        }
        let line = format!("{path:<44} {:>10} {:>10} {:>10}", content.len(), gzip.len(), brotli.len());
        self.report.lines.push(line);
        Ok(())
    }

    /// Writes beside and renames, so that a running server never reads half a file.
    fn put(&mut self, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let target = self.folder.join(path);
        let beside = self.folder.join(format!("{path}.new"));
        std::fs::write(&beside, bytes).with_context(|| format!("failed to write `{}`", beside.display()))?;
        std::fs::rename(&beside, &target)
            .with_context(|| format!("failed to write `{}`", target.display()))?;
        self.written.insert(target);
        Ok(())
    }

    /// Removes what an earlier build left and returns the sizes.
    ///
    /// # Errors
    /// When the folder cannot be read or a file in it not be removed.
    pub(crate) fn finish(self) -> anyhow::Result<Report> {
        for folder in [self.folder.clone(), self.folder.join("assets")] {
            let entries = std::fs::read_dir(&folder)
                .with_context(|| format!("failed to read `{}`", folder.display()))?;
            for entry in entries {
                let path = entry?.path();
                if path.is_file() && !self.written.contains(&path) {
                    std::fs::remove_file(&path)
                        .with_context(|| format!("failed to remove `{}`", path.display()))?;
                }
            }
        }
        Ok(self.report)
    }
}

fn gzip(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

fn brotli(content: &[u8]) -> std::io::Result<Vec<u8>> {
    const BEST: u32 = 11;
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 1 << 16, BEST, BROTLI_WINDOW_BITS);
    encoder.write_all(content)?;
    encoder.flush()?;
    Ok(encoder.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_build_removes_what_the_first_left() {
        let folder = std::env::temp_dir().join(format!("hearth-dashboard-build-{}", std::process::id()));
        let mut first = Output::create(&folder).expect("made");
        let old = first.asset("a.css", b"a{}", Fetched::AtFirstUse).expect("written");
        first.finish().expect("finished");
        let mut second = Output::create(&folder).expect("made");
        let new = second.asset("a.css", b"b{}", Fetched::AtFirstUse).expect("written");
        let report = second.finish().expect("finished");

        assert_ne!(old, new);
        assert!(!folder.join(old.trim_start_matches('/')).exists());
        assert!(folder.join(format!("{}.br", new.trim_start_matches('/'))).exists());
        assert!(report.first_use_bytes > 0);
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
