/// What engines and registries say, and what it means.
mod classify;

use std::path::PathBuf;

use hearth_model::condition::{Reason, ReasonCode};
use hearth_model::image::ImageRef;

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answers at the socket.
    #[error("failed to {doing}: the engine at {socket} does not answer: {detail}")]
    Unreachable {
        /// What was tried.
        doing: String,
        /// The engine's socket.
        socket: PathBuf,
        /// What was seen.
        detail: String,
    },
    /// An image could not be had.
    #[error("failed to pull image `{image}`: {answer}")]
    Image {
        /// Which.
        image: ImageRef,
        /// What the matter is.
        problem: ImageProblem,
        /// The engine's words, with those of the registry.
        answer: String,
    },
    /// A host port is taken.
    #[error("failed to {doing}: {answer}")]
    PortTaken {
        /// What was tried.
        doing: String,
        /// The port, where the engine names it.
        port: Option<u16>,
        /// The engine's words.
        answer: String,
    },
    /// A name on the engine belongs to something that is not ours.
    #[error("failed to {doing}: the name `{name}` belongs to something that this Hearth did not make")]
    NameTaken {
        /// What was tried.
        doing: String,
        /// The name.
        name: String,
    },
    /// The programs in an image are for other processors.
    #[error("failed to {doing}: {answer}")]
    WrongProcessor {
        /// What was tried.
        doing: String,
        /// The container.
        name: String,
        /// The engine's words.
        answer: String,
    },
    /// The engine's disk is full.
    #[error("failed to {doing}: {answer}")]
    DiskFull {
        /// What was tried.
        doing: String,
        /// The engine's words.
        answer: String,
    },
    /// A folder or file of the host that should be mounted is not there.
    #[error("failed to {doing}: {} is not there", path.display())]
    PathMissing {
        /// What was tried.
        doing: String,
        /// The path on the host.
        path: PathBuf,
    },
    /// A folder of the host could not be made.
    #[error("failed to {doing}: {} could not be made", path.display())]
    Folder {
        /// What was tried.
        doing: String,
        /// The path on the host.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A name that no engine takes, and that could be read as a path of the engine's API.
    #[error(
        "failed to {doing}: `{name}` is not a name that an engine takes: use letters, digits, `_`, `.` and `-`, and begin with a letter or digit"
    )]
    InvalidName {
        /// What was tried.
        doing: String,
        /// The name.
        name: String,
    },
    /// The engine said no.
    #[error("failed to {doing}: the engine said: {answer}")]
    Refused {
        /// What was tried.
        doing: String,
        /// The engine's words.
        answer: String,
    },
    /// The engine's answer makes no sense to this version.
    #[error("failed to {doing}: {detail}")]
    Unreadable {
        /// What was tried.
        doing: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// Why an image could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageProblem {
    /// The registry has no such image or tag.
    NotFound,
    /// The registry does not answer, or not as a registry.
    RegistryUnreachable,
    /// The registry asks to wait: too many images were fetched.
    TooManyRequests,
    /// The registry wants other credentials.
    Denied,
    /// The image is for other processors.
    WrongArchitecture,
    /// Nothing arrived for too long.
    Stalled,
    /// It must not be fetched, and is not there.
    NotThere,
}

impl Error {
    /// Returns what the owner reads: what happened, and what to do next.
    pub fn reason(&self) -> Reason {
        match self {
            Error::Unreachable { socket, detail, .. } => Reason::new(
                ReasonCode::EngineUnreachable,
                format!(
                    "Docker does not answer at {} ({detail}). Hearth goes on by itself as soon as it does; \
                     `systemctl status docker` shows how it is.",
                    socket.display()
                ),
            ),
            Error::Image { image, problem, answer } => image_reason(image, *problem, answer),
            Error::PortTaken { port: Some(port), .. } => Reason::new(
                ReasonCode::PortTaken,
                format!(
                    "Port {port} is used by another program on this box. Stop that program, or give this app another port."
                ),
            ),
            Error::PortTaken { port: None, answer, .. } => Reason::new(
                ReasonCode::PortTaken,
                format!(
                    "A port of this app is used by another program on this box ({answer}). Stop that program, or give this app another port."
                ),
            ),
            Error::NameTaken { name, .. } => Reason::new(
                ReasonCode::NameTaken,
                format!(
                    "Something that was not made by this Hearth is called {name} in Docker. Rename or remove it, then try again."
                ),
            ),
            Error::WrongProcessor { name, .. } => Reason::new(
                ReasonCode::WrongArchitecture,
                format!("The programs in {name} are not for the processor of this box."),
            ),
            Error::DiskFull { .. } => Reason::new(
                ReasonCode::DiskFull,
                "The disk that Docker keeps its images on is full. Make room, for example by removing an app, then try again.",
            ),
            Error::PathMissing { path, .. } => Reason::new(
                ReasonCode::FileError,
                format!(
                    "{} is not there. If it is on a disk, connect the disk; otherwise make the folder, then try again.",
                    path.display()
                ),
            ),
            Error::Folder { path, source, .. } => Reason::new(
                ReasonCode::FileError,
                format!("The folder {} could not be made: {source}.", path.display()),
            ),
            Error::InvalidName { name, .. } => Reason::new(
                ReasonCode::PackageInvalid,
                format!(
                    "The package uses the name `{name}`, which Docker does not take. Tell who made the package."
                ),
            ),
            Error::Refused { doing, answer } => {
                Reason::new(ReasonCode::EngineRefused, format!("Docker refused to {doing}: {answer}"))
            }
            Error::Unreadable { doing, detail } => Reason::new(
                ReasonCode::EngineRefused,
                format!(
                    "Docker gave an answer that Hearth cannot read when it was asked to {doing}: {detail}"
                ),
            ),
        }
    }

    /// Tells whether trying again later may work without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Unreachable { .. } | Error::DiskFull { .. } | Error::PortTaken { .. } => true,
            Error::PathMissing { .. } | Error::Folder { .. } | Error::Refused { .. } => true,
            Error::Image { problem, .. } => match problem {
                ImageProblem::RegistryUnreachable | ImageProblem::TooManyRequests | ImageProblem::Stalled => {
                    true
                }
                ImageProblem::NotFound
                | ImageProblem::Denied
                | ImageProblem::WrongArchitecture
                | ImageProblem::NotThere => false,
            },
            Error::NameTaken { .. }
            | Error::WrongProcessor { .. }
            | Error::InvalidName { .. }
            | Error::Unreadable { .. } => false,
        }
    }
}

fn image_reason(image: &ImageRef, problem: ImageProblem, answer: &str) -> Reason {
    let name = image.familiar();
    let registry = image.registry();
    match problem {
        ImageProblem::NotFound => Reason::new(
            ReasonCode::ImageNotFound,
            format!(
                "{registry} has no image {name}. The package may be out of date: look for an update of it, or tell who made it."
            ),
        ),
        ImageProblem::RegistryUnreachable => Reason::new(
            ReasonCode::RegistryUnreachable,
            format!(
                "{registry}, where the image {name} comes from, does not answer ({answer}). Check the internet connection; Hearth tries again by itself."
            ),
        ),
        ImageProblem::TooManyRequests => Reason::new(
            ReasonCode::RegistryUnreachable,
            format!(
                "{registry} lets this connection fetch no more images for now. Hearth tries again by itself; signing in to {registry} raises the limit."
            ),
        ),
        ImageProblem::Denied => Reason::new(
            ReasonCode::RegistryDenied,
            format!(
                "{registry} does not give out the image {name}: it is private, or does not exist. Give Hearth credentials for {registry}, or tell who made the package."
            ),
        ),
        ImageProblem::WrongArchitecture => Reason::new(
            ReasonCode::WrongArchitecture,
            format!("There is no {name} for the processor of this box."),
        ),
        ImageProblem::Stalled => Reason::new(
            ReasonCode::RegistryUnreachable,
            format!(
                "The download of {name} from {registry} stood still ({answer}). Check the internet connection; Hearth tries again by itself."
            ),
        ),
        ImageProblem::NotThere => Reason::new(
            ReasonCode::ImageNotFound,
            format!(
                "The image {name} is not on this box, and the package says that it must not be fetched. Build or load it, then try again."
            ),
        ),
    }
}
