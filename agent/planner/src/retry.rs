use std::collections::BTreeMap;
use std::fmt::Write as _;

use hearth_model::{AppId, AppSpec, Desired, Digest, Reason};
use jiff::{SignedDuration, Timestamp};

/// The pause after the first failure.
const FIRST_SECS: i64 = 5;
/// The longest pause.
const LONGEST_SECS: i64 = 600;

/// Returns when to try again after so many failures in a row: 5 s after the first, doubling up to 10 minutes.
pub fn after(attempts: u32, now: Timestamp) -> Timestamp {
    let doublings = attempts.saturating_sub(1).min(7);
    let pause_secs = (FIRST_SECS << doublings).min(LONGEST_SECS);
    later(now, SignedDuration::from_secs(pause_secs))
}

/// Returns the moment so much later, the last there is when it lies beyond.
pub(crate) fn later(from: Timestamp, duration: SignedDuration) -> Timestamp {
    from.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// Returns what is being attempted for an app, as [`crate::Failure::spec`] keeps it: it changes with everything that
/// makes a new attempt worth while (the package, the settings, running or stopped, a restart asked for, a removal).
pub fn attempt(desired: &Desired, specs: &BTreeMap<AppId, Result<AppSpec, Reason>>, app: &AppId) -> Digest {
    let mut text = String::new();
    match desired.apps.get(app) {
        None => {
            let deleted = desired.deleted_data.contains(app);
            write!(text, "remove, data deleted: {deleted}")
        }
        Some(entry) => write!(text, "{} {:?} {}", entry.digest, entry.run, entry.restarts),
    }
    .expect("writing to a string cannot fail");
    if let Some(Ok(spec)) = specs.get(app) {
        for (service, service_spec) in &spec.services {
            write!(text, "\n{service} {}", service_spec.container.hash())
                .expect("writing to a string cannot fail");
        }
    }
    Digest::of(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_and_is_bounded() {
        let now = Timestamp::UNIX_EPOCH;
        let pauses: Vec<i64> = [0, 1, 2, 3, 7, 8, 9, u32::MAX].map(|n| after(n, now).as_second()).to_vec();
        assert_eq!(pauses, [5, 5, 10, 20, 320, 600, 600, 600]);
        assert_eq!(after(1, Timestamp::MAX), Timestamp::MAX);
    }
}
