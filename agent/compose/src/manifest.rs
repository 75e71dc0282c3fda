use hearth_model::Bytes;
use hearth_model::package::Manifest;

use crate::diagnostics::{Diagnostics, Severity};
use crate::source::{At, Sources};
use crate::yaml::{self, MAX_BYTES};

/// The only version of the format that there is.
const VERSION: u32 = 1;

/// Reads `app.yml`; `file` names it in findings.
///
/// # Errors
/// What is wrong, with its place: no YAML, an unknown or missing key, a wrong value, another version of the format.
pub fn parse_manifest(text: &str, file: &str) -> Result<Manifest, Diagnostics> {
    if text.len() > MAX_BYTES {
        let message = format!("the file is larger than {}", Bytes(MAX_BYTES as u64));
        return Err(Diagnostics::about_file(file, message));
    }
    let mut sources = Sources::default();
    let number = sources.add(file, text);
    let found = |line, column, message| {
        Diagnostics::new(vec![sources.diagnostic(
            Severity::Error,
            At { file: number, line, column },
            message,
        )])
    };
    let manifest: Manifest = serde_saphyr::from_str_with_options(text, yaml::options()).map_err(|error| {
        let (line, column) = yaml::location(&error);
        found(line, column, yaml::message(&error))
    })?;
    if manifest.manifest != VERSION {
        let line = place_of(text, "manifest");
        let message = format!(
            "the file is of version {} of the format; this Hearth reads version {VERSION}",
            manifest.manifest
        );
        return Err(found(line, 1, message));
    }
    Ok(manifest)
}

/// Returns the line of a key at the top of a file, 0 when it has none.
pub(crate) fn place_of(text: &str, key: &str) -> u32 {
    let line = text.lines().position(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
    line.and_then(|line| u32::try_from(line + 1).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
