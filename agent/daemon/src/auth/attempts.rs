use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hearth_gateway::network;
use tokio::sync::OwnedMutexGuard;

use super::Error;

/// Failures in a row that cost no time: people mistype.
const FREE_FAILURES: u32 = 5;
/// Failures in a row after which somebody guesses and does not mistype.
const MANY_FAILURES: u32 = 50;
/// Attempts that may wait behind one another. As many connections has one address at most
/// ([`crate::serve::connections`]), so nobody's attempt is turned away while others of the same address wait.
const WAITING_AT_MOST: usize = 32;
/// Lines that are remembered at once. More need not be: the one that was used longest ago is forgotten.
const LINES_AT_MOST: usize = 4096;
/// Failures are forgotten when the last of them is this old.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);

/// What failures are counted by. Whoever fails under one key keeps nobody out under another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Set-up codes from a network.
    SetUp(IpAddr),
    /// Sign-ins with a name, known or not, from a network.
    SignIn(String, IpAddr),
    /// Sign-ins to an account from a browser that has signed in to it before.
    Device(i64, [u8; 16]),
    /// Changes of an account's password, by who is signed in to it.
    Password(i64),
}

impl Key {
    pub(super) fn set_up(address: IpAddr) -> Self {
        Key::SetUp(network(address))
    }

    pub(super) fn sign_in(username: &str, address: IpAddr) -> Self {
        Key::SignIn(username.to_ascii_lowercase(), network(address))
    }
}

/// How long an attempt waits after failures.
#[derive(Debug, Clone, Copy)]
struct Pace {
    after_free: Duration,
    after_many: Duration,
}

/// 43,000 guesses a day for a while, 8,640 a day for who goes on.
const PACE: Pace = Pace { after_free: Duration::from_secs(2), after_many: Duration::from_secs(10) };

/// Slows guessing down. Cheap to clone.
///
/// Attempts under one key come one after another, in the order in which they came, and each waits for some time since the
/// last failure. So the right password gets in within a bounded time however many wrong ones are tried from the same
/// address: 20 s behind somebody who tries one after another, five minutes behind 31 attempts at once.
#[derive(Debug, Clone)]
pub(super) struct Attempts {
    pace: Pace,
    lines: Arc<Mutex<HashMap<Key, Arc<Line>>>>,
}

#[derive(Debug, Default)]
struct Line {
    waiting: AtomicUsize,
    /// Tokio's lock is fair: who waits longest is next.
    failures: Arc<tokio::sync::Mutex<Failures>>,
}

#[derive(Debug, Default)]
struct Failures {
    count: u32,
    last: Option<Instant>,
}

/// An attempt whose turn it is. Dropped without an answer, it counts as none: nobody learned anything.
#[derive(Debug)]
pub(super) struct Turn {
    failures: OwnedMutexGuard<Failures>,
    _place: Place,
}

impl Turn {
    pub(super) fn failed(mut self) {
        self.failures.count = self.failures.count.saturating_add(1);
        self.failures.last = Some(Instant::now());
    }

    pub(super) fn succeeded(mut self) {
        *self.failures = Failures::default();
    }
}

/// A place in a line, given back when dropped.
#[derive(Debug)]
struct Place(Arc<Line>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self { pace: PACE, lines: Arc::default() }
    }

    /// Waits until an attempt may be made. Cancel-safe.
    ///
    /// # Errors
    /// When too many wait already.
    pub(super) async fn begin(&self, key: Key) -> Result<Turn, Error> {
        let line = self.line(key);
        let before = line.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&line));
        if before >= WAITING_AT_MOST {
            return Err(Error::TooMany { retry_after_secs: self.pace.after_many.as_secs().max(1) });
        }
        let failures = Arc::clone(&line.failures).lock_owned().await;
        tokio::time::sleep(self.wait(&failures)).await;
        Ok(Turn { failures, _place: place })
    }

    fn wait(&self, failures: &Failures) -> Duration {
        let Some(last) = failures.last.filter(|last| last.elapsed() < FORGOTTEN_AFTER) else {
            return Duration::ZERO;
        };
        let pace = match failures.count {
            ..FREE_FAILURES => return Duration::ZERO,
            FREE_FAILURES..MANY_FAILURES => self.pace.after_free,
            MANY_FAILURES.. => self.pace.after_many,
        };
        pace.saturating_sub(last.elapsed())
    }

    fn line(&self, key: Key) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.contains_key(&key) && lines.len() >= LINES_AT_MOST {
            let oldest =
                lines.iter().filter_map(|(key, line)| Some((last_use(line)?, key))).min_by_key(|(at, _)| *at);
            if let Some(oldest) = oldest.map(|(_, key)| key.clone()) {
                lines.remove(&oldest);
            }
        }
        Arc::clone(lines.entry(key).or_default())
    }
}

/// Returns when a line was used last, `None` for never; the outer `None` when it is in use.
fn last_use(line: &Arc<Line>) -> Option<Option<Instant>> {
    if Arc::strong_count(line) > 1 {
        return None;
    }
    Some(line.failures.try_lock().ok()?.last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts() -> Attempts {
        let pace = Pace { after_free: Duration::from_millis(100), after_many: Duration::from_millis(300) };
        Attempts { pace, lines: Arc::default() }
    }

    fn key(address: &str) -> Key {
        Key::sign_in("ada", address.parse().unwrap())
    }

    async fn fail(attempts: &Attempts, key: &Key) {
        attempts.begin(key.clone()).await.unwrap().failed();
    }

    #[tokio::test]
    async fn only_failures_cost_time_and_only_under_their_own_key() {
        let attempts = attempts();
        let here = key("192.0.2.1");
        for _ in 0..100 {
            attempts.begin(here.clone()).await.unwrap().succeeded();
        }
        for _ in 0..FREE_FAILURES {
            fail(&attempts, &here).await;
        }
        let began = Instant::now();
        for other in
            [key("192.0.2.2"), Key::sign_in("grace", "192.0.2.1".parse().unwrap()), Key::Device(1, [0; 16])]
        {
            fail(&attempts, &other).await;
        }
        assert!(began.elapsed() < Duration::from_millis(50), "somebody else waits: {:?}", began.elapsed());
        // The same address under the name that a dual-stack socket gives it, and the same name in capitals.
        let same = Key::sign_in("ADA", "::ffff:192.0.2.1".parse().unwrap());
        attempts.begin(same).await.unwrap().succeeded();
        assert!(began.elapsed() >= Duration::from_millis(90), "a sixth guess came at once");
        let began = Instant::now();
        attempts.begin(here).await.unwrap();
        assert!(began.elapsed() < Duration::from_millis(50), "a success forgets the failures");
    }

    #[tokio::test]
    async fn a_right_password_waits_its_turn_behind_a_guesser_and_no_longer() {
        let attempts = attempts();
        let here = key("192.0.2.1");
        for _ in 0..FREE_FAILURES {
            fail(&attempts, &here).await;
        }
        let guesser = tokio::spawn({
            let (attempts, here) = (attempts.clone(), here.clone());
            async move {
                loop {
                    fail(&attempts, &here).await;
                }
            }
        });
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let began = Instant::now();
            // It fails as well, so that the guesser is not set free.
            fail(&attempts, &here).await;
            assert!(began.elapsed() < Duration::from_millis(350), "it took {:?}", began.elapsed());
        }
        guesser.abort();
    }

    #[tokio::test]
    async fn a_crowd_waits_in_line_and_what_is_more_is_turned_away() {
        let attempts = attempts();
        let here = key("192.0.2.1");
        let turn = attempts.begin(here.clone()).await.unwrap();
        let crowd: Vec<_> = (0..WAITING_AT_MOST - 1)
            .map(|_| {
                tokio::spawn({
                    let (attempts, here) = (attempts.clone(), here.clone());
                    async move { attempts.begin(here).await.map(Turn::succeeded) }
                })
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(matches!(attempts.begin(here.clone()).await, Err(Error::TooMany { .. })));
        turn.succeeded();
        for one in crowd {
            one.await.unwrap().unwrap();
        }
        attempts.begin(here).await.unwrap();
    }

    #[tokio::test]
    async fn a_flood_takes_a_bounded_amount_of_memory_and_keeps_nobody_out() {
        let attempts = attempts();
        let held = attempts.begin(key("192.0.2.1")).await.unwrap();
        for n in 0..5000_u32 {
            fail(&attempts, &Key::SetUp(IpAddr::V4(n.into()))).await;
        }
        assert_eq!(attempts.lines.lock().unwrap().len(), LINES_AT_MOST);
        held.failed();
        attempts.begin(key("192.0.2.3")).await.unwrap();
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
