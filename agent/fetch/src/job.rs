use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// The most that is taken from a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest archive or git pack, in bytes.
    pub download_bytes: u64,
    /// Most bytes of all files together, once they are unpacked.
    pub unpacked_bytes: u64,
    /// Most files and folders.
    pub files: usize,
    /// Longest time for all of it.
    pub time: Duration,
}

impl Default for Limits {
    /// Ten times what the largest public stores need, and little enough for a box with a small disk.
    fn default() -> Self {
        Self {
            download_bytes: 256 * 1024 * 1024,
            unpacked_bytes: 512 * 1024 * 1024,
            files: 50_000,
            time: Duration::from_secs(10 * 60),
        }
    }
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Bytes come over the line.
    Fetching,
    /// Files are written.
    Unpacking,
}

/// How far a fetch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes fetched or unpacked so far.
    pub bytes: u64,
    /// Bytes to fetch, where the server says it.
    pub total: Option<u64>,
}

/// Stops a job from another thread: clones stop the same one.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the job to stop; it does so within about a second, or when the server sends its next bytes.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One fetch: its bounds, who hears how far it is, and the way to stop it.
pub struct Job<'a> {
    /// The most that is taken.
    pub(crate) limits: Limits,
    deadline: Instant,
    cancel: Cancel,
    progress: &'a dyn Fn(Progress),
}

impl<'a> Job<'a> {
    /// Starts the clock.
    pub fn new(limits: Limits, cancel: Cancel, progress: &'a dyn Fn(Progress)) -> Self {
        Self { limits, deadline: Instant::now() + limits.time, cancel, progress }
    }

    /// Fails when the job has no time left or is not wanted any more.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if self.time_left().is_zero() {
            return Err(Error::TimedOut(self.limits.time));
        }
        Ok(())
    }

    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(crate) fn tell(&self, phase: Phase, bytes: u64, total: Option<u64>) {
        (self.progress)(Progress { phase, bytes, total });
    }
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { limits, deadline, cancel, progress: _ } = self;
        f.debug_struct("Job")
            .field("limits", limits)
            .field("deadline", deadline)
            .field("cancel", cancel)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_ends_when_its_time_is_up_or_nobody_wants_it() {
        let cancel = Cancel::default();
        let job = Job::new(Limits::default(), cancel.clone(), &|_| {});
        assert!(job.check().is_ok());
        cancel.cancel();
        assert!(matches!(job.check(), Err(Error::Cancelled)));
        let late = Job::new(Limits { time: Duration::ZERO, ..Limits::default() }, Cancel::default(), &|_| {});
        assert!(matches!(late.check(), Err(Error::TimedOut(_))));
    }
}
