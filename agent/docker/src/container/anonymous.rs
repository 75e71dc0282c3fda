use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use bollard::models::{Mount as EngineMount, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig};
use hearth_model::container::{ContainerSpec, Mount, VOLUMES_FOLDER, anonymous_volume_folder, is_one_off};
use hearth_model::id::AppId;

use crate::engine::Engine;
use crate::error::Error;
use crate::labels::ContainerLabels;
use crate::wire;

/// Something that a container keeps without a name for it.
#[derive(Debug, PartialEq, Eq)]
struct Anonymous {
    target: String,
    read_only: bool,
    no_copy: bool,
}

impl Engine {
    /// Makes the folders of a container's anonymous volumes, and returns what mounts them: the volumes that its Compose
    /// file gives a target only, and those that its image declares and nothing else is mounted at.
    ///
    /// Each is a bind mount of the local driver, as a named volume in the app's folder is. The engine copies the image's
    /// content into an empty one, and the data stays when the container goes, which would take a plain anonymous volume
    /// along. The container's spec, and with it its hash, knows nothing of them.
    pub(super) async fn anonymous_mounts(
        &self,
        labels: &ContainerLabels,
        spec: &ContainerSpec,
        doing: &str,
    ) -> Result<Vec<EngineMount>, Error> {
        if is_one_off(&spec.name) {
            // The service itself may be at work on the data meanwhile.
            return Ok(of_spec(spec).into_iter().map(|volume| mount(volume, None)).collect());
        }
        let declared = self.declared_volumes(spec).await?;
        // The engine asks the image last, after the mounts of other containers.
        let inherited = if declared.is_empty() {
            BTreeSet::new()
        } else {
            self.inherited_targets(&labels.app, spec, doing).await?
        };
        let folder_name = |target: &str| anonymous_volume_folder(&labels.service, target);
        let app_dir = self.inner.options.apps_dir.join(labels.app.as_str());
        let mut mounts = Vec::new();
        for volume in of_spec(spec).into_iter().chain(of_image(spec, &declared, &inherited, folder_name)) {
            let folder = make_folder(&app_dir, &folder_name(&volume.target), doing)?;
            mounts.push(mount(volume, Some(&folder)));
        }
        Ok(mounts)
    }

    async fn declared_volumes(&self, spec: &ContainerSpec) -> Result<BTreeSet<String>, Error> {
        let image = self.find_image(&spec.image).await?;
        Ok(image.map(|image| image.config.volumes.into_keys().collect()).unwrap_or_default())
    }

    /// Returns where the mounts of other containers appear in one that takes them over.
    async fn inherited_targets(
        &self,
        app: &AppId,
        spec: &ContainerSpec,
        doing: &str,
    ) -> Result<BTreeSet<String>, Error> {
        let mut targets = BTreeSet::new();
        for from in &spec.volumes_from {
            let id = self.container_of(app, &from.service, doing).await?;
            let path = format!("/containers/{id}/json");
            let other: wire::Container =
                self.get(&path).await.map_err(|failure| self.error(failure, doing))?;
            targets.extend(other.mounts.into_iter().map(|mount| mount.destination));
        }
        Ok(targets)
    }
}

fn of_spec(spec: &ContainerSpec) -> Vec<Anonymous> {
    let anonymous = spec.mounts.iter().filter_map(|mount| match mount {
        Mount::Volume { source, target, read_only, nocopy, subpath: _, beneath: _ } if source.is_empty() => {
            Some(Anonymous { target: target.clone(), read_only: *read_only, no_copy: *nocopy })
        }
        Mount::Volume { .. } | Mount::Bind { .. } | Mount::Tmpfs { .. } => None,
    });
    anonymous.collect()
}

/// Returns the volumes that an image declares where neither the spec nor another container mounts anything.
fn of_image(
    spec: &ContainerSpec,
    declared: &BTreeSet<String>,
    inherited: &BTreeSet<String>,
    folder_name: impl Fn(&str) -> String,
) -> Vec<Anonymous> {
    let mounted = spec.mounts.iter().map(Mount::target).chain(inherited.iter().map(String::as_str));
    let mut taken: BTreeSet<String> = mounted.map(&folder_name).collect();
    let free = declared.iter().filter(|target| taken.insert(folder_name(target)));
    free.map(|target| Anonymous { target: target.clone(), read_only: false, no_copy: false }).collect()
}

/// Returns what mounts a volume: one of the engine's own without a folder, which goes with its container.
fn mount(volume: Anonymous, folder: Option<&Path>) -> EngineMount {
    let Anonymous { target, read_only, no_copy } = volume;
    let driver_config = folder.map(|folder| MountVolumeOptionsDriverConfig {
        name: Some("local".to_owned()),
        options: Some(HashMap::from([
            ("type".to_owned(), "none".to_owned()),
            ("o".to_owned(), "bind".to_owned()),
            ("device".to_owned(), folder.to_string_lossy().into_owned()),
        ])),
    });
    EngineMount {
        typ: Some(MountType::VOLUME),
        target: Some(target),
        read_only: Some(read_only),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(no_copy),
            driver_config,
            ..MountVolumeOptions::default()
        }),
        ..EngineMount::default()
    }
}

/// Makes a folder for a volume below the app's own, which must be there: it may be on a disk that is away. A link on the
/// way is refused, for the engine would follow it to anywhere on the host.
fn make_folder(app_dir: &Path, name: &str, doing: &str) -> Result<PathBuf, Error> {
    let missing = || Error::PathMissing { doing: doing.to_owned(), path: app_dir.to_owned() };
    if !std::fs::symlink_metadata(app_dir).is_ok_and(|there| there.is_dir()) {
        return Err(missing());
    }
    let volumes = app_dir.join(VOLUMES_FOLDER);
    let folder = volumes.join(name);
    for path in [&volumes, &folder] {
        let made = match std::fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        };
        made.map_err(|source| Error::Folder { doing: doing.to_owned(), path: path.clone(), source })?;
        if !std::fs::symlink_metadata(path).is_ok_and(|there| there.is_dir()) {
            let answer = format!(
                "{} is a link or a file, and a folder for the app's data is expected there",
                path.display()
            );
            return Err(Error::Refused { doing: doing.to_owned(), answer });
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use hearth_model::ServiceName;

    use super::*;

    fn spec(mounts: Vec<Mount>) -> ContainerSpec {
        ContainerSpec { mounts, ..ContainerSpec::new("a", "a:1".parse().expect("valid")) }
    }

    fn free(mounts: Vec<Mount>, declared: &[&str], inherited: &[&str]) -> Vec<String> {
        let set = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let service: ServiceName = "web".parse().expect("valid");
        let name = |target: &str| anonymous_volume_folder(&service, target);
        let found = of_image(&spec(mounts), &set(declared), &set(inherited), name);
        found.into_iter().map(|volume| volume.target).collect()
    }

    #[test]
    fn what_is_mounted_at_the_same_place_takes_the_place_of_an_images_volume() {
        let tmpfs =
            Mount::Tmpfs { target: "/cache/".to_owned(), size_bytes: None, mode: None, options: None };
        let bind = Mount::Bind {
            source: "/apps/a/data".to_owned(),
            target: "/data".to_owned(),
            read_only: false,
            create_host_path: true,
            propagation: None,
            selinux: None,
            beneath: None,
        };
        let declared = ["/cache", "/data", "/data/sub", "/log", "/log/"];
        assert_eq!(free(vec![tmpfs, bind], &declared, &[]), ["/data/sub", "/log"]);
        assert_eq!(free(vec![], &["/data", "/log"], &["/data"]), ["/log"]);
    }

    #[test]
    fn a_link_on_the_way_to_a_folder_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let app = dir.path().join("app");
        assert!(matches!(make_folder(&app, "web@data", "x"), Err(Error::PathMissing { .. })));
        std::fs::create_dir_all(app.join("volumes")).expect("made");
        assert_eq!(make_folder(&app, "web@data", "x").expect("made"), app.join("volumes/web@data"));
        std::os::unix::fs::symlink("/etc", app.join("volumes/web@log")).expect("linked");
        assert!(matches!(make_folder(&app, "web@log", "x"), Err(Error::Refused { .. })));
    }
}
