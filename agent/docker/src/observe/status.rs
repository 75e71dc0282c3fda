use std::time::Duration;

/// What a list says about a container's state, as far as it tells one state from another.
///
/// The text is written for people (`Up 3 minutes (healthy)`, `Exited (1) 2 hours ago`), by
/// [`container.State.String`](https://github.com/moby/moby/blob/v20.10.24/container/state.go). A text that is not
/// understood is [`Status::Other`], which is never equal to anything, so that the engine is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// Runs, or is paused, for so long.
    Up { paused: bool, health: Health, for_so_long: Span },
    /// Ended so long ago.
    Exited { exit_code: i64, so_long_ago: Span },
    /// Anything else.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Unchecked,
    Starting,
    Healthy,
    /// Its output is part of what is shown, and changes.
    Unhealthy,
}

/// A duration that was rounded for people: at least `from`, less than `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    from: Duration,
    to: Duration,
}

impl Status {
    pub(crate) fn read(state: &str, text: &str) -> Self {
        Self::try_read(state, text).unwrap_or(Status::Other)
    }

    fn try_read(state: &str, text: &str) -> Option<Self> {
        match state {
            "running" | "paused" => {
                let text = text.strip_prefix("Up ")?;
                let (duration, remark) = text.split_once(" (").unwrap_or((text, ""));
                let health = match remark {
                    "" | "Paused)" => Health::Unchecked,
                    "healthy)" => Health::Healthy,
                    "unhealthy)" => Health::Unhealthy,
                    "health: starting)" => Health::Starting,
                    _ => return None,
                };
                Some(Status::Up { paused: state == "paused", health, for_so_long: Span::read(duration)? })
            }
            "exited" => {
                let (exit_code, rest) = text.strip_prefix("Exited (")?.split_once(") ")?;
                let so_long_ago = Span::read(rest.strip_suffix(" ago")?)?;
                Some(Status::Exited { exit_code: exit_code.parse().ok()?, so_long_ago })
            }
            _ => None,
        }
    }
}

impl Span {
    /// Reads what [`units.HumanDuration`](https://github.com/docker/go-units/blob/v0.5.0/duration.go) wrote.
    fn read(text: &str) -> Option<Self> {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let seconds = |from, to| Some(Self { from: Duration::from_secs(from), to: Duration::from_secs(to) });
        match text {
            "Less than a second" => return seconds(0, 1),
            "About a minute" => return seconds(MINUTE, 2 * MINUTE),
            // Hours are rounded to the nearest, everything else is cut.
            "About an hour" => return seconds(HOUR / 2, HOUR * 3 / 2),
            _ => {}
        }
        let (count, unit) = text.split_once(' ')?;
        let count: u64 = count.parse().ok().filter(|count| *count < 1_000_000)?;
        let (unit, rounding) = match unit {
            "second" | "seconds" => (1, 0),
            "minutes" => (MINUTE, 0),
            "hours" => (HOUR, HOUR / 2),
            "days" => (DAY, HOUR / 2),
            "weeks" => (7 * DAY, HOUR / 2),
            "months" => (30 * DAY, HOUR / 2),
            "years" => (365 * DAY, HOUR / 2),
            _ => return None,
        };
        seconds((count * unit).saturating_sub(rounding), (count + 1) * unit)
    }

    /// Tells whether the span fits a moment that was `age` ago, with two seconds to spare for what lies between the
    /// engine's look at the clock and ours.
    pub(crate) fn fits(self, age: Duration) -> bool {
        const TO_SPARE: Duration = Duration::from_secs(2);
        age + TO_SPARE >= self.from && age < self.to + TO_SPARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(text: &str) -> Option<(Health, Span)> {
        match Status::read("running", text) {
            Status::Up { health, for_so_long, .. } => Some((health, for_so_long)),
            Status::Exited { .. } | Status::Other => None,
        }
    }

    #[test]
    fn the_health_is_read_from_the_text() {
        for (text, health) in [
            ("Up 3 minutes", Health::Unchecked),
            ("Up 3 minutes (healthy)", Health::Healthy),
            ("Up About an hour (unhealthy)", Health::Unhealthy),
            ("Up Less than a second (health: starting)", Health::Starting),
        ] {
            assert_eq!(up(text).expect(text).0, health);
        }
    }

    #[test]
    fn a_start_fits_the_text_that_the_engine_writes_about_it() {
        for (text, fits, does_not) in [
            ("Up 12 seconds", 12, 30),
            ("Up About a minute", 119, 30),
            ("Up 59 minutes", 59 * 60 + 59, 10),
            ("Up About an hour", 5000, 90 * 60 + 10),
            ("Up 2 hours", 90 * 60, 4 * 3600),
            ("Up 3 days", 80 * 3600, 5 * 24 * 3600),
            ("Up 2 months", 70 * 24 * 3600, 3600),
        ] {
            let (_, span) = up(text).expect(text);
            assert!(span.fits(Duration::from_secs(fits)), "{text} {fits}");
            assert!(!span.fits(Duration::from_secs(does_not)), "{text} {does_not}");
        }
    }

    #[test]
    fn an_exit_code_is_read() {
        let status = Status::read("exited", "Exited (137) 2 minutes ago");
        assert!(matches!(status, Status::Exited { exit_code: 137, .. }), "{status:?}");
    }

    #[test]
    fn what_is_not_understood_is_asked_for() {
        for (state, text) in [
            ("running", "Läuft seit 3 Minuten"),
            ("running", "Up 3 minutes (frozen)"),
            ("running", "Up 3 fortnights"),
            ("restarting", "Restarting (1) 3 seconds ago"),
            ("created", "Created"),
            ("hibernating", "Up 1 second"),
            ("running", "Up 99999999999999999999 years"),
        ] {
            assert_eq!(Status::read(state, text), Status::Other, "{text}");
        }
    }
}
