use std::path::Path;

use hearth_model::container::Mount;

use crate::error::Error;

/// Fails when something that is to be mounted is missing: some engines would make a folder in its place.
///
/// Links are followed here as the engine follows them; that a path of an app's folder does not lead out of it, and that what
/// may be made is made, is seen to before, by who knows the folder.
pub(super) fn check(mounts: &[Mount], doing: &str) -> Result<(), Error> {
    for mount in mounts {
        let Mount::Bind { source, .. } = mount else { continue };
        if std::fs::metadata(source).is_err() {
            return Err(Error::PathMissing { doing: doing.to_owned(), path: source.into() });
        }
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
