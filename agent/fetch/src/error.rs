use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why something could not be fetched. No message has a password in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server was not reached, or broke off.
    #[error("`{url}` cannot be fetched: {why}; check the address and the box's network, then refresh again")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened.
        why: String,
    },
    /// The server answered something else than the archive.
    #[error("`{url}` answered {status}{}", hint(*.status))]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status code.
        status: u16,
    },
    /// Whoever signs certificates is not known here.
    #[error(
        "this box knows no certificate authority, so no HTTPS server can be trusted; install the package ca-certificates"
    )]
    NoAuthorities,
    /// More came than is taken.
    #[error("{what} is larger than the {limit_bytes} bytes that are taken")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit.
        limit_bytes: u64,
    },
    /// More files and folders than are taken.
    #[error("it holds more than the {limit} files and folders that are taken")]
    TooManyFiles {
        /// The limit.
        limit: usize,
    },
    /// It took too long.
    #[error("it was not done within {} s; the server or the connection is too slow", .0.as_secs())]
    TimedOut(Duration),
    /// The caller does not want it any more.
    #[error("it was given up")]
    Cancelled,
    /// What came is no archive.
    #[error("what came is neither a zip nor a tar archive (plain, gzip or zstd); it begins with {begins}")]
    NotAnArchive {
        /// Its first bytes.
        begins: String,
    },
    /// The archive is damaged or cut off.
    #[error("the archive is damaged or incomplete: {0}")]
    Damaged(String),
    /// An entry would be written outside its folder.
    #[error("the archive holds `{name}`, which {why}; nothing of it was taken")]
    Outside {
        /// The entry, cut to 200 characters.
        name: String,
        /// What is wrong with its name.
        why: &'static str,
    },
    /// The disk refused.
    #[error("`{}` cannot be written", .path.display())]
    Write {
        /// What was being written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no `git` here.
    #[error(
        "git repositories are fetched by the command `{command}`, which this box does not have; install it, or give the address of an archive"
    )]
    NoGit {
        /// What is missing.
        command: &'static str,
    },
    /// Git failed.
    #[error("git could not {what} `{url}`: {why}")]
    Git {
        /// What was tried.
        what: &'static str,
        /// Where.
        url: String,
        /// The last line that git wrote.
        why: String,
    },
    /// The repository has no such branch.
    #[error("the repository `{url}` has no {}", wanted(.branch.as_deref()))]
    NoBranch {
        /// Where.
        url: String,
        /// Branch or tag; `None` for the repository's own choice.
        branch: Option<String>,
    },
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "; it wants a password, or is not for everyone",
        404 | 410 => "; there is nothing at that address",
        429 => "; it was asked too often, try again later",
        500.. => "; the server has trouble, try again later",
        _ => "; the address must be that of the archive itself",
    }
}

fn wanted(branch: Option<&str>) -> String {
    branch.map_or_else(
        || "commits yet".to_owned(),
        |branch| format!("branch or tag `{branch}`; leave `#{branch}` out for its main branch"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_to_do_next() {
        let url = "https://example.org/a.zip".to_owned();
        let gone = Error::Status { url: url.clone(), status: 404 }.to_string();
        assert_eq!(gone, "`https://example.org/a.zip` answered 404; there is nothing at that address");
        for status in [301, 401, 429, 503] {
            assert!(Error::Status { url: url.clone(), status }.to_string().contains("; "));
        }
        let empty = Error::NoBranch { url: url.clone(), branch: None }.to_string();
        assert!(empty.ends_with("has no commits yet"), "{empty}");
        let branch = Error::NoBranch { url, branch: Some("dev".into()) }.to_string();
        assert!(branch.contains("`dev`") && branch.contains("leave `#dev` out"), "{branch}");
    }
}
