use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use hearth_model::id::AppId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data::error::Error;
use crate::data::sync_dir;

/// The folder of the marker, in the app's folder.
pub(super) const HEARTH_FOLDER: &str = ".hearth";

/// Holds, in the marker's folder, what was there before a copy was put back file by file.
pub(super) const REPLACED_FOLDER: &str = "replaced";

/// What `.hearth/app.json` says. It lies in the app's folder, and in every copy of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    /// Whose folder it is.
    pub(super) app: AppId,
    /// When the folder was made.
    pub(super) made_at: Timestamp,
    /// Whether the folder came from another box and is not an installed app's yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) arriving: bool,
    /// The copy that this is, or that was put back here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) snapshot: Option<SnapshotMarker>,
    /// The copy that is being put back here file by file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restoring: Option<Restoring>,
}

/// How far a copy is that is being put back file by file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Restoring {
    /// Name of the copy.
    pub(super) snapshot: String,
    /// Whether all that was there is out of the way, and files of the copy may be here already.
    pub(super) is_emptied: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SnapshotMarker {
    pub(super) name: String,
    pub(super) at: Timestamp,
}

impl Marker {
    pub(super) fn new(app: &AppId) -> Self {
        Self { app: app.clone(), made_at: Timestamp::now(), arriving: false, snapshot: None, restoring: None }
    }

    /// Reads the marker of a folder; `None` when the folder, or its marker, is not there.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let path = file(dir);
        match fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).map(Some).map_err(|source| Error::Marker { path, source })
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(Error::at("read", &path)(error)),
        }
    }

    /// Writes the marker of a folder; it is there as a whole or not at all.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Error> {
        let path = file(dir);
        let parent = dir.join(HEARTH_FOLDER);
        fs::create_dir_all(&parent).map_err(Error::at("make the folder", &parent))?;
        let new = parent.join("app.json.new");
        let text = serde_json::to_vec_pretty(self).expect("a marker is plain data");
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written.map_err(Error::at("write", &new))?;
        fs::rename(&new, &path).map_err(Error::at("rename", &new))?;
        sync_dir(&parent)?;
        sync_dir(dir)
    }
}

fn file(dir: &Path) -> PathBuf {
    dir.join(HEARTH_FOLDER).join("app.json")
}
