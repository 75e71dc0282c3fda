use std::path::Path;

use hearth_model::container::Mount;

use crate::error::Error;

/// Makes the missing folders that a package lets be made, and fails when any other is missing.
///
/// Links are followed here as the engine follows them; that a path of an app's folder does not lead out of it is
/// checked before, by who knows the folder.
pub(super) fn prepare(mounts: &[Mount], doing: &str) -> Result<(), Error> {
    for mount in mounts {
        let Mount::Bind { source, create_host_path, .. } = mount else { continue };
        let path = Path::new(source);
        if std::fs::metadata(path).is_ok() {
            continue;
        }
        if !create_host_path {
            return Err(Error::PathMissing { doing: doing.to_owned(), path: path.to_owned() });
        }
        make(path, doing)?;
    }
    Ok(())
}

/// Makes a folder and those above it, unless they are there.
pub(crate) fn make(path: &Path, doing: &str) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|source| Error::Folder {
        doing: doing.to_owned(),
        path: path.to_owned(),
        source,
    })
}
