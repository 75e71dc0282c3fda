use hearth_model::Digest;
use hearth_model::api::os::RestartWindow;
use hearth_model::os::{Boot, UpdateState};
use hearth_planner::os_update::Event;
use jiff::{SignedDuration, Timestamp};

use crate::StoredState;

/// How long a channel may go without being asked.
const ASK_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How much later than that at most, so that boxes do not all ask at once.
const JITTER: SignedDuration = SignedDuration::from_hours(3);
/// How long after a question that failed the next one is asked.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How long after its start a box that never asked does so: the network and the time of day come up first.
const FIRST_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What the time of day is for updates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock<'a> {
    /// Now, UTC.
    pub(crate) now: Timestamp,
    /// The hour where the box stands, 0 to 23.
    pub(crate) local_hour: u8,
    /// When the agent started, UTC.
    pub(crate) started: Timestamp,
    /// What tells boxes apart.
    pub(crate) seed: &'a str,
}

/// Returns what is wanted by itself.
pub(crate) fn due(stored: &StoredState, boot: &Boot, clock: Clock<'_>) -> Option<Event> {
    let is_resting = match &stored.record.state {
        // The stick that it came from may be gone; the owner has it in hand.
        UpdateState::Available { .. } => stored.metadata.from.is_none(),
        UpdateState::Idle
        | UpdateState::Blessed { .. }
        | UpdateState::WentBack { .. }
        | UpdateState::Refused { .. } => true,
        UpdateState::ReadyToReboot { .. } => {
            let window = stored.metadata.restart_window?;
            return is_inside(window, clock.local_hour).then_some(Event::RebootWanted);
        }
        UpdateState::Checking { .. }
        | UpdateState::Downloading { .. }
        | UpdateState::Verified { .. }
        | UpdateState::Installing { .. }
        | UpdateState::Rebooting { .. }
        | UpdateState::Withdrawing { .. }
        | UpdateState::Trying { .. }
        | UpdateState::Failing { .. }
        | UpdateState::GoingBack { .. } => false,
    };
    (is_resting && !boot.on_trial && ask_at(stored, clock) <= clock.now).then_some(Event::CheckWanted)
}

fn ask_at(stored: &StoredState, clock: Clock<'_>) -> Timestamp {
    let Some(tried_at) = stored.metadata.tried_at else { return after(clock.started, FIRST_AFTER) };
    let has_failed = stored.record.checked_at.is_none_or(|checked_at| checked_at < tried_at);
    let wait = if has_failed { AGAIN_AFTER } else { ASK_EVERY };
    let share = u32::from_str_radix(&Digest::of(clock.seed.as_bytes()).short()[..4], 16).unwrap_or(0);
    after(after(tried_at, wait), JITTER * i32::try_from(share).unwrap_or(0) / 0x1_0000)
}

/// A time that cannot be written is one that never comes.
fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Tells whether an hour of the day lies in a window.
fn is_inside(window: RestartWindow, hour: u8) -> bool {
    let RestartWindow { from_hour, to_hour } = window;
    if from_hour < to_hour {
        (from_hour..to_hour).contains(&hour)
    } else {
        hour >= from_hour || hour < to_hour
    }
}

#[cfg(test)]
mod tests {
    use hearth_model::os::{Release, ReleaseVersion};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn boot() -> Boot {
        Boot {
            id: "a".to_owned(),
            version: ReleaseVersion::new(1, 0, 0),
            on_trial: false,
            entries: Vec::new(),
        }
    }

    fn clock(now: &str) -> Clock<'static> {
        Clock { now: at(now), local_hour: 3, started: at("2026-01-01T00:00:00Z"), seed: "box" }
    }

    #[test]
    fn windows_may_go_past_midnight() {
        let window = |from_hour, to_hour| RestartWindow { from_hour, to_hour };
        let inside = |window| (0..24).filter(|hour| is_inside(window, *hour)).collect::<Vec<u8>>();
        assert_eq!(inside(window(3, 5)), [3, 4]);
        assert_eq!(inside(window(23, 2)), [0, 1, 23]);
        assert_eq!(inside(window(0, 23)).len(), 23);
    }

    #[test]
    fn a_release_that_waits_restarts_the_box_in_its_window_only() {
        let release = Release {
            version: ReleaseVersion::new(1, 0, 1),
            digest: String::new(),
            released_at: Timestamp::UNIX_EPOCH,
            notes: String::new(),
            size_bytes: 1,
        };
        let mut stored = StoredState::default();
        stored.record.state = UpdateState::ReadyToReboot { release };
        assert_eq!(due(&stored, &boot(), clock("2026-01-01T03:10:00Z")), None);
        stored.metadata.restart_window = Some(RestartWindow { from_hour: 3, to_hour: 5 });
        assert_eq!(due(&stored, &boot(), clock("2026-01-01T03:10:00Z")), Some(Event::RebootWanted));
        stored.metadata.restart_window = Some(RestartWindow { from_hour: 4, to_hour: 5 });
        assert_eq!(due(&stored, &boot(), clock("2026-01-01T03:10:00Z")), None);
    }

    #[test]
    fn the_channel_is_asked_once_a_day_and_sooner_after_a_failure() {
        let mut stored = StoredState::default();
        assert_eq!(due(&stored, &boot(), clock("2026-01-01T00:09:00Z")), None);
        assert_eq!(due(&stored, &boot(), clock("2026-01-01T00:11:00Z")), Some(Event::CheckWanted));

        stored.metadata.tried_at = Some(at("2026-01-02T00:00:00Z"));
        stored.record.checked_at = Some(at("2026-01-02T00:00:05Z"));
        assert_eq!(due(&stored, &boot(), clock("2026-01-02T23:59:00Z")), None);
        assert_eq!(due(&stored, &boot(), clock("2026-01-03T03:00:00Z")), Some(Event::CheckWanted));
        let trial = Boot { on_trial: true, ..boot() };
        assert_eq!(due(&stored, &trial, clock("2026-01-03T03:00:00Z")), None);

        stored.record.checked_at = Some(at("2026-01-01T00:00:05Z"));
        assert_eq!(due(&stored, &boot(), clock("2026-01-02T00:50:00Z")), None);
        assert_eq!(due(&stored, &boot(), clock("2026-01-02T04:00:00Z")), Some(Event::CheckWanted));
    }
}
