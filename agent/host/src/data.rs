/// Paths that must not lead out of an app's folder.
mod beneath;
/// Subvolumes and snapshots of btrfs.
mod btrfs;
/// A copy of a folder with everything that belongs to it.
mod copy;
/// Deletion of a folder with everything in it.
mod delete;
/// What can go wrong.
mod error;
/// Files and folders of a package.
mod files;
/// Folders that come from another box.
mod import;
/// What a copy lacks.
mod left_out;
/// Files below a folder that is not trusted.
pub mod look;
/// What tells an app's folder from any other.
mod marker;
/// What is mounted where.
mod mounts;
/// Snapshots of subvolumes with the subvolumes inside them.
mod nested;
/// The way back for a folder that something is mounted in.
mod put_back;
/// Copies of an app's folder, and the way back.
mod snapshots;
/// What is being deleted.
mod trash;
/// Data of volumes that comes into the app's folder.
mod volumes;

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hearth_model::container::{ContainerSpec, Mount};
use hearth_model::id::AppId;
use hearth_model::observed::DataState;
use hearth_model::plan::DataStep;
use hearth_model::spec::VolumeSpec;

pub use copy::{Borders, Watch};
pub use delete::delete_tree;
pub use error::Error;
pub use left_out::{LeftOut, Lost};
use marker::Marker;
pub use mounts::MountPoint;
pub use trash::Trashed;

/// Folders of apps below one state folder:
///
/// ```text
/// <state>/apps/<app>/               the app's data; a subvolume where the file system is btrfs
/// <state>/apps/<app>/.hearth/       the marker: Hearth made this folder, for this app
/// <state>/snapshots/<app>/<name>/   copies of it
/// <state>/trash/                    what is being deleted
/// <state>/library/                  files that apps share, as packages of other stores expect
/// ```
///
/// Every call may be repeated, and may be cut off at any instant: what is half made has a name that nothing looks at,
/// and is made anew. Calls for one app must not run at the same time; the trash may be emptied at any time.
///
/// No call crosses a mount, nor moves a folder that holds one: what lies on another mount, be it a disk or a bind mount
/// of the same one, is never copied, moved or deleted unless [`Borders::Cross`] says so. A folder that is deleted is
/// walked by open folders, and the kernel itself refuses to enter a mount, so one that came meanwhile is kept too. A
/// subvolume of btrfs is no mount: it belongs to the app whose folder it lies in.
#[derive(Debug, Clone)]
pub struct AppData {
    apps: PathBuf,
    snapshots: PathBuf,
    trash: PathBuf,
    library: PathBuf,
}

impl AppData {
    /// Makes the folders below `state_dir` if they are not there.
    pub fn new(state_dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(state_dir).map_err(Error::at("make the folder", state_dir))?;
        // Without links, so that paths can be compared with what packages name.
        let state = fs::canonicalize(state_dir).map_err(Error::at("find", state_dir))?;
        let data = Self {
            apps: state.join("apps"),
            snapshots: state.join("snapshots"),
            trash: state.join("trash"),
            library: state.join("library"),
        };
        for dir in [&data.apps, &data.snapshots, &data.trash] {
            fs::create_dir_all(dir).map_err(Error::at("make the folder", dir))?;
        }
        Ok(data)
    }

    /// Returns the state folder without links in its path.
    pub fn state_dir(&self) -> &Path {
        self.apps.parent().unwrap_or(&self.apps)
    }

    /// Returns the absolute path of an app's folder, whether it is there or not.
    pub fn path(&self, app: &AppId) -> PathBuf {
        self.apps.join(app.as_str())
    }

    /// Does a step on an app's folder. Returns what a copy lacks that the step made or put back.
    pub fn execute(&self, step: &DataStep) -> Result<Vec<LeftOut>, Error> {
        match step {
            DataStep::CreateData { app } => self.create(app)?,
            DataStep::WriteFiles { app, folders, files } => self.write_files(app, folders, files)?,
            DataStep::SnapshotData { app, name } => return self.snapshot(app, name),
            DataStep::RestoreData { app, name } => return self.restore(app, name),
            DataStep::RemoveSnapshot { app, name } => self.remove_snapshot(app, name)?,
            DataStep::RemoveData { app } => self.remove(app)?,
            DataStep::KeepVolumes { app, service, container: _, started_at, volumes } => {
                return self.keep_volumes(app, service, *started_at, volumes);
            }
        }
        Ok(Vec::new())
    }

    /// Returns what is mounted in the app's folder, or at it.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn mounts(&self, app: &AppId) -> Result<Vec<MountPoint>, Error> {
        mounts::below(&self.path(app))
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

    /// Checks what a container mounts: everything must be there, for the engine would make a folder of whatever is missing,
    /// also of a file, and anywhere on the host. Only folders of the library, which all apps share, are made here; those of
    /// the app's own folder were made with its files.
    ///
    /// A link in the app's folder, mounted by itself or through one of the app's `volumes`, that leads out of the folder is
    /// refused, since the app's own programs, or its package, may have put it there to get
    /// at the rest of the host. Where the app cannot replace a source, no link at all is taken: an earlier version of the
    /// app may have put one there that leads into a folder which it still writes to.
    ///
    /// To be called right before the container is created and before it is started: the engine follows links itself.
    pub fn check_mounts(
        &self,
        app: &AppId,
        container: &ContainerSpec,
        volumes: &BTreeMap<String, VolumeSpec>,
    ) -> Result<(), Error> {
        let dir = self.path(app);
        for mount in &container.mounts {
            if let Some(path) = mount.host_path(volumes).map(PathBuf::from)
                && path.starts_with(&dir)
            {
                match mount.beneath() {
                    Some(_) => beneath::check(&dir, &path)?,
                    None => beneath::check_without_links(&dir, &path)?,
                }
            }
            let Mount::Bind { source, create_host_path, .. } = mount else { continue };
            let source = Path::new(source);
            let is_own = source.starts_with(&dir);
            if !is_own && *create_host_path && source.starts_with(&self.library) {
                self.make_library_folder(source)?;
            }
            match fs::metadata(source) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(Error::MountMissing { path: source.to_owned(), is_own });
                }
                Err(error) => return Err(Error::at("look at", source)(error)),
            }
        }
        self.check_volumes(app)
    }

    /// Checks a path below the app's folder in the same way: the folder of a volume, for example.
    pub fn check_path(&self, app: &AppId, path: &Path) -> Result<(), Error> {
        beneath::check(&self.path(app), path)
    }

    fn make_library_folder(&self, path: &Path) -> Result<(), Error> {
        fs::create_dir_all(&self.library).map_err(Error::at("make the folder", &self.library))?;
        let root = beneath::Root::open(&self.library)?;
        let relative = root.relative(path)?;
        if !root.is_file(relative)? {
            let owner = beneath::Owner { uid: 0, gid: 0, mode: 0o755 };
            root.make_folder(relative, owner.or_own())?;
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

/// Deletes a folder of ours that is half made.
fn delete(path: &Path) -> Result<(), Error> {
    delete_tree(path, &|| true)
}

/// Returns a name as the kernel takes it.
fn c_name(name: &OsStr, path: &Path) -> Result<CString, Error> {
    CString::new(name.as_bytes()).map_err(|error| Error::at("open", path)(error.into()))
}

/// Renames, and makes sure that the new name is on the disk.
fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    rustix::fs::rename(from, to).map_err(|errno| Error::renaming(from, to, errno))?;
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
