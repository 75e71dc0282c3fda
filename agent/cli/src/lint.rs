use std::path::{Path, PathBuf};

use hearth_compose::{Diagnostic, Lint, Reader, Severity};
use hearth_model::package::Manifest;
use serde::Serialize;

use hearth_daemon::catalog::folder;

use super::error::{CliError, Exit};
use super::file;
use super::output::Output;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A package's folder, or a store's.
    folder: PathBuf,
}

#[derive(Debug, Serialize)]
struct Verdict {
    package: String,
    findings: Vec<Diagnostic>,
    /// What a store would refuse it for, when the findings do not say it.
    refused: Option<String>,
}

impl Verdict {
    fn is_right(&self) -> bool {
        self.refused.is_none() && !self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Checks packages as a store that reads them would, and for what the store's pages need.
pub(super) fn run(output: &Output, args: &Args) -> Result<(), CliError> {
    let verdicts: Vec<Verdict> = packages(&args.folder)?.iter().map(|path| judge(path)).collect();
    let wrong = verdicts.iter().filter(|verdict| !verdict.is_right()).count();
    output.value(&verdicts, |verdicts| {
        let mut text = String::new();
        for Verdict { package, findings, refused } in verdicts {
            for finding in findings {
                text.push_str(&format!("{package}: {finding}\n"));
            }
            if let Some(reason) = refused {
                text.push_str(&format!("{package}: {reason}\n"));
            }
        }
        text.push_str(&format!("{} of {} packages are right\n", verdicts.len() - wrong, verdicts.len()));
        text
    })?;
    if wrong > 0 {
        return Err(CliError::failed(format!("{wrong} of {} packages need attention", verdicts.len())));
    }
    Ok(())
}

fn judge(path: &Path) -> Verdict {
    let package = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let texts = file::read_text(&path.join("app.yml"))
        .and_then(|manifest| Ok((manifest, file::read_text(&path.join("compose.yml"))?)));
    let (manifest, compose) = match texts {
        Ok(texts) => texts,
        Err(error) => return Verdict { package, findings: Vec::new(), refused: Some(error.message) },
    };
    let reader = PackageFiles(path);
    let lint = Lint { folder: &package, manifest: &manifest, compose: &compose, reader: &reader };
    let findings = hearth_compose::lint(&lint);
    // What the findings say already is not said twice.
    let refused = if findings.has_errors() {
        None
    } else {
        folder::read_package(path, &folder::default_id(path.parent().unwrap_or(path))).err()
    };
    Verdict { findings: findings.iter().cloned().collect(), refused, package }
}

/// Files of one package; links that lead out of it lead nowhere.
struct PackageFiles<'a>(&'a Path);

impl Reader for PackageFiles<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        let inside = |path: PathBuf| Some(path.canonicalize().ok()?).filter(|path| path.starts_with(self.0));
        let path = inside(self.0.join(path)).ok_or_else(|| "the package has no such file".to_owned())?;
        file::read_text(&path).map_err(|error| error.message)
    }
}

pub(super) fn schema(output: &Output) -> Result<(), CliError> {
    let schema = schemars::schema_for!(Manifest);
    let text = serde_json::to_string_pretty(&schema);
    output.text(&text.map_err(|error| CliError::failed(format!("the schema cannot be written: {error}")))?)
}

/// Returns the real folders of packages: the folder itself, or those in its `apps`, or those in it.
fn packages(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    // A package's folder is called by its id, so `.` needs its real name.
    let folder = std::fs::canonicalize(folder).map_err(|error| cannot_read(folder, &error))?;
    if folder.join("app.yml").exists() {
        return Ok(vec![folder]);
    }
    let apps = folder.join("apps");
    let apps = if apps.is_dir() { apps } else { folder };
    let entries = std::fs::read_dir(&apps).map_err(|error| cannot_read(&apps, &error))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.is_dir() && !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
        })
        .collect();
    found.sort();
    if found.is_empty() {
        let message =
            format!("there is no package in {}; name a package's folder or a store's", apps.display());
        return Err(CliError::new(Exit::NotFound, message));
    }
    Ok(found)
}

fn cannot_read(folder: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Exit::NotFound, format!("the folder {} cannot be read: {error}", folder.display()))
}
