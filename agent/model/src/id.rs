use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name was given that cannot be an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {what}: {rule}")]
pub struct InvalidId {
    /// What was being read, for example "an app id".
    pub what: &'static str,
    /// The text that was given, cut to 80 characters.
    pub value: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

fn check(
    value: &str,
    what: &'static str,
    rule: &'static str,
    max: usize,
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
) -> Result<(), InvalidId> {
    let mut chars = value.chars();
    let ok = value.len() <= max && chars.next().is_some_and(first) && chars.all(rest);
    if ok { Ok(()) } else { Err(InvalidId { what, value: value.chars().take(80).collect(), rule }) }
}

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $max:literal, $first:expr, $rest:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Cow<'_, str>", into = "String")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        pub struct $name(String);

        impl $name {
            /// Returns the name as it was parsed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(value: &str) -> Result<Self, InvalidId> {
                check(value, $what, $rule, $max, $first, $rest)?;
                Ok(Self(value.to_owned()))
            }
        }

        impl TryFrom<Cow<'_, str>> for $name {
            type Error = InvalidId;
            fn try_from(value: Cow<'_, str>) -> Result<Self, InvalidId> {
                value.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

string_id! {
    /// The name of an installed app: also its Compose project name and its folder.
    ///
    /// Follows the [Compose project name](https://github.com/compose-spec/compose-spec/blob/main/spec.md#name-top-level-element):
    /// lower-case letters, digits, `-` and `_`, starting with a letter or digit; at most 63 characters.
    AppId, "an app id", "use 1 to 63 lower-case letters, digits, `-` and `_`, starting with a letter or digit", 63,
    |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'
}

string_id! {
    /// The name of a source of packages.
    StoreId, "a store id", "use 1 to 63 lower-case letters, digits, `-` and `_`, starting with a letter or digit", 63,
    |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_'
}

impl StoreId {
    /// Makes an id from what people call a store: what an id cannot have becomes `-`. `None` when no letter or digit is left.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut id = String::new();
        for character in name.chars().map(|character| character.to_ascii_lowercase()) {
            match character {
                'a'..='z' | '0'..='9' | '_' => id.push(character),
                _ if !id.is_empty() && !id.ends_with('-') => id.push('-'),
                _ => {}
            }
        }
        id.truncate(63);
        id.trim_matches(['-', '_']).parse().ok()
    }
}

string_id! {
    /// The name of a service in a Compose file: letters, digits, `.`, `_` and `-`.
    ServiceName, "a service name", "use 1 to 63 letters, digits, `.`, `_` and `-`", 63,
    |c| c.is_ascii_alphanumeric() || c == '.' || c == '_' || c == '-',
    |c| c.is_ascii_alphanumeric() || c == '.' || c == '_' || c == '-'
}

/// One change of the desired state; 0 is the empty state before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Generation(pub u64);

impl Generation {
    /// Returns the generation that the next change makes.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Generation {
    type Err = std::num::ParseIntError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

/// A SHA-256 digest, written `sha256:` and 64 lower-case hexadecimal digits
/// ([OCI image spec, digests](https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct Digest(String);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(format!("sha256:{}", hex::encode(sha2::Sha256::digest(bytes))))
    }

    /// Returns the whole digest, with its `sha256:` prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first 12 hexadecimal digits, enough to tell digests apart on a page.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }
}

impl FromStr for Digest {
    type Err = InvalidId;
    fn from_str(value: &str) -> Result<Self, InvalidId> {
        let ok = value.strip_prefix("sha256:").is_some_and(|hex| {
            hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if ok {
            Ok(Self(value.to_owned()))
        } else {
            Err(InvalidId {
                what: "a digest",
                value: value.chars().take(80).collect(),
                rule: "use `sha256:` followed by 64 lower-case hexadecimal digits",
            })
        }
    }
}

impl TryFrom<Cow<'_, str>> for Digest {
    type Error = InvalidId;
    fn try_from(value: Cow<'_, str>) -> Result<Self, InvalidId> {
        value.parse()
    }
}

impl From<Digest> for String {
    fn from(value: Digest) -> String {
        value.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_ids_are_made_from_names() {
        let id = |name: &str| StoreId::from_name(name).map(String::from);
        assert_eq!(id("My Friend's Store!").as_deref(), Some("my-friend-s-store"));
        assert_eq!(id("a+b").as_deref(), Some("a-b"));
        assert_eq!(id("my_store").as_deref(), Some("my_store"));
        assert_eq!(id("  +  "), None);
        assert_eq!(id(&"a".repeat(80)).map(|id| id.len()), Some(63));
    }

    #[test]
    fn app_ids_that_could_leave_their_folder_are_refused() {
        for bad in ["", "..", "../x", "a/b", "A", "-a", "a b", "ü", &"a".repeat(64)] {
            assert!(bad.parse::<AppId>().is_err(), "{bad:?} was taken");
        }
        for good in ["a", "home-assistant", "4x", "my_app", &"a".repeat(63)] {
            assert_eq!(good.parse::<AppId>().expect("valid").as_str(), good);
        }
    }

    #[test]
    fn a_bad_id_in_json_is_an_error_with_its_rule() {
        let error = serde_json::from_str::<AppId>("\"../etc\"").expect_err("invalid");
        assert!(error.to_string().contains("`../etc` is not an app id"), "{error}");
    }

    #[test]
    fn a_digest_round_trips() {
        let digest = Digest::of(b"hearth");
        assert_eq!(digest.as_str().parse::<Digest>().expect("own output"), digest);
        assert_eq!(digest.short().len(), 12);
        assert!("sha256:xyz".parse::<Digest>().is_err());
    }
}
