use hearth_model::condition::Progress;
use hearth_model::{Bytes, Timestamp};

use crate::text;

/// Writing numbers and times as the visitor's language does.
mod intl;

/// Bytes on a disk, in memory or on a line, with the visitor's separators: "1.4 GB".
pub(crate) fn bytes(bytes: u64) -> String {
    let (value, unit, digits) = Bytes(bytes).scaled();
    text::format::quantity(&intl::number(value, digits.into()), unit)
}

/// Megabytes, as packages say what they need.
pub(crate) fn megabytes(megabytes: u64) -> String {
    bytes(Bytes::from_mb(megabytes).0)
}

/// A whole number with the visitor's separators.
pub(crate) fn count(number: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "counts on a page are far below 2^53")]
    intl::number(number as f64, 0)
}

/// How long ago a moment was: "3 minutes ago".
pub(crate) fn ago(at: &Timestamp, now_ms: f64) -> String {
    let (value, unit) = span((intl::milliseconds(&at.to_string()) - now_ms) / 1000.0);
    intl::relative(value, unit)
}

/// A day and time: "21 Nov 2026, 18:04".
pub(crate) fn moment(at: &Timestamp) -> String {
    intl::moment(&at.to_string())
}

/// A time of day with seconds, for logs.
pub(crate) fn time_of_day(at: &Timestamp) -> String {
    intl::time_of_day(&at.to_string())
}

/// The unit in which a span reads best, and how many of it; negative in the past.
fn span(seconds: f64) -> (f64, &'static str) {
    const STEPS: [(f64, &str); 6] = [
        (60.0, "second"),
        (60.0, "minute"),
        (24.0, "hour"),
        (30.0, "day"),
        (12.0, "month"),
        (f64::INFINITY, "year"),
    ];
    let mut value = seconds;
    for (size, unit) in STEPS {
        if value.abs() < size {
            return (value.trunc(), unit);
        }
        value /= size;
    }
    (value.trunc(), "year")
}

/// How far the images of an app are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fetched {
    /// Bytes so far.
    pub(crate) done_bytes: u64,
    /// Bytes in all, as far as known.
    pub(crate) total_bytes: u64,
}

impl Fetched {
    /// Adds up; `None` when nothing is fetched, or nobody has said how much it is.
    pub(crate) fn of(progress: &Progress) -> Option<Self> {
        let sum = progress.images.values().fold(Self { done_bytes: 0, total_bytes: 0 }, |sum, image| Self {
            done_bytes: sum.done_bytes + image.done_bytes.min(image.total_bytes),
            total_bytes: sum.total_bytes + image.total_bytes,
        });
        (sum.total_bytes > 0).then_some(sum)
    }

    /// The share of what is going on, in percent; `None` when nothing is, or nobody knows.
    pub(crate) fn percent_of(progress: Option<&Progress>) -> Option<u8> {
        progress.and_then(Self::of).map(Self::percent)
    }

    /// Between 0 and 100. It says 100 only when all is there.
    pub(crate) fn percent(self) -> u8 {
        percent(self.done_bytes, self.total_bytes)
    }
}

/// A share in percent, between 0 and 100, rounded down.
pub(crate) fn percent(part: u64, whole: u64) -> u8 {
    let share = u128::from(part) * 100 / u128::from(whole.max(1));
    u8::try_from(share.min(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use hearth_model::condition::ImageProgress;

    use super::*;

    #[test]
    fn spans_use_the_largest_unit_that_fits() {
        assert_eq!(span(-5.0), (-5.0, "second"));
        assert_eq!(span(-59.9), (-59.0, "second"));
        assert_eq!(span(-60.0), (-1.0, "minute"));
        assert_eq!(span(-3.0 * 3600.0), (-3.0, "hour"));
        assert_eq!(span(-40.0 * 86_400.0), (-1.0, "month"));
        assert_eq!(span(-800.0 * 86_400.0), (-2.0, "year"));
        assert_eq!(span(90.0), (1.0, "minute"));
    }

    #[test]
    fn progress_adds_up_over_images() {
        let image =
            |done_bytes, total_bytes| ImageProgress { done_bytes, total_bytes, ..ImageProgress::default() };
        let mut progress = Progress::default();
        assert_eq!(Fetched::of(&progress), None);
        progress.images.insert("a".into(), image(0, 0));
        assert_eq!(Fetched::of(&progress), None);
        progress.images.insert("b".into(), image(50, 100));
        progress.images.insert("c".into(), image(120, 100));
        assert_eq!(Fetched::of(&progress), Some(Fetched { done_bytes: 150, total_bytes: 200 }));
        assert_eq!(Fetched::of(&progress).map(Fetched::percent), Some(75));
    }

    #[test]
    fn a_hundred_percent_means_all() {
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(1000, 1000), 100);
        assert_eq!(percent(2000, 1000), 100);
        assert_eq!(percent(1, 0), 100);
        assert_eq!(percent(0, 0), 0);
    }
}
