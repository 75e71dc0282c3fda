use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_adapters::{Adapted, Format, PackageFiles, Refused, umbrel};
use hearth_model::StoreId;
use hearth_model::api::store::RefusedPackage;

use crate::catalog::Entry;
use crate::catalog::folder::{MAX_FILE_BYTES, MAX_FILES, MAX_ICON_BYTES, MAX_PACKAGES, read_text};
use crate::db::packages::Icon;

/// Packages by their id, and those that are refused.
type Packages = (BTreeMap<String, Arc<Entry>>, Vec<RefusedPackage>);

/// Tells in which other store's format a folder's packages are; `None` for Hearth's own, and for an empty folder.
pub fn format(store: &Path) -> Option<Format> {
    let found = Format::ALL.into_iter().flat_map(|format| {
        let dir = format.packages_dir();
        folders(&store.join(dir)).into_iter().filter_map(move |path| {
            let name = path.file_name()?.to_str()?.to_owned();
            let below = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            path.join(format.marker()).is_file().then(|| format!("{below}/{}", format.marker()))
        })
    });
    hearth_adapters::detect(found.collect::<Vec<String>>().iter().map(String::as_str))
}

/// Returns the folders of a store's packages.
pub fn package_folders(store: &Path, format: Format) -> Vec<PathBuf> {
    let mut found = folders(&store.join(format.packages_dir()));
    found.retain(|path| path.join(format.marker()).is_file());
    found.truncate(MAX_PACKAGES);
    found
}

/// Returns what the ids of a store's packages begin with; `None` where they may be any.
///
/// # Errors
/// When the store says it in a file that cannot be read.
pub fn prefix(store: &Path, format: Format) -> Result<Option<String>, String> {
    let path = store.join(umbrel::STORE);
    if format != Format::Umbrel || path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let text = read_text(&path, MAX_FILE_BYTES)?;
    umbrel::store_prefix(&text).map_err(|problem| problem.to_string())
}

/// Reads a package of a store with this [`prefix`].
///
/// # Errors
/// Why it is not taken.
pub fn read_package(
    format: Format,
    files: &PackageFiles,
    store: &StoreId,
    prefix: Option<&str>,
) -> Result<Adapted, Refused> {
    let adapted = hearth_adapters::read(format, files, store)?;
    prefix.map_or(Ok(()), |prefix| umbrel::check_prefix(&adapted.package, prefix))?;
    Ok(adapted)
}

/// Reads every package of a store. One that its store does not offer any more is left out.
///
/// # Errors
/// Says why a package's folder cannot be listed.
pub(crate) fn read_all(store: &Path, format: Format, id: &StoreId) -> Result<Packages, String> {
    let mut packages = BTreeMap::new();
    let mut refused = Vec::new();
    let prefix = prefix(store, format)?;
    for path in package_folders(store, format) {
        let files = files(&path)?;
        match read_package(format, &files, id, prefix.as_deref()) {
            Ok(adapted) if adapted.disabled => {}
            Ok(adapted) => {
                let icon = adapted.icon.as_deref().and_then(|icon| icon_of(&files, icon));
                let entry = Entry::new(adapted.package, icon);
                packages.insert(entry.package.manifest.id.to_string(), Arc::new(entry));
            }
            Err(problem) => {
                refused.push(RefusedPackage { package: files.folder, reason: problem.to_string() });
            }
        }
    }
    Ok((packages, refused))
}

/// Reads the files of one package: bounded, and symbolic links are not followed, so nothing outside it is read.
///
/// # Errors
/// Says which folder or file cannot be read.
pub fn files(package: &Path) -> Result<PackageFiles, String> {
    let mut found = PackageFiles {
        folder: package.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        files: BTreeMap::new(),
    };
    let mut open = vec![package.to_owned()];
    while let Some(current) = open.pop() {
        let problem = |error: std::io::Error| format!("`{}` cannot be read: {error}", current.display());
        for entry in fs::read_dir(&current).map_err(problem)?.filter_map(Result::ok) {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && found.files.len() < MAX_FILES {
                let relative = path.strip_prefix(package).unwrap_or(&path).to_string_lossy().into_owned();
                let mut bytes = Vec::new();
                // One byte more than is taken, so that the adapter sees what is too large.
                let file = fs::File::open(&path).map_err(problem)?;
                file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(problem)?;
                found.files.insert(relative, bytes);
            }
        }
    }
    Ok(found)
}

/// Returns the folders in a folder, by name; none when it cannot be read. Links are not followed.
pub fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Returns an icon that lies in the package; one elsewhere is not fetched.
fn icon_of(files: &PackageFiles, path: &str) -> Option<Icon> {
    let bytes = files.files.get(path).filter(|bytes| bytes.len() as u64 <= MAX_ICON_BYTES)?;
    let content_type = match path.rsplit_once('.')?.1 {
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        _ => return None,
    };
    Some(Icon { bytes: bytes.clone(), content_type: content_type.to_owned() })
}
