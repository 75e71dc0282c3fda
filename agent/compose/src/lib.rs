//! Reads Compose files and package manifests, and lowers them to what containers are created from.
//!
//! Pure: no file system (a [`Reader`] hands in further files), no clock, no randomness, no engine. What a Compose file
//! means is what [Docker Compose](https://github.com/compose-spec/compose-spec/blob/main/spec.md) says it means; a key
//! is supported, or refused by name with its line. In reading order:

/// Mounts that the engine has to resolve beneath a folder.
pub mod beneath;
/// A project in the shape of `docker compose config --format json`.
pub mod config;
/// Errors and warnings with file, line and column.
pub mod diagnostics;
/// Checks of a whole package, for those who write one.
pub mod lint;
/// Compose files to a project.
pub mod load;
/// A project to container specs.
pub mod lower;
/// `app.yml`.
pub mod manifest;
/// What an app may do beyond its own folder and network, in plain words.
pub mod means;
/// Patterns that a package's settings ask of the owner's answers.
pub mod pattern;
/// The project: a Compose file with everything resolved, named as the specification names it.
pub mod project;
/// Files that a Compose file refers to.
pub mod reader;

mod decode;
mod dotenv;
mod interpolate;
mod path;
mod short;
mod source;
mod value;
mod yaml;

pub use beneath::{Folders, resolve_beneath};
pub use config::{config, config_json};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use interpolate::Error as InterpolationError;
pub use lint::{Lint, lint};
pub use load::{ProjectInput, SourceFile, load};
pub use lower::{ContainerNaming, Lowering, TimeZone, lower};
pub use manifest::parse_manifest;
pub use means::{FIXED_ADDRESSES, IS_TOR, TOR_CONTROL, means};
pub use project::Project;
pub use reader::{MemoryFiles, NoFiles, Reader};

/// Returns `text` with variables replaced as in a Compose file; one without a value counts as empty.
///
/// # Errors
/// When a `${` names no variable, or a required variable has no value.
pub fn interpolate(
    text: &str,
    variables: &std::collections::BTreeMap<String, String>,
) -> Result<String, interpolate::Error> {
    interpolate::replace(text, variables).map(|replaced| replaced.text)
}

/// Returns the variables of a file such as `.env`; `known` ones may be used in its values.
///
/// # Errors
/// The line that cannot be read, in the file called `file`.
pub fn parse_env_file(
    text: &str,
    file: &str,
    known: &std::collections::BTreeMap<String, String>,
) -> Result<std::collections::BTreeMap<String, String>, Diagnostics> {
    dotenv::parse(text, known).map_err(|error| {
        Diagnostics::new(vec![Diagnostic {
            severity: Severity::Error,
            message: error.message,
            file: file.to_owned(),
            line: error.line,
            column: 1,
            snippet: String::new(),
        }])
    })
}
