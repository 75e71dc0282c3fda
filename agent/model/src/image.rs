use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::Digest;

/// A reference to an image: `[registry/]path[:tag][@digest]`, tag and digest both allowed.
///
/// Short names are completed as Docker does it: `redis` is `docker.io/library/redis`. Displays in full, so that two
/// spellings of one image are equal. Source: the
/// [distribution reference grammar](https://github.com/distribution/reference/blob/main/reference.go).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "String"))]
pub struct ImageRef {
    registry: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Text that is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not an image reference: {rule}")]
pub struct InvalidImage {
    /// The text that was given, cut to 200 characters.
    pub value: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl ImageRef {
    /// Returns the registry's host and port, `docker.io` when none was written.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Returns the repository's path below the registry, `library/redis` for `redis`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the tag, if one was written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest, if one was written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Returns `registry/path`, without tag and digest.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.registry, self.path)
    }

    /// Returns what an engine must be asked to pull: by digest where there is one, else by tag, else `latest`.
    pub fn pull_name(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("{}@{digest}", self.repository()),
            (None, Some(tag)) => format!("{}:{tag}", self.repository()),
            (None, None) => format!("{}:latest", self.repository()),
        }
    }

    /// Returns the name for people: without `docker.io/library/` and without the digest.
    pub fn familiar(&self) -> String {
        let name = match (self.registry.as_str(), self.path.strip_prefix("library/")) {
            ("docker.io", Some(short)) => short.to_owned(),
            ("docker.io", None) => self.path.clone(),
            _ => self.repository(),
        };
        match &self.tag {
            Some(tag) => format!("{name}:{tag}"),
            None => name,
        }
    }
}

impl FromStr for ImageRef {
    type Err = InvalidImage;

    fn from_str(value: &str) -> Result<Self, InvalidImage> {
        let bad = |rule| InvalidImage { value: value.chars().take(200).collect(), rule };
        let (name, digest) = match value.split_once('@') {
            Some((name, digest)) => {
                let digest = digest
                    .parse::<Digest>()
                    .map_err(|_| bad("the digest must be `sha256:` and 64 lower-case hexadecimal digits"))?;
                (name, Some(digest))
            }
            None => (value, None),
        };
        // A colon after the last slash starts a tag; before it, a port.
        let (name, tag) = match name.rsplit_once(':') {
            Some((before, tag)) if !tag.contains('/') => (before, Some(tag)),
            _ => (name, None),
        };
        if let Some(tag) = tag {
            let first_ok = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let rest_ok = tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            if !first_ok || !rest_ok || tag.len() > 128 {
                return Err(bad("a tag has 1 to 128 letters, digits, `_`, `.` and `-`"));
            }
        }
        let (registry, path) = match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest.to_owned()),
            Some(_) => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
        let path = match (registry, path.contains('/')) {
            ("docker.io", false) => format!("library/{path}"),
            _ => path,
        };
        let host_ok = registry.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        if !host_ok {
            return Err(bad("a registry is a host name with an optional port"));
        }
        let part_ok = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
        };
        if !path.split('/').all(part_ok) {
            return Err(bad(
                "each part of the name has lower-case letters, digits, and `.`, `_`, `-` between them",
            ));
        }
        if registry.len() + path.len() > 254 {
            return Err(bad("the name is longer than 255 characters"));
        }
        Ok(Self { registry: registry.to_owned(), path, tag: tag.map(str::to_owned), digest })
    }
}

impl TryFrom<Cow<'_, str>> for ImageRef {
    type Error = InvalidImage;
    fn try_from(value: Cow<'_, str>) -> Result<Self, InvalidImage> {
        value.parse()
    }
}

impl From<ImageRef> for String {
    fn from(value: ImageRef) -> String {
        value.to_string()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn short_names_are_completed_as_docker_does() {
        for (short, full) in [
            ("redis", "docker.io/library/redis"),
            ("redis:7", "docker.io/library/redis:7"),
            ("getumbrel/tor", "docker.io/getumbrel/tor"),
            ("docker.io/redis", "docker.io/library/redis"),
            ("localhost:5055/hearth/ntfy:2", "localhost:5055/hearth/ntfy:2"),
            ("ghcr.io/a/b", "ghcr.io/a/b"),
        ] {
            assert_eq!(short.parse::<ImageRef>().expect("valid").to_string(), full);
        }
    }

    #[test]
    fn tag_and_digest_may_stand_together() {
        let image: ImageRef = format!("nextcloud:29@{DIGEST}").parse().expect("valid");
        assert_eq!(image.tag(), Some("29"));
        assert_eq!(image.pull_name(), format!("docker.io/library/nextcloud@{DIGEST}"));
        assert_eq!(image.familiar(), "nextcloud:29");
        assert_eq!(image.to_string().parse::<ImageRef>().expect("own output"), image);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in ["", "A", "a//b", "a:", "a:b:c", "a@sha256:1", "a b", "-a", "a/../b", "http://x/y"] {
            assert!(bad.parse::<ImageRef>().is_err(), "{bad:?} was taken");
        }
    }
}
