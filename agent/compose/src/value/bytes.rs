/// A size in bytes, written `64m`
/// ([Compose byte values](https://github.com/compose-spec/compose-spec/blob/main/11-extension.md#specifying-byte-values)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(pub i64);

impl Bytes {
    /// Reads `1024`, `64k`, `1.5GB`, `2 GiB`: every unit is a power of 1024.
    #[expect(clippy::cast_possible_truncation, reason = "a size is a whole number of bytes, rounded down")]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let number: f64 = number.parse().ok()?;
        let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
        let power = match unit.strip_suffix('b').unwrap_or(&unit) {
            "" => 0,
            "k" | "ki" => 1,
            "m" | "mi" => 2,
            "g" | "gi" => 3,
            "t" | "ti" => 4,
            "p" | "pi" => 5,
            _ => return None,
        };
        let bytes = number * 1024_f64.powi(power);
        (bytes < 9.2e18).then_some(Self(bytes as i64))
    }

    /// Returns it as an unsigned number, none when negative.
    pub fn as_u64(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }
}

impl serde::Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("64", 64),
            ("1k", 1024),
            ("1.5m", 1_572_864),
            ("2GiB", 2 << 30),
            ("3 gb", 3 << 30),
            ("10b", 10),
        ] {
            assert_eq!(Bytes::parse(text), Some(Bytes(bytes)), "{text}");
        }
        for bad in ["", "m", "-1", "1x", "1 2", "1.2.3", "99999999p"] {
            assert_eq!(Bytes::parse(bad), None, "{bad}");
        }
    }
}
