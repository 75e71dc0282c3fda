use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use hearth_adapters::umbrel::installation::{self, Installation, Settings};
use hearth_adapters::{Format, PackageFiles};
use hearth_host::data::look::{self, Measure};
use hearth_model::{AppId, Chain};

use crate::catalog::folder::MAX_FILE_BYTES;

/// Largest record of a box, in bytes.
const MAX_RECORD_BYTES: u64 = 16 * 1024 * 1024;

/// The data folder of an umbrelOS box. It is only read.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its path, without links.
    pub(super) folder: PathBuf,
    pub(super) installed: Installation,
    /// What its apps derive their secrets from.
    pub(super) seed: String,
}

/// The folder of one app.
#[derive(Debug, Clone)]
pub(super) struct SourceApp {
    pub(super) folder: PathBuf,
    pub(super) measure: Measure,
    pub(super) settings: Settings,
    /// The files of its package, at the version that is installed there.
    pub(super) package: PackageFiles,
}

impl Source {
    /// Opens a data folder.
    ///
    /// # Errors
    /// Says what is missing, for the owner.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        let name = folder.display();
        let folder = fs::canonicalize(folder)
            .map_err(|error| format!("the folder {name} cannot be opened: {error}"))?;
        let mut installed = None;
        for record in installation::RECORDS {
            if let Some(text) = text(&folder, record, MAX_RECORD_BYTES)? {
                let read = installation::installation(&text, record).map_err(|error| error.to_string())?;
                installed = Some(read);
                break;
            }
        }
        let Some(installed) = installed else {
            return Err(format!(
                "{name} is no data folder of umbrelOS: it holds neither {}; that folder is /home/umbrel/umbrel on a \
                 device, and mostly ~/umbrel elsewhere",
                installation::RECORDS.join(" nor ")
            ));
        };
        let seed = text(&folder, installation::SEED, MAX_FILE_BYTES)?.as_deref().and_then(installation::seed);
        let seed = seed.ok_or_else(|| {
            format!(
                "{name} has no seed in {}: without it the apps' passwords cannot be told, and they would not open their data",
                installation::SEED
            )
        })?;
        Ok(Self { folder, installed, seed })
    }

    /// Reads an app's folder.
    ///
    /// # Errors
    /// Why it cannot be taken, for the owner.
    pub(super) fn app(&self, app: &AppId) -> Result<SourceApp, String> {
        let folder = self.plain_folder(&format!("{}/{app}", installation::APPS))?.ok_or_else(|| {
            format!("it has no folder {}/{app}, although it is installed there", installation::APPS)
        })?;
        let measure = look::measure(&folder).map_err(|error| Chain(&error).to_string())?;
        let settings = match text(&folder, installation::SETTINGS, MAX_FILE_BYTES)? {
            Some(text) => installation::settings(&text).map_err(|error| error.to_string())?,
            None => Settings::default(),
        };
        let package = package(&folder, app)?;
        Ok(SourceApp { folder, measure, settings, package })
    }

    /// Returns the folders of files that apps share, relative to this one, with their size; empty ones are left out.
    ///
    /// # Errors
    /// Why one cannot be taken.
    pub(super) fn shared(&self) -> Result<Vec<(String, u64)>, String> {
        let mut found = Vec::new();
        for name in installation::SHARED {
            let Some(folder) = self.plain_folder(name)? else { continue };
            let is_empty = fs::read_dir(&folder)
                .map_err(|error| format!("{} cannot be read: {error}", folder.display()))?
                .next()
                .is_none();
            if !is_empty {
                let measure = look::measure(&folder).map_err(|error| Chain(&error).to_string())?;
                found.push((name.to_owned(), measure.size_bytes));
            }
        }
        Ok(found)
    }

    /// Returns a folder below; `None` when there is none. A link on the way to it is refused.
    fn plain_folder(&self, relative: &str) -> Result<Option<PathBuf>, String> {
        let mut path = self.folder.clone();
        for part in Path::new(relative) {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(there) if there.is_dir() => {}
                Ok(there) if there.is_symlink() => {
                    let aim = fs::read_link(&path).unwrap_or_default();
                    return Err(format!(
                        "{} is a link to {}, which is not followed: put the folder itself in its place",
                        path.display(),
                        aim.display()
                    ));
                }
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
            }
        }
        Ok(Some(path))
    }
}

/// Reads the files of an installed app's package out of its folder.
fn package(folder: &Path, app: &AppId) -> Result<PackageFiles, String> {
    let names = |below: &str| -> Vec<String> {
        let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
        let entries = fs::read_dir(folder.join(below)).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| format!("{prefix}{}", entry.file_name().to_string_lossy())).collect()
    };
    let mut files = BTreeMap::new();
    for path in names("").into_iter().chain(names("hooks")).filter(|path| installation::is_of_package(path)) {
        if let Some(text) = text(folder, &path, MAX_FILE_BYTES)? {
            files.insert(path, text.into_bytes());
        }
    }
    if !files.contains_key(Format::Umbrel.marker()) {
        return Err(format!("its folder has no {}: it was not installed whole", Format::Umbrel.marker()));
    }
    Ok(PackageFiles { folder: app.to_string(), files })
}

fn text(folder: &Path, relative: &str, max_bytes: u64) -> Result<Option<String>, String> {
    look::text_below(folder, Path::new(relative), max_bytes).map_err(|error| Chain(&error).to_string())
}
