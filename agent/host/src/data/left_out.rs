use std::fmt;
use std::path::PathBuf;

use crate::data::mounts::MountPoint;

/// Something that a copy of a folder lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it is in the original.
    pub path: PathBuf,
    /// What it is.
    pub what: Lost,
}

/// What a copy lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// What is mounted there; `None` when it was unmounted a moment later.
    Mount(Option<MountPoint>),
    /// A socket, which means nothing without the process that made it.
    Socket,
    /// An extended attribute or access list that the file system of the copy does not have.
    Attribute(String),
    /// The mark that keeps the file from being changed (`chattr +i` or `+a`).
    Protection,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            Lost::Mount(Some(mount)) => write!(f, "what is mounted at {mount}"),
            Lost::Mount(None) => write!(f, "what was mounted at {path}"),
            Lost::Socket => write!(f, "the socket {path}"),
            Lost::Attribute(name) => write!(f, "the attribute {name} of {path}"),
            Lost::Protection => write!(f, "the protection against changes (chattr +i or +a) of {path}"),
        }
    }
}
