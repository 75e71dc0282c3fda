use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const INTERVAL: Duration = Duration::from_millis(50);

/// Asks `question` until it has an answer.
///
/// # Errors
/// After `limit` without an answer, naming `what` and the last thing that `question` said; at once when it fails.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut question: impl FnMut() -> Result<Answer<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        match question()? {
            Answer::Is(value) => return Ok(value),
            Answer::NotYet(seen) if Instant::now() >= end => {
                bail!("waited {} s for {what}; last seen: {seen}", limit.as_secs());
            }
            Answer::NotYet(_) => thread::sleep(INTERVAL),
        }
    }
}

/// What a question of [`wait_for`] found.
#[derive(Debug)]
pub enum Answer<T> {
    /// What was waited for.
    Is(T),
    /// What was there instead.
    NotYet(String),
}

impl Answer<()> {
    /// Returns an answer that is there when `condition` holds, else says what was `seen`.
    pub fn when(condition: bool, seen: impl Into<String>) -> Self {
        if condition { Self::Is(()) } else { Self::NotYet(seen.into()) }
    }
}

impl<T> Answer<T> {
    /// Returns an answer from a value that may be missing.
    pub fn some(value: Option<T>, seen: impl Into<String>) -> Self {
        value.map_or_else(|| Self::NotYet(seen.into()), Self::Is)
    }
}
