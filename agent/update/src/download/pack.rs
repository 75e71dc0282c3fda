use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use super::partial::Partial;
use super::{Job, Progress};
use crate::chunk::{self, Hash, MAX_BYTES};
use crate::index::Chunk;
use crate::source::{Source, broke};
use crate::trust::SignedFile;
use crate::{Error, Result};

/// A gap that is fetched rather than asked around, in bytes: another request costs as much.
const GAP_BYTES: u64 = 16 * 1024;

/// A file of the channel that holds each different chunk of a release's file once, in order, as zstd frames.
pub(super) struct Pack<'a> {
    source: &'a Source,
    signed: &'a SignedFile,
    /// Chunks with their places in the pack.
    entries: Vec<(u64, Chunk)>,
}

/// Chunks that are fetched by one request.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    from: u64,
    to: u64,
    chunks: Vec<(u64, Chunk)>,
}

impl<'a> Pack<'a> {
    pub(super) fn new(source: &'a Source, signed: &'a SignedFile, chunks: &[Chunk]) -> Result<Self> {
        let mut seen = std::collections::BTreeSet::new();
        let mut offset = 0;
        let mut entries = Vec::new();
        for chunk in chunks.iter().filter(|chunk| seen.insert(chunk.hash)) {
            entries.push((offset, *chunk));
            offset += u64::from(chunk.packed);
        }
        if offset != signed.size_bytes {
            return Err(Error::Mixed(signed.path.clone()));
        }
        Ok(Self { source, signed, entries })
    }

    /// Fetches what a file lacks.
    pub(super) fn fetch(&self, job: &Job<'_>, partial: &mut Partial, progress: &mut Progress) -> Result<()> {
        for run in runs(&self.entries, |hash| partial.lacks(hash)) {
            self.fetch_run(&run, job, partial, progress)?;
        }
        Ok(())
    }

    fn fetch_run(
        &self,
        run: &Run,
        job: &Job<'_>,
        partial: &mut Partial,
        progress: &mut Progress,
    ) -> Result<()> {
        let part = self.source.open(&self.signed.path, run.from, run.to - run.from)?;
        let mut body = Line { body: part.body, pace: Pace::new(job.rate), job, progress };
        let mut at = part.begins_at;
        let mut packed = vec![0; MAX_BYTES];
        for (offset, chunk) in &run.chunks {
            // What a server without ranges sends before, and small gaps.
            self.skip(&mut body, offset - at, &mut packed)?;
            packed.resize(chunk.packed as usize, 0);
            body.read_exact(&mut packed, &self.signed.path)?;
            at = offset + u64::from(chunk.packed);
            let bytes = unpack(&packed, chunk).ok_or_else(|| Error::Mixed(self.signed.path.clone()))?;
            let written = partial.put(&chunk.hash, &bytes)?;
            body.progress.done_bytes += written;
            (job.progress)(*body.progress);
        }
        Ok(())
    }

    fn skip(&self, body: &mut Line<'_, '_>, mut bytes: u64, buffer: &mut Vec<u8>) -> Result<()> {
        while bytes > 0 {
            let step = bytes.min(MAX_BYTES as u64);
            buffer.resize(step as usize, 0);
            body.read_exact(buffer, &self.signed.path)?;
            bytes -= step;
        }
        Ok(())
    }
}

/// Returns the bytes of a chunk, when they are what was signed.
fn unpack(packed: &[u8], chunk: &Chunk) -> Option<Vec<u8>> {
    let bytes = zstd::bulk::decompress(packed, chunk.size as usize).ok()?;
    (chunk::hash(&bytes) == chunk.hash).then_some(bytes)
}

/// Puts wanted chunks that lie near each other together.
fn runs(entries: &[(u64, Chunk)], wanted: impl Fn(&Hash) -> bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (offset, chunk) in entries.iter().filter(|(_, chunk)| wanted(&chunk.hash)) {
        let to = offset + u64::from(chunk.packed);
        match runs.last_mut() {
            Some(run) if offset - run.to <= GAP_BYTES => {
                run.to = to;
                run.chunks.push((*offset, *chunk));
            }
            _ => runs.push(Run { from: *offset, to, chunks: vec![(*offset, *chunk)] }),
        }
    }
    runs
}

/// A body that counts, keeps the pace and can be stopped.
struct Line<'a, 'j> {
    body: Box<dyn Read + Send>,
    pace: Pace,
    job: &'a Job<'j>,
    progress: &'a mut Progress,
}

impl Line<'_, '_> {
    fn read_exact(&mut self, mut buffer: &mut [u8], name: &str) -> Result<()> {
        while !buffer.is_empty() {
            if self.job.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let most = buffer.len().min(self.pace.step());
            match self.body.read(&mut buffer[..most]) {
                Ok(0) => return Err(Error::Broke(format!("the server broke off in the middle of `{name}`"))),
                Ok(count) => {
                    self.progress.fetched_bytes += count as u64;
                    self.pace.wait(count);
                    buffer = &mut buffer[count..];
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broke(name, error)),
            }
        }
        Ok(())
    }
}

/// Bytes a second, kept on average.
struct Pace {
    rate: Option<u64>,
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn new(rate: Option<u64>) -> Self {
        Self { rate: rate.map(|rate| rate.max(1)), since: Instant::now(), bytes: 0 }
    }

    /// Returns how much to take at once: a quarter of a second's worth, so that a bound is no stop and go.
    fn step(&self) -> usize {
        self.rate.map_or(MAX_BYTES, |rate| usize::try_from(rate / 4).unwrap_or(MAX_BYTES).clamp(1, MAX_BYTES))
    }

    fn wait(&mut self, count: usize) {
        let Some(rate) = self.rate else { return };
        self.bytes += count as u64;
        let due = Duration::from_secs_f64(self.bytes as f64 / rate as f64);
        thread::sleep(due.saturating_sub(self.since.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_near_each_other_are_one_request() {
        let chunk = |byte: u8, packed| Chunk { hash: [byte; 16], size: 1, packed };
        let gap = GAP_BYTES as u32;
        let entries = [
            (0, chunk(0, 10)),
            (10, chunk(1, gap)),
            (10 + GAP_BYTES, chunk(2, 5)),
            (15 + GAP_BYTES, chunk(3, gap + 1)),
        ];
        let last = (16 + 2 * GAP_BYTES, chunk(4, 5));
        let entries = [&entries[..], &[last]].concat();
        let found = runs(&entries, |hash| hash[0] % 2 == 0);
        let spans: Vec<_> = found.iter().map(|run| (run.from, run.to, run.chunks.len())).collect();
        assert_eq!(spans, [(0, 15 + GAP_BYTES, 2), (16 + 2 * GAP_BYTES, 21 + 2 * GAP_BYTES, 1)]);
    }
}
