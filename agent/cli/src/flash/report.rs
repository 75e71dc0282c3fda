use std::time::{Duration, Instant};

use hearth_host::flash::{Phase, Progress};
use hearth_model::Bytes;
use serde::Serialize;

use crate::error::CliError;
use crate::output::{Output, Ticker};

/// How often it is told how far something is.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// One line of `--json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub(super) enum Event {
    /// How far something is.
    Progress { phase: &'static str, bytes: u64, total_bytes: u64, bytes_per_sec: u64 },
    /// What the image was compared with.
    Checked { sha256: String, checksum: bool, signature: bool },
    /// The disk holds the image.
    Done {
        device: String,
        bytes: u64,
        zero_bytes: u64,
        settings: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        setup_code: Option<String>,
    },
}

/// Tells how far it is: on a terminal in one line that is written over, for programs as lines of JSON.
pub(super) struct Report<'a> {
    output: &'a Output,
    ticker: Ticker,
    phase: Option<Phase>,
    began: Instant,
    told: Option<Instant>,
}

impl<'a> Report<'a> {
    pub(super) fn new(output: &'a Output) -> Self {
        Self { output, ticker: Ticker::default(), phase: None, began: Instant::now(), told: None }
    }

    pub(super) fn progress(&mut self, progress: Progress) {
        let Progress { phase, bytes: done, total_bytes } = progress;
        if self.phase != Some(phase) {
            (self.phase, self.began, self.told) = (Some(phase), Instant::now(), None);
        }
        let is_over = done >= total_bytes;
        if !is_over && self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let bytes_per_sec = speed(done, self.began.elapsed());
        let (word, verb) = match phase {
            Phase::Checking => ("checking", "Checks"),
            Phase::Writing => ("writing", "Writes"),
            Phase::Verifying => ("verifying", "Reads back"),
        };
        if self.output.is_json() {
            // Whoever reads may have seen enough; the disk is finished all the same.
            let _ = self.event(&Event::Progress { phase: word, bytes: done, total_bytes, bytes_per_sec });
            return;
        }
        let percent = done.saturating_mul(100).checked_div(total_bytes).unwrap_or(100);
        let left = left(total_bytes.saturating_sub(done), bytes_per_sec);
        let (done, total, speed) = (Bytes(done), Bytes(total_bytes), Bytes(bytes_per_sec));
        self.ticker.show(&format!("{verb}: {percent}%, {done} of {total}, {speed}/s{left}"));
    }

    /// Ends the line of progress, however it came out.
    pub(super) fn end<T>(&mut self, result: T) -> T {
        self.ticker.finish();
        result
    }

    /// Writes a line for programs; people read other words.
    pub(super) fn event(&self, event: &Event) -> Result<(), CliError> {
        if self.output.is_json() { self.output.line(event, |_| String::new()) } else { Ok(()) }
    }
}

fn speed(bytes: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    bytes.saturating_mul(1000).checked_div(millis).unwrap_or(0)
}

fn left(bytes: u64, bytes_per_sec: u64) -> String {
    match bytes.checked_div(bytes_per_sec) {
        None | Some(0) => String::new(),
        Some(secs) if secs < 90 => format!(", {secs} s left"),
        Some(secs) => format!(", {} min left", secs.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_and_time_left_are_never_made_up() {
        assert_eq!(speed(5_000_000, Duration::from_millis(500)), 10_000_000);
        assert_eq!(speed(5_000_000, Duration::ZERO), 0);
        assert_eq!(left(50, 0), "");
        assert_eq!(left(50, 10), ", 5 s left");
        assert_eq!(left(1000, 10), ", 2 min left");
    }
}
