//! Mounts whose source an app can replace by a link.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::{Mount as EngineMount, MountType, MountVolumeOptions};
use hearth_model::container::{Beneath, ContainerSpec, Mount};
use hearth_model::id::AppId;
use serde_json::json;

use crate::engine::Engine;
use crate::error::Error;
use crate::http::{Failure, filters};
use crate::labels;
use crate::wire;

/// First version of the engine's API that resolves a path beneath a volume: Docker 26.
const SUBPATH_SINCE: (u32, u32) = (1, 45);
/// How often containers that start meanwhile are looked for.
const ROUNDS: usize = 50;
/// Time between these looks.
const ROUND: Duration = Duration::from_millis(50);

/// Tells whether an engine with this API version would follow a link that the app put in the place of a source. It must
/// then not restart the container by itself, and start it only while nothing of the app runs.
pub fn follows_links(container: &ContainerSpec, api_version: &str) -> bool {
    container.mounts.iter().any(|mount| mount.beneath().is_some() && !is_resolved(mount, api_version))
}

/// Tells whether the engine resolves the mount beneath its base. It has no words for a bind's propagation and SELinux label
/// there.
pub(super) fn is_resolved(mount: &Mount, api_version: &str) -> bool {
    match mount {
        _ if mount.beneath().is_none() || !knows_subpaths(api_version) => false,
        Mount::Bind { propagation, selinux, .. } => propagation.is_none() && selinux.is_none(),
        Mount::Volume { .. } | Mount::Tmpfs { .. } => true,
    }
}

/// Returns a volume of which a container mounts a part, where the engine has no words for that: it would pass over the word
/// that it does not know, and mount the whole volume.
pub(super) fn mounted_whole<'a>(
    container: &'a ContainerSpec,
    api_version: &str,
) -> Option<(&'a str, &'a str)> {
    if knows_subpaths(api_version) {
        return None;
    }
    container.mounts.iter().find_map(|mount| match mount {
        Mount::Volume { source, subpath: Some(subpath), .. } => Some((source.as_str(), subpath.as_str())),
        Mount::Volume { .. } | Mount::Bind { .. } | Mount::Tmpfs { .. } => None,
    })
}

fn knows_subpaths(api_version: &str) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let mut parts = api_version.split('.');
    (number(parts.next()), number(parts.next())) >= SUBPATH_SINCE
}

/// Returns the mounts of a container that the engine resolves beneath a base, given each base's folder.
///
/// The engine takes the folder alone and not the disks that are mounted in it, so each of those, of `mount_points` of this
/// host, is a mount of its own.
pub(super) fn resolved(
    container: &ContainerSpec,
    api_version: &str,
    bases: &BTreeMap<String, String>,
    mount_points: &[String],
) -> Vec<EngineMount> {
    let mut all = Vec::new();
    for mount in container.mounts.iter().filter(|mount| is_resolved(mount, api_version)) {
        let Some(Beneath { volume, subpath }) = mount.beneath() else { continue };
        all.extend(mount_beneath(mount, volume, subpath, mount.target()));
        let Some(source) = bases.get(volume).map(|folder| format!("{folder}/{subpath}/")) else { continue };
        for inside in mount_points.iter().filter_map(|point| point.strip_prefix(&source)) {
            let target = format!("{}/{inside}", mount.target().trim_end_matches('/'));
            all.extend(mount_beneath(mount, volume, &format!("{subpath}/{inside}"), &target));
        }
    }
    all
}

fn mount_beneath(mount: &Mount, volume: &str, subpath: &str, target: &str) -> Option<EngineMount> {
    let (read_only, no_copy) = match mount {
        Mount::Bind { read_only, .. } => (read_only, true),
        Mount::Volume { read_only, nocopy, .. } => (read_only, *nocopy),
        Mount::Tmpfs { .. } => return None,
    };
    Some(EngineMount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(target.to_owned()),
        read_only: Some(*read_only),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(no_copy),
            subpath: Some(subpath.to_owned()),
            ..MountVolumeOptions::default()
        }),
        ..EngineMount::default()
    })
}

/// Returns where file systems are mounted, from
/// [`/proc/self/mountinfo`](https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html).
fn mount_points(mountinfo: &str) -> Vec<String> {
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    // What would end the word stands there as three octal digits.
    let signs = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    points
        .map(|point| signs.iter().fold(point.to_owned(), |point, (octal, sign)| point.replace(octal, sign)))
        .collect()
}

impl Engine {
    /// Returns the mounts of a container that this engine resolves beneath their bases.
    pub(super) async fn mounts_beneath(
        &self,
        container: &ContainerSpec,
        api_version: &str,
        doing: &str,
    ) -> Result<Vec<EngineMount>, Error> {
        let mut bases = BTreeMap::new();
        for mount in container.mounts.iter().filter(|mount| is_resolved(mount, api_version)) {
            let Some(Beneath { volume, .. }) = mount.beneath() else { continue };
            let found = self.find_volume(volume, doing).await?;
            if let Some(device) = found.and_then(|found| found.options.get("device").cloned()) {
                bases.insert(volume.clone(), device);
            }
        }
        if bases.is_empty() {
            return Ok(resolved(container, api_version, &bases, &[]));
        }
        let mountinfo = tokio::fs::read_to_string("/proc/self/mountinfo").await;
        let mountinfo = mountinfo.map_err(|source| Error::Folder {
            doing: doing.to_owned(),
            path: "/proc/self/mountinfo".into(),
            source,
        })?;
        Ok(resolved(container, api_version, &bases, &mount_points(&mountinfo)))
    }

    /// Pauses every container of an app but one, and returns the ids of those that it paused, for
    /// [`Engine::resume_containers`]. One that the engine is about to restart is stopped, as it would run meanwhile; a paused
    /// one cannot end and be restarted.
    ///
    /// Calls `paused` with each id before its container is paused.
    ///
    /// # Errors
    /// When the engine does not answer, or containers go on starting. What was paused stays so and is known to `paused`.
    pub async fn pause_others(
        &self,
        app: &AppId,
        name: &str,
        mut paused: impl FnMut(&str) -> std::io::Result<()> + Send,
    ) -> Result<Vec<String>, Error> {
        let doing = format!("pause the other containers of {app}");
        let mut ids: Vec<String> = Vec::new();
        for _ in 0..ROUNDS {
            let active = self.active_containers(app, name, &doing).await?;
            let mut is_still = true;
            for container in active {
                let id = container.id;
                match container.state.as_str() {
                    "running" => {
                        paused(&id).map_err(|source| Error::Folder {
                            doing: doing.clone(),
                            path: "paused".into(),
                            source,
                        })?;
                        ids.push(id.clone());
                        is_still = false;
                        self.pause(&id, &doing).await?;
                    }
                    "restarting" => {
                        is_still = false;
                        self.stop_restarting(&id, &doing).await?;
                    }
                    // Filtered by its state, and in another one by now.
                    _ => is_still = false,
                }
            }
            if is_still {
                return Ok(ids);
            }
            tokio::time::sleep(ROUND).await;
        }
        Err(Error::Refused { doing, answer: "its containers do not come to rest".to_owned() })
    }

    /// Resumes containers that [`Engine::pause_others`] paused; one that is gone or runs is as it should be.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn resume_containers(&self, ids: &[String]) -> Result<(), Error> {
        for id in ids {
            let resumed = self.inner.docker.unpause_container(id).await.map_err(Failure::from);
            self.inner.cache.forget(id);
            match resumed {
                Ok(()) => {}
                Err(Failure::Answered { .. }) => {}
                Err(failure) => return Err(self.error(failure, "resume a container")),
            }
        }
        Ok(())
    }

    async fn active_containers(
        &self,
        app: &AppId,
        but: &str,
        doing: &str,
    ) -> Result<Vec<wire::ContainerSummary>, Error> {
        let of_app =
            [format!("{}={}", labels::BOX, self.inner.options.box_id), format!("{}={app}", labels::APP)];
        let status = ["running", "restarting"];
        let path = format!(
            "/containers/json?all=1&filters={}",
            filters(&json!({ "label": of_app, "status": status }))
        );
        let mut found: Vec<wire::ContainerSummary> =
            self.get(&path).await.map_err(|failure| self.error(failure, doing))?;
        found.retain(|container| container.name() != Some(but));
        Ok(found)
    }

    async fn pause(&self, id: &str, doing: &str) -> Result<(), Error> {
        let paused = self.inner.docker.pause_container(id).await.map_err(Failure::from);
        self.inner.cache.forget(id);
        match paused {
            Ok(()) => Ok(()),
            // It ended meanwhile; the next look tells.
            Err(failure) if failure.is_not_found() || failure.is_conflict() => Ok(()),
            Err(failure) => Err(self.error(failure, doing)),
        }
    }

    async fn stop_restarting(&self, id: &str, doing: &str) -> Result<(), Error> {
        let stopped = self
            .inner
            .docker
            .stop_container(id, None::<bollard::query_parameters::StopContainerOptions>)
            .await
            .map_err(Failure::from);
        self.inner.cache.forget(id);
        match stopped {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_not_found() => Ok(()),
            Err(failure) => Err(self.error(failure, doing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_in_a_folder_is_mounted_with_it() {
        let mountinfo = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 8:2 / /state/apps/demo/data/my\\040films rw - ext4 /dev/sdb1 rw\n\
            3 1 8:3 / /state/apps/demo/database rw - ext4 /dev/sdc1 rw\n";
        let mount = Mount::Volume {
            source: "demo_data".to_owned(),
            target: "/d".to_owned(),
            read_only: true,
            nocopy: false,
            subpath: None,
            beneath: Some(Beneath { volume: "demo.folder".to_owned(), subpath: "data".to_owned() }),
        };
        let image = "busybox".parse().expect("valid");
        let container = ContainerSpec { mounts: vec![mount], ..ContainerSpec::new("demo-a-1", image) };
        let bases = BTreeMap::from([("demo.folder".to_owned(), "/state/apps/demo".to_owned())]);
        let mounts: Vec<(String, String)> = resolved(&container, "1.45", &bases, &mount_points(mountinfo))
            .into_iter()
            .map(|mount| {
                assert_eq!((mount.source.as_deref(), mount.read_only), (Some("demo.folder"), Some(true)));
                let subpath = mount.volume_options.and_then(|options| options.subpath);
                (mount.target.unwrap_or_default(), subpath.unwrap_or_default())
            })
            .collect();
        let expected = [("/d", "data"), ("/d/my films", "data/my films")];
        assert_eq!(mounts, expected.map(|(target, subpath)| (target.to_owned(), subpath.to_owned())));
    }

    #[test]
    fn only_an_engine_that_resolves_paths_restarts_by_itself() {
        let bind = |propagation: Option<&str>, is_replaceable: bool| Mount::Bind {
            source: "/state/apps/demo/data/x".to_owned(),
            target: "/x".to_owned(),
            read_only: false,
            create_host_path: true,
            propagation: propagation.map(str::to_owned),
            selinux: None,
            beneath: is_replaceable
                .then(|| Beneath { volume: "demo.folder".to_owned(), subpath: "data/x".to_owned() }),
        };
        let check = |mount: Mount, version: &str| {
            let image = "busybox".parse().expect("valid");
            let container = ContainerSpec { mounts: vec![mount], ..ContainerSpec::new("demo-a-1", image) };
            follows_links(&container, version)
        };
        for (version, follows) in
            [("1.41", true), ("1.44", true), ("", true), ("1.45", false), ("1.52", false), ("2.0", false)]
        {
            assert_eq!(check(bind(None, true), version), follows, "{version}");
            assert!(!check(bind(None, false), version), "{version}");
            assert!(check(bind(Some("rslave"), true), version), "{version}");
        }
    }
}
