use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearth_compose::{MemoryFiles, Reader};
use hearth_host::data::AppData;
use hearth_model::package::Package;
use hearth_model::spec::FileSpec;
use hearth_model::{AppId, AppSpec};

/// Rights of files, and of those among them that are run.
const FILE_MODE: u32 = 0o644;
const SCRIPT_MODE: u32 = 0o755;

/// The files of a package, and those that its scripts have made in the app's folder.
pub(super) struct PackageAndFolder<'a> {
    pub(super) package: &'a Package,
    /// The folder, for a package with scripts.
    pub(super) folder: Option<(&'a AppData, &'a AppId)>,
}

impl Reader for PackageAndFolder<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        let Some((data, app)) = self.folder else { return MemoryFiles(&self.package.files).read(path) };
        if path.starts_with('/') {
            return Err("it lies outside of the app's folder".to_owned());
        }
        match data.read_text(app, Path::new(path)) {
            Ok(Some(text)) => Ok(text),
            // What the package lacks its scripts make before the app starts, and then this is read again.
            Ok(None) => Ok(self.package.files.get(path).cloned().unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What scripts may still make is not there: a mount that is missing is a folder until one of them made a file of it.
    fn exists(&self, path: &str) -> bool {
        let in_folder = self.folder.is_some_and(|(data, app)| {
            !path.starts_with('/') && !matches!(data.read_text(app, Path::new(path)), Ok(None))
        });
        in_folder || MemoryFiles(&self.package.files).exists(path)
    }
}

/// Adds a package's files to what the app is made of, templates filled.
pub(super) fn add(
    spec: &mut AppSpec,
    package: &Package,
    app_dir: &str,
    variables: &BTreeMap<String, String>,
) {
    let conventions = &package.conventions;
    for (path, text) in &package.files {
        let seed = !hearth_adapters::scripts::is_kept_equal(package, path);
        spec.files.entry(format!("{app_dir}/{path}")).or_insert(file(text.clone(), seed));
    }
    for (path, encoded) in &package.binary_files {
        // The adapter wrote it; what cannot be read is a package that somebody changed on the disk.
        let Ok(content) = STANDARD.decode(encoded) else { continue };
        let file = FileSpec { content, mode: FILE_MODE, uid: None, gid: None, seed: true };
        spec.files.entry(format!("{app_dir}/{path}")).or_insert(file);
    }
    for (from, to) in &conventions.templates {
        let Some(template) = package.files.get(from) else { continue };
        let text = hearth_adapters::templates::render(conventions.template_style, template, variables);
        let seed = conventions.template_style.is_filled_once();
        spec.files.insert(format!("{app_dir}/{to}"), file(text, seed));
    }
    let files = &spec.files;
    spec.folders.retain(|path, _| !files.contains_key(path));
    if let Some(owner) = conventions.data_owner {
        let files = spec.files.values_mut().map(|file| (&mut file.uid, &mut file.gid));
        let folders = spec.folders.values_mut().map(|folder| (&mut folder.uid, &mut folder.gid));
        for (uid, gid) in files.chain(folders) {
            uid.get_or_insert(owner.uid);
            gid.get_or_insert(owner.gid);
        }
    }
}

fn file(text: String, seed: bool) -> FileSpec {
    let mode = if text.starts_with("#!") { SCRIPT_MODE } else { FILE_MODE };
    FileSpec { content: text.into_bytes(), mode, uid: None, gid: None, seed }
}
