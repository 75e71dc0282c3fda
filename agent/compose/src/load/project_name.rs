use std::collections::BTreeMap;

use super::ProjectInput;
use crate::interpolate;
use crate::source::{Problems, Sources};
use crate::yaml::{self, Node};

/// Returns the project's name: the one given, else the last file's `name`, else the folder's
/// ([Compose name](https://github.com/compose-spec/compose-spec/blob/main/04-version-and-name.md#name-top-level-element)).
///
/// # Errors
/// When the given name may not be one, or there is none at all.
pub(super) fn choose(
    input: &ProjectInput<'_>,
    variables: &BTreeMap<String, String>,
) -> Result<String, String> {
    if let Some(name) = &input.name {
        return if !name.is_empty() && normalized(name) == *name {
            Ok(name.clone())
        } else {
            Err(format!(
                "`{name}` is not a project name; use lower-case letters, digits, `-` and `_`, starting with a letter or digit"
            ))
        };
    }
    let declared = input.files.iter().rev().find_map(|file| {
        // What is wrong with the file is found when it is read for good.
        let node = yaml::read("", &file.text, &mut Sources::default(), &mut Problems::default()).ok()?;
        let name = node.as_map()?.get("name").and_then(Node::as_text)?;
        Some(normalized(&interpolate::replace(name, variables).ok()?.text)).filter(|name| !name.is_empty())
    });
    let folder = || Some(normalized(input.working_dir.rsplit('/').find(|part| !part.is_empty())?));
    declared
        .or_else(folder)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| "the project has no name; give one, or write `name:` into the file".to_owned())
}

/// Returns the project name that a text becomes.
pub(crate) fn normalized(name: &str) -> String {
    let kept: String = name
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_' || *c == '-')
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}
