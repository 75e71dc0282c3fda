use std::collections::BTreeMap;

use hearth_model::Bytes;

use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::project::Project;
use crate::reader::Reader;
use crate::yaml::MAX_BYTES;

/// Short forms to long ones.
mod canonical;
/// What must hold of a whole project.
mod check;
/// Values that a key has when it is not written.
mod defaults;
/// Variables that take their values from the surroundings.
mod environment;
/// `extends`.
mod extends;
/// `include`.
mod include;
/// One file, and the files that it leads to.
mod loader;
/// Several files into one.
mod merge;
/// Names and dependencies that follow from what was written.
mod normalize;
/// Relative paths to absolute ones.
mod paths;
/// Which services run.
mod profiles;
/// The project's name.
mod project_name;
/// `!reset` and `!override`.
mod tags;
/// Entries of lists that replace one another.
mod unique;

pub(crate) use environment::VALUE_KEY;

/// A Compose file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name in findings; relative to the project's folder, or absolute.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl SourceFile {
    /// Takes a file that was read as bytes.
    ///
    /// # Errors
    /// When it is larger than a Compose file may be, or not UTF-8; the finding names the first wrong byte's place.
    pub fn from_bytes(path: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Diagnostics> {
        let path = path.into();
        if bytes.len() > MAX_BYTES {
            let message = format!(
                "the file has {}; a Compose file may have {}",
                Bytes(bytes.len() as u64),
                Bytes(MAX_BYTES as u64)
            );
            return Err(Diagnostics::about_file(path, message));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { path, text }),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                let before = String::from_utf8_lossy(&bytes[..valid]);
                let line = before.lines().last().filter(|_| !before.ends_with('\n')).unwrap_or_default();
                let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                Err(Diagnostics::new(vec![Diagnostic {
                    severity: Severity::Error,
                    message: format!(
                        "the file is not UTF-8: byte 0x{:02x} begins no character",
                        bytes[valid]
                    ),
                    file: path,
                    line: number(before.matches('\n').count() + 1),
                    column: number(line.chars().count() + 1),
                    snippet: String::new(),
                }]))
            }
        }
    }
}

/// What a project is read from.
#[derive(Clone)]
pub struct ProjectInput<'a> {
    /// The project's name; without one, the files' `name`, then the folder's.
    pub name: Option<String>,
    /// The files; later ones override earlier ones.
    pub files: Vec<SourceFile>,
    /// Variables for `${…}`.
    pub environment: BTreeMap<String, String>,
    /// The project's folder, absolute: where relative paths start.
    pub working_dir: String,
    /// Active profiles; `*` for all.
    pub profiles: Vec<String>,
    /// Where further files come from.
    pub reader: &'a dyn Reader,
}

/// Reads Compose files into a project.
///
/// # Errors
/// Everything that is wrong with the files, with places: no YAML, unknown or unsupported keys, wrong values, missing
/// variables and files, references to what does not exist, circles. Warnings of a good project are in
/// [`Project::warnings`].
pub fn load(input: &ProjectInput<'_>) -> Result<Project, Diagnostics> {
    loader::load(input)
}

#[cfg(test)]
mod tests;
