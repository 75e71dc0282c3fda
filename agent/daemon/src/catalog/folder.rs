use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_model::StoreId;
use hearth_model::api::store::RefusedPackage;
use hearth_model::package::Package;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;

use crate::catalog::kept::Record;
use crate::catalog::{Entry, Store, foreign};
use crate::db::packages::Icon;
use crate::resolve;

/// Largest text file of a package, in bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Largest icon, in bytes.
pub(super) const MAX_ICON_BYTES: u64 = 512 * 1024;
/// Most files of a package besides its manifest, Compose file and icon.
pub(super) const MAX_FILES: usize = 200;
/// Most packages of a store.
pub(super) const MAX_PACKAGES: usize = 5_000;

/// `store.yml` beside `apps/`: what the store says of itself. Without it the folder's name is used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreFile {
    id: StoreId,
    name: String,
}

/// Returns the id of a store that does not say one: its folder's name, or `store`.
pub fn default_id(path: &Path) -> StoreId {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.to_lowercase().parse().ok())
        .unwrap_or_else(|| "store".parse().expect("a valid id"))
}

/// Reads a folder of packages: `<folder>/apps/<id>/`, or `<folder>/<id>/` where there is no `apps`.
///
/// A package that cannot be read is refused with its reason and does not stop the others.
///
/// # Errors
/// Says why the folder itself cannot be read.
pub fn read(folder: &Path, default_id: &StoreId, name: Option<&str>) -> Result<Store, String> {
    let about =
        match read_text(&folder.join("store.yml"), MAX_FILE_BYTES) {
            Ok(text) => Some(serde_saphyr::from_str::<StoreFile>(&text).map_err(|error| {
                format!("`{}` does not read: {error}", folder.join("store.yml").display())
            })?),
            Err(_) => None,
        };
    let (id, own_name) = match about {
        Some(about) => (about.id, about.name),
        None => (default_id.clone(), default_id.to_string()),
    };
    if let Some(format) = foreign::format(folder) {
        let (packages, refused) = foreign::read_all(folder, format, &id)?;
        return Ok(Store {
            id,
            name: name.map_or(own_name, str::to_owned),
            location: folder.display().to_string(),
            built_in: false,
            packages,
            refused,
            record: Record::default(),
        });
    }
    let mut folders = package_folders(folder)?;
    folders.truncate(MAX_PACKAGES);

    let mut packages = BTreeMap::new();
    let mut refused = Vec::new();
    for path in folders {
        let package = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match read_package(&path, &id) {
            Ok(entry) => {
                packages.insert(package, Arc::new(entry));
            }
            Err(reason) => refused.push(RefusedPackage { package, reason }),
        }
    }
    Ok(Store {
        id,
        name: name.map_or(own_name, str::to_owned),
        location: folder.display().to_string(),
        built_in: false,
        packages,
        refused,
        record: Record::default(),
    })
}

/// Tells whether a folder has packages of ours.
pub fn has_packages(folder: &Path) -> bool {
    package_folders(folder).is_ok_and(|folders| !folders.is_empty())
}

fn package_folders(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let apps = if folder.join("apps").is_dir() { folder.join("apps") } else { folder.to_owned() };
    let mut folders: Vec<PathBuf> = fs::read_dir(&apps)
        .map_err(|error| format!("the store folder `{}` cannot be read: {error}", apps.display()))?
        .filter_map(Result::ok)
        // A link would lead out of the store.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .filter(|path| path.join("app.yml").symlink_metadata().is_ok())
        .collect();
    folders.sort();
    Ok(folders)
}

/// Reads one package and resolves it once with made-up answers, so that a broken one is refused before anyone wants it.
pub fn read_package(folder: &Path, store: &StoreId) -> Result<Entry, String> {
    let manifest_path = folder.join("app.yml");
    let text = read_text(&manifest_path, MAX_FILE_BYTES)?;
    let manifest =
        hearth_compose::parse_manifest(&text, "app.yml").map_err(|problems| problems.to_string())?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if manifest.id.as_str() != name {
        return Err(format!(
            "app.yml says `id: {}` and stands in the folder `{name}`; they must be equal",
            manifest.id
        ));
    }
    let compose = read_text(&folder.join("compose.yml"), MAX_FILE_BYTES)?;
    let package = Package {
        store: store.clone(),
        manifest,
        compose,
        files: read_files(folder)?,
        binary_files: BTreeMap::new(),
        conventions: Default::default(),
    };
    resolve::rehearse(&package).map_err(|reason| reason.message)?;
    Ok(Entry::new(package, read_icon(folder)?))
}

fn read_icon(folder: &Path) -> Result<Option<Icon>, String> {
    for (name, content_type) in [("icon.svg", "image/svg+xml"), ("icon.png", "image/png")] {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            let bytes = read_bytes(&path, MAX_ICON_BYTES)?;
            return Ok(Some(Icon { bytes, content_type: content_type.to_owned() }));
        }
    }
    Ok(None)
}

/// Reads every other text file of the package; symbolic links are not followed, so nothing outside it is read.
fn read_files(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        let entries = fs::read_dir(&current).map_err(|error| format!("`{}`: {error}", current.display()))?;
        for entry in entries.filter_map(Result::ok) {
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            let relative = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && !is_own(&relative) {
                files.insert(relative, read_text(&path, MAX_FILE_BYTES)?);
            }
            if files.len() > MAX_FILES {
                return Err(format!("the package has more than {MAX_FILES} files"));
            }
        }
    }
    Ok(files)
}

/// Tells whether a file is read for itself and is not one of the package's seeds.
fn is_own(relative: &str) -> bool {
    matches!(relative, "app.yml" | "compose.yml" | "icon.svg" | "icon.png" | "README.md")
}

/// Reads a file of a store. A link is refused: it could name any file that the agent, which is root, may read.
fn read_bytes(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let problem = |error: std::io::Error| match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::LOOP) => format!(
            "`{}` is a symbolic link; the files of a package must lie in its own folder",
            path.display()
        ),
        _ => format!("`{}` cannot be read: {error}", path.display()),
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| problem(error.into()))?;
    let mut bytes = Vec::new();
    fs::File::from(file).take(limit + 1).read_to_end(&mut bytes).map_err(problem)?;
    if bytes.len() as u64 > limit {
        return Err(format!("`{}` is larger than {limit} bytes", path.display()));
    }
    Ok(bytes)
}

/// Reads a text file of a store, which is no link and has at most `limit` bytes.
///
/// # Errors
/// Names the file and what is wrong with it.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, String> {
    String::from_utf8(read_bytes(path, limit)?).map_err(|error| {
        format!("`{}` is not UTF-8 text (byte {})", path.display(), error.utf8_error().valid_up_to())
    })
}
