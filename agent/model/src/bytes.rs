use std::fmt;

/// Steps of 1000, as disks and networks are sold ([IEC 80000-13](https://www.iso.org/standard/87648.html) names the others).
const STEP: f64 = 1000.0;
const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
/// From here on, a fraction says nothing more.
const EXACT_BELOW: f64 = 100.0;

/// A number of bytes, written for people. Everything that Hearth says of disks, memory and downloads is written by this:
/// "GB" is 1000 MB everywhere, so that two places never tell the same amount by two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Returns what so many megabytes are, as packages state their needs.
    pub fn from_mb(megabytes: u64) -> Self {
        Self(megabytes.saturating_mul(1_000_000))
    }

    /// Returns the number to show, its unit, and how many digits after the point it deserves.
    pub fn scaled(self) -> (f64, &'static str, u8) {
        #[expect(clippy::cast_precision_loss, reason = "at most four digits are shown")]
        let mut value = self.0 as f64;
        let mut unit = 0;
        // 999.6 kB would be written "1000 kB".
        while value >= STEP - 0.5 && unit + 1 < UNITS.len() {
            value /= STEP;
            unit += 1;
        }
        (value, UNITS[unit], u8::from(unit > 0 && value < EXACT_BELOW))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit, digits) = self.scaled();
        let number = format!("{value:.*}", usize::from(digits));
        write!(f, "{} {unit}", number.strip_suffix(".0").unwrap_or(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_steps_of_a_thousand() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 kB"),
            (1_500, "1.5 kB"),
            (999_600, "1 MB"),
            (2_000_000_000, "2 GB"),
            (25_341_000_000, "25.3 GB"),
            (512_400_000, "512 MB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(Bytes::from_mb(1_536).to_string(), "1.5 GB");
        assert_eq!(Bytes::from_mb(u64::MAX), Bytes(u64::MAX));
    }
}
