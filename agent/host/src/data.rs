/// Paths that must not lead out of an app's folder.
mod beneath;
/// Subvolumes and snapshots of btrfs.
mod btrfs;
/// A copy of a folder with everything that belongs to it.
mod copy;
/// What can go wrong.
mod error;
/// Files and folders of a package.
mod files;
/// Folders that come from another box.
mod import;
/// Files below a folder that is not trusted.
pub mod look;
/// What tells an app's folder from any other.
mod marker;
/// Copies of an app's folder, and the way back.
mod snapshots;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hearth_model::container::{ContainerSpec, Mount};
use hearth_model::id::AppId;
use hearth_model::observed::DataState;
use hearth_model::plan::Step;

pub use copy::Watch;
pub use error::Error;
use marker::Marker;

/// Folders of apps below one state folder:
///
/// ```text
/// <state>/apps/<app>/               the app's data; a subvolume where the file system is btrfs
/// <state>/apps/<app>/.hearth/       the marker: Hearth made this folder, for this app
/// <state>/snapshots/<app>/<name>/   copies of it
/// <state>/trash/                    what is being deleted
/// ```
///
/// Every call may be repeated, and may be cut off at any instant: what is half made has a name that nothing looks at,
/// and is made anew. Calls for one app must not run at the same time.
#[derive(Debug, Clone)]
pub struct AppData {
    apps: PathBuf,
    snapshots: PathBuf,
    trash: PathBuf,
}

impl AppData {
    /// Makes the folders below `state_dir` if they are not there.
    pub fn new(state_dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(state_dir).map_err(Error::at("make the folder", state_dir))?;
        // Without links, so that paths can be compared with what packages name.
        let state = fs::canonicalize(state_dir).map_err(Error::at("find", state_dir))?;
        let data =
            Self { apps: state.join("apps"), snapshots: state.join("snapshots"), trash: state.join("trash") };
        for dir in [&data.apps, &data.snapshots, &data.trash] {
            fs::create_dir_all(dir).map_err(Error::at("make the folder", dir))?;
        }
        Ok(data)
    }

    /// Returns the absolute path of an app's folder, whether it is there or not.
    pub fn path(&self, app: &AppId) -> PathBuf {
        self.apps.join(app.as_str())
    }

    /// Does a step on an app's folder; steps for the engine fail with [`Error::NotForTheHost`].
    pub fn execute(&self, step: &Step) -> Result<(), Error> {
        match step {
            Step::CreateData { app } => self.create(app),
            Step::WriteFiles { app, folders, files } => self.write_files(app, folders, files),
            Step::SnapshotData { app, name } => self.snapshot(app, name),
            Step::RestoreData { app, name } => self.restore(app, name),
            Step::RemoveSnapshot { app, name } => self.remove_snapshot(app, name),
            Step::RemoveData { app } => self.remove(app),
            _ => Err(Error::NotForTheHost { step: step.describe() }),
        }
    }

    /// Returns whether the app's folder is there. `created_before` is whether it was ever made, by Hearth's database:
    /// a folder that was, and is not there now, is [`DataState::Missing`], and nothing is made in its place.
    ///
    /// Fails when the folder cannot be read, which is never a reason to make a new one.
    pub fn state(&self, app: &AppId, created_before: bool) -> Result<DataState, Error> {
        Ok(match Marker::read(&self.path(app))? {
            Some(marker) if marker.app == *app => DataState::Present,
            _ if created_before => DataState::Missing,
            Some(_) => DataState::Missing,
            None => DataState::New,
        })
    }

    /// Makes the app's folder with its marker. What lies in a folder without a marker stays, and becomes the app's.
    pub fn create(&self, app: &AppId) -> Result<(), Error> {
        let dir = self.path(app);
        if Marker::read(&dir)?.is_some() {
            return Ok(());
        }
        if !exists(&dir)? {
            let made = self.apps.join(format!(".{app}.new"));
            delete(&made)?;
            new_folder(&made)?;
            Marker::new(app).write(&made)?;
            return rename(&made, &dir);
        }
        Marker::new(app).write(&dir)
    }

    /// Deletes the app's folder and its snapshots for good. Both disappear before anything is deleted, so that
    /// nothing half deleted is ever taken for the app's data.
    pub fn remove(&self, app: &AppId) -> Result<(), Error> {
        self.throw_away(&self.path(app), app.as_str())?;
        let snapshots = self.snapshots.join(app.as_str());
        if exists(&snapshots)? {
            for entry in fs::read_dir(&snapshots).map_err(Error::at("read", &snapshots))? {
                let entry = entry.map_err(Error::at("read", &snapshots))?;
                let name = format!("{app}.{}", entry.file_name().to_string_lossy());
                self.throw_away(&entry.path(), &name)?;
            }
            fs::remove_dir(&snapshots).map_err(Error::at("delete", &snapshots))?;
        }
        self.empty_trash()
    }

    /// Deletes what an earlier deletion, cut off, has left.
    pub fn empty_trash(&self) -> Result<(), Error> {
        for entry in fs::read_dir(&self.trash).map_err(Error::at("read", &self.trash))? {
            delete(&entry.map_err(Error::at("read", &self.trash))?.path())?;
        }
        Ok(())
    }

    /// Checks what a container mounts of the app's folder: a link in it that leads out of the folder is refused, since
    /// the app's own programs, or its package, may have put it there to get at the rest of the host.
    ///
    /// To be called right before the container is created and before it is started: the engine follows links itself.
    pub fn check_mounts(&self, app: &AppId, container: &ContainerSpec) -> Result<(), Error> {
        let dir = self.path(app);
        for mount in &container.mounts {
            if let Mount::Bind { source, .. } = mount
                && Path::new(source).starts_with(&dir)
            {
                beneath::check(&dir, Path::new(source))?;
            }
        }
        Ok(())
    }

    /// Checks a path below the app's folder in the same way: the folder of a volume, for example.
    pub fn check_path(&self, app: &AppId, path: &Path) -> Result<(), Error> {
        beneath::check(&self.path(app), path)
    }

    fn throw_away(&self, path: &Path, name: &str) -> Result<(), Error> {
        if !exists(path)? {
            return Ok(());
        }
        let free = (0_u32..).map(|number| self.trash.join(format!("{name}.{number}")));
        for target in free {
            if !exists(&target)? {
                return rename(path, &target);
            }
        }
        Ok(())
    }
}

/// Makes a folder: a subvolume where the file system is btrfs, so that copies of it cost nothing.
fn new_folder(path: &Path) -> Result<(), Error> {
    if btrfs::is_btrfs(path.parent().unwrap_or(path)) {
        btrfs::create_subvolume(path).map_err(Error::at("make the subvolume", path))?;
    } else {
        fs::create_dir(path).map_err(Error::at("make the folder", path))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(Error::at("set the rights of", path))
}

/// Deletes a folder with all that is in it, or a subvolume; what is not there is as it should be.
fn delete(path: &Path) -> Result<(), Error> {
    if !exists(path)? {
        return Ok(());
    }
    // A subvolume with others inside it cannot be deleted at once, but file by file.
    if btrfs::is_subvolume(path) && btrfs::delete_subvolume(path).is_ok() {
        return Ok(());
    }
    let is_dir = fs::symlink_metadata(path).map_err(Error::at("look at", path))?.is_dir();
    let deleted = if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    deleted.map_err(Error::at("delete", path))
}

/// Renames, and makes sure that the new name is on the disk.
fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::at("rename", from))?;
    sync_dir(to.parent().unwrap_or(to))
}

fn sync_dir(dir: &Path) -> Result<(), Error> {
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::at("write to the disk", dir))
}

/// Tells whether there is something of this name, a dangling link included.
fn exists(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::at("look at", path)(error)),
    }
}
