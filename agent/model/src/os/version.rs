use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that cannot be the number of a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the number of a release, such as 1.4.0: three numbers below 100000 with dots between them"
)]
pub struct InvalidVersion(String);

/// The number of a release, `MAJOR.MINOR.PATCH`.
///
/// Nothing more, because it is also a partition label, a file name on FAT with a boot counter behind it, and what
/// systemd-sysupdate compares ([version format](https://uapi-group.org/specifications/specs/version_format_specification/)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
pub struct ReleaseVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

/// Largest number in a version: three of them with a word before and a counter behind fit into a partition label.
const LARGEST: u32 = 99_999;

impl ReleaseVersion {
    /// Makes a version of numbers that are known when this is compiled.
    ///
    /// # Panics
    /// When one of them is larger than 99999.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        assert!(major <= LARGEST && minor <= LARGEST && patch <= LARGEST, "a part of a version is too large");
        Self { major, minor, patch }
    }
}

impl FromStr for ReleaseVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let invalid = || InvalidVersion(text.chars().take(80).collect());
        let mut parts = text.split('.').map(|part| {
            let plain =
                part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
            part.parse::<u32>().ok().filter(|number| plain && *number <= LARGEST)
        });
        match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten(), parts.next()) {
            (Some(major), Some(minor), Some(patch), None) => Ok(Self { major, minor, patch }),
            _ => Err(invalid()),
        }
    }
}

impl TryFrom<Cow<'_, str>> for ReleaseVersion {
    type Error = InvalidVersion;
    fn try_from(text: Cow<'_, str>) -> Result<Self, InvalidVersion> {
        text.parse()
    }
}

impl From<ReleaseVersion> for String {
    fn from(version: ReleaseVersion) -> String {
        version.to_string()
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_three_plain_numbers_and_sort_as_numbers() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "1.2.x",
            "01.2.3",
            "1.2.-3",
            "+1.2.3",
            "1.2.3+4",
            "1.2.100000",
            " 1.2.3",
        ] {
            assert!(text.parse::<ReleaseVersion>().is_err(), "{text}");
        }
        let sorted = ["0.0.0", "0.9.10", "0.10.0", "1.2.3", "1.10.0", "10.0.0"];
        let parsed: Vec<ReleaseVersion> = sorted.iter().map(|text| text.parse().unwrap()).collect();
        assert!(parsed.is_sorted());
        assert_eq!(parsed.iter().map(ToString::to_string).collect::<Vec<_>>(), sorted);
    }
}
