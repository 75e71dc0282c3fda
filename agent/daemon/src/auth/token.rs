use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// A session that is not used ends after this.
const IDLE_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Every session ends after this.
pub(crate) const ABSOLUTE_LIFETIME: SignedDuration = SignedDuration::from_hours(180 * 24);
/// Its last use is written down this often at most, to spare the disk.
const TOUCH_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// What proves a session to the API: 256 random bits. A client is told once, when it signs in, and sends it in a header.
///
/// The session's cookie cannot be enough: a browser sends that to every port of the host, so pages of apps get it too. The
/// token in it follows from the key, and nothing leads back.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// Returns a new one.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Returns the token of its session.
    pub(crate) fn token(&self) -> Token {
        Token(Sha256::new_with_prefix("hearth session").chain_update(self.0).finalize().into())
    }

    /// Returns it as the header has it, 43 characters.
    pub(crate) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl FromStr for Key {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        decode(text).map(Self)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

fn decode(text: &str) -> Result<[u8; 32], ()> {
    let mut bytes = [0; 32];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(32) => Ok(bytes),
        _ => Err(()),
    }
}

/// What the cookie of a session holds: 256 bits that follow from its [`Key`]. It lets through the gateway. Only its SHA-256
/// is stored, so that a copy of the database opens nothing. It has no `Debug` output, so that it cannot get into a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token([u8; 32]);

impl Token {
    /// Returns what is stored. A plain hash will do: 256 random bits cannot be guessed.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// Returns it as the cookie has it, 43 characters.
    pub(crate) fn to_cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl FromStr for Token {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        decode(text).map(Self)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What to do with a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It ended.
    Ended,
    /// It holds.
    Fresh,
    /// It holds, and its last use should be written down.
    Extend,
}

/// Judges a session by its times in Unix seconds.
pub(super) fn judge(created_at_secs: i64, last_seen_at_secs: i64, now: Timestamp) -> Verdict {
    let (idle_since, begun_since) = horizons(now);
    if last_seen_at_secs < idle_since.as_second() || created_at_secs < begun_since.as_second() {
        Verdict::Ended
    } else if now.as_second() - last_seen_at_secs >= TOUCH_EVERY.as_secs() {
        Verdict::Extend
    } else {
        Verdict::Fresh
    }
}

/// Returns the instants before which a session was last seen, or begun, when it has ended.
pub(super) fn horizons(now: Timestamp) -> (Timestamp, Timestamp) {
    let before = |span: SignedDuration| now.saturating_sub(span).unwrap_or(Timestamp::MIN);
    (before(IDLE_LIFETIME), before(ABSOLUTE_LIFETIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_round_trip_and_are_never_printed() {
        let key = Key::new().unwrap();
        assert_eq!(key.to_text().parse::<Key>().unwrap(), key);
        assert_eq!(format!("{key:?}"), "Key(…)");
        let token = key.token();
        assert_ne!(token.to_cookie(), key.to_text());
        assert_eq!(token.to_cookie().len(), 43);
        assert_eq!(token.to_cookie().parse::<Token>().unwrap(), token);
        assert_eq!(format!("{token:?}"), "Token(…)");
        for bad in ["", "short", &"A".repeat(44), &"!".repeat(43), &"A".repeat(10_000)] {
            assert!(bad.parse::<Token>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sessions_slide_and_end() {
        let day = 24 * 3600;
        let start = 1_700_000_000;
        let verdict = |created: i64, seen: i64, now: i64| {
            judge(start + created, start + seen, Timestamp::from_second(start + now).unwrap())
        };
        assert_eq!(verdict(0, 0, 60), Verdict::Fresh);
        assert_eq!(verdict(0, 0, 3600), Verdict::Extend);
        assert_eq!(verdict(0, 0, 30 * day), Verdict::Extend);
        assert_eq!(verdict(0, 0, 30 * day + 1), Verdict::Ended);
        assert_eq!(verdict(0, 179 * day, 180 * day), Verdict::Extend);
        assert_eq!(verdict(0, 180 * day, 180 * day + 1), Verdict::Ended);
        // A clock that was set back ends nothing.
        assert_eq!(verdict(0, 0, -day), Verdict::Fresh);
    }
}
