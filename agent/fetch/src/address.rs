use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Longest address, in bytes.
const MAX_BYTES: usize = 2000;
/// Names that an archive's address may end with.
const ARCHIVE_ENDINGS: [&str; 6] = [".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];

/// Where something is: a folder of this box, or elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An absolute path.
    Folder(PathBuf),
    /// Something to fetch.
    Remote(Remote),
}

/// Where something is that must be fetched. Written for people it has no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// A file that holds everything: the path ends with `.zip`, `.tar`, `.tar.gz`, `.tgz`, `.tar.zst` or `.tzst`.
    Archive {
        /// Its address.
        url: String,
    },
    /// A git repository: every other address over HTTP.
    Git {
        /// Its address, without a fragment.
        url: String,
        /// The branch or tag behind `#`; the repository's own choice without one.
        branch: Option<String>,
    },
}

/// A text was given that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{value}` is not an address of a store: {why}; give a folder (`/srv/store`), an archive (`https://….zip`, `.tar.gz`, \
     `.tar.zst`, `.tar`) or a git repository (`https://….git`, with `#branch` if you like)"
)]
pub struct InvalidAddress {
    /// What was given, cut to 200 characters and without a password.
    pub value: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(value: &str) -> Result<Self, InvalidAddress> {
        let invalid =
            |why| InvalidAddress { value: without_password(value).chars().take(200).collect(), why };
        if value.len() > MAX_BYTES {
            return Err(invalid("it is too long"));
        }
        if value.chars().any(|c| c.is_whitespace() || c.is_control()) && !value.starts_with('/') {
            return Err(invalid("it has a space in it"));
        }
        if value.starts_with('/') {
            return Ok(Self::Folder(value.into()));
        }
        let Some((scheme, rest)) = value.split_once("://") else {
            return Err(invalid("it begins neither with `/` nor with `https://`"));
        };
        if !["https", "http"].contains(&scheme) {
            return Err(invalid("only http and https are spoken"));
        }
        if host(rest).is_empty() {
            return Err(invalid("it has no host"));
        }
        let (url, fragment) = match value.split_once('#') {
            Some((url, fragment)) => (url, Some(fragment)),
            None => (value, None),
        };
        let path = url.split('?').next().unwrap_or(url).to_ascii_lowercase();
        if ARCHIVE_ENDINGS.iter().any(|ending| path.ends_with(ending)) {
            if fragment.is_some() {
                return Err(invalid("an archive has no branches"));
            }
            if without_password(url) != url {
                return Err(invalid("passwords are only given to git servers"));
            }
            return Ok(Self::Remote(Remote::Archive { url: url.to_owned() }));
        }
        let branch = fragment.map(str::to_owned);
        if branch.as_deref().is_some_and(|branch| !is_branch(branch)) {
            return Err(invalid("what is behind `#` cannot be a branch"));
        }
        Ok(Self::Remote(Remote::Git { url: url.to_owned(), branch }))
    }
}

/// Returns the host in what is behind `://`.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() }
}

/// Tells whether git would take it as a name ([git-check-ref-format](https://git-scm.com/docs/git-check-ref-format)), more strictly.
fn is_branch(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._/-+@".contains(&b))
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with(".lock")
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with('.'))
}

/// Returns an address with its user and password left out.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => url.to_owned(),
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive { url } | Self::Git { url, branch: None } => f.write_str(&without_password(url)),
            Self::Git { url, branch: Some(branch) } => write!(f, "{}#{branch}", without_password(url)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Address {
        value.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_end_of_an_address_tells_an_archive_from_a_repository() {
        for archive in [
            "https://example.org/store.zip",
            "http://example.org/a/store.tar.gz?token=1",
            "https://github.com/owner/apps/archive/refs/heads/main.ZIP",
            "https://example.org/store.tar.zst",
        ] {
            assert_eq!(read(archive), Address::Remote(Remote::Archive { url: archive.to_owned() }));
        }
        for (repository, branch) in [
            ("https://github.com/owner/apps", None),
            ("https://git.example.org:8443/apps.git", None),
            ("https://example.org/apps.git", Some("release/1.0")),
        ] {
            let value = branch.map_or(repository.to_owned(), |branch| format!("{repository}#{branch}"));
            let expected = Remote::Git { url: repository.to_owned(), branch: branch.map(str::to_owned) };
            assert_eq!(read(&value), Address::Remote(expected));
        }
        assert_eq!(read("/srv/my store"), Address::Folder("/srv/my store".into()));
    }

    #[test]
    fn what_is_no_address_says_what_one_looks_like() {
        for bad in [
            "",
            "store",
            "./store",
            "ssh://git@example.org/apps.git",
            "git@example.org:apps.git",
            "file:///etc",
            "https://",
            "https:///apps.git",
            "https://:80/apps.git",
            "https://example.org/a b.git",
            "https://example.org/apps.git#",
            "https://example.org/apps.git#--upload-pack=x",
            "https://example.org/apps.git#a..b",
            "https://example.org/apps.git#a/../../b",
            "https://example.org/apps.zip#main",
            "https://ada:secret@example.org/apps.zip",
            &format!("https://example.org/{}", "a".repeat(MAX_BYTES)),
        ] {
            let error = bad.parse::<Address>().expect_err(bad).to_string();
            assert!(error.contains("a git repository"), "{error}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("https://ada:secret@example.org/a.git", "https://example.org/a.git"),
            ("https://example.org/@a.git", "https://example.org/@a.git"),
            ("https://a@b@example.org", "https://example.org"),
            ("not an address", "not an address"),
        ] {
            assert_eq!(without_password(url), shown);
        }
        let remote = Remote::Git { url: "https://u:p@example.org/a.git".into(), branch: Some("x".into()) };
        assert_eq!(remote.to_string(), "https://example.org/a.git#x");
        let error = "https://u:p@example.org/a b".parse::<Address>().expect_err("a space");
        assert!(!error.to_string().contains("u:p"));
    }
}
