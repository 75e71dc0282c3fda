//! The cases of `tests/corpus`: a folder each, with `compose.yml` and, where the case needs them, `override.yml`,
//! `variables.env`, `profiles` and the files that they name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hearth_compose::{ProjectInput, Reader, SourceFile};

/// A home folder for `~`, the same for both sides.
pub(crate) const HOME: &str = "/home/someone";

/// One case.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) files: Vec<String>,
    pub(crate) profiles: Vec<String>,
    pub(crate) variables: BTreeMap<String, String>,
}

/// Returns every case, by name.
pub(crate) fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut cases: Vec<Case> = fs::read_dir(&root)
        .expect("the corpus is part of the sources")
        .map(|entry| Case::read(&entry.expect("readable").path()))
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

impl Case {
    fn read(dir: &Path) -> Self {
        let present = |name: &str| dir.join(name).exists();
        let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
        let files =
            ["compose.yml", "override.yml"].into_iter().filter(|name| present(name)).map(str::to_owned);
        Self {
            name: dir.file_name().expect("a folder has a name").to_string_lossy().into_owned(),
            dir: dir.to_owned(),
            files: files.collect(),
            profiles: text("profiles").lines().map(str::to_owned).collect(),
            variables: variables(&text("variables.env")),
        }
    }

    /// Returns what the crate is given for this case.
    pub(crate) fn input<'a>(&self, reader: &'a Folder) -> ProjectInput<'a> {
        let mut environment = self.variables.clone();
        environment.insert("HOME".to_owned(), HOME.to_owned());
        let file = |name: &String| SourceFile {
            path: name.clone(),
            text: fs::read_to_string(self.dir.join(name)).expect("listed because it is there"),
        };
        ProjectInput {
            name: (self.name != "name-from-file").then(|| "demo".to_owned()),
            files: self.files.iter().map(file).collect(),
            environment,
            working_dir: self.dir.to_string_lossy().into_owned(),
            profiles: self.profiles.clone(),
            reader,
        }
    }
}

/// Reads `NAME=value` lines; a value in single quotes may go over several.
fn variables(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let quote = if after.starts_with('\'') { "'" } else { "\n" };
        let after = after.strip_prefix('\'').unwrap_or(after);
        let (value, next) = after.split_once(quote).unwrap_or((after, ""));
        found.insert(name.trim().to_owned(), value.to_owned());
        rest = next;
    }
    found
}

/// Files below a folder, and whole paths.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Reader for Folder {
    fn read(&self, path: &str) -> Result<String, String> {
        fs::read_to_string(self.0.join(path)).map_err(|error| error.to_string())
    }
}
