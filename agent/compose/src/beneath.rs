use std::collections::{BTreeMap, BTreeSet};

use hearth_model::AppSpec;
use hearth_model::container::{Beneath, Mount};
use hearth_model::id::{Digest, ServiceName};
use hearth_model::spec::VolumeSpec;

use crate::path;

/// Folders in which somebody else than the owner may exchange what a mount of an app names.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// The app's own folder, absolute.
    pub app_dir: &'a str,
    /// The folder that holds the apps' folders, absolute.
    pub apps_dir: &'a str,
    /// Whether the package has scripts, which may change everything in the app's folder while the app runs.
    pub has_scripts: bool,
}

/// Notes for each mount of an app whether a container may put a link in the place of its source, and gives it then a
/// [path beneath](Beneath) a folder that nobody can replace.
///
/// The engine looks a path up by itself at each start, also when it restarts a container without Hearth, and it follows
/// links: an app that may write to a folder above a source of its own would get any folder of the host. The same holds for
/// sources in the folder of another app, which that app may change. All other mounts stay as they are, so that containers
/// of earlier versions are not made anew.
pub fn resolve_beneath(spec: &mut AppSpec, folders: &Folders<'_>) {
    let mut writable: BTreeSet<String> = spec
        .services
        .values()
        .flat_map(|service| &service.container.mounts)
        .filter(|mount| !is_read_only(mount))
        .filter_map(|mount| mount.host_path(&spec.volumes))
        .map(|path| path::clean(&path))
        // Who may write to the whole host needs no link.
        .filter(|path| path != "/")
        .collect();
    if folders.has_scripts {
        writable.insert(folders.app_dir.to_owned());
    }
    let mut bases = BTreeMap::new();
    let AppSpec { app, services, volumes, .. } = spec;
    for mount in services.values_mut().flat_map(|service| &mut service.container.mounts) {
        let base =
            mount.host_path(volumes).and_then(|source| base_of(&path::clean(&source), &writable, folders));
        if let Some((base, inside)) = base
            && let Mount::Bind { beneath, .. } | Mount::Volume { beneath, .. } = mount
        {
            // A dot stands in no name of an app and in none that begins with an app's and `_`.
            let volume = if base == folders.app_dir {
                format!("{app}.folder")
            } else {
                format!("{app}.folder.{}", Digest::of(base.as_bytes()).short())
            };
            *beneath = Some(Beneath { volume: volume.clone(), subpath: inside });
            bases.insert(volume, base);
        }
    }
    volumes.extend(bases.into_iter().map(|(name, folder)| {
        (name, VolumeSpec { folder: Some(folder), is_base: true, ..VolumeSpec::default() })
    }));
    // Each round reaches one service further.
    while copy_mounts_of_others(spec) {}
}

/// Returns the folder beneath which a path has to be resolved, and the path beneath it; `None` when nobody can replace
/// the path.
fn base_of(path: &str, writable: &BTreeSet<String>, folders: &Folders<'_>) -> Option<(String, String)> {
    let split = |base: &str| {
        let inside = path::below(path, base).filter(|inside| !inside.is_empty())?;
        Some((base.to_owned(), inside.to_owned()))
    };
    // A set is sorted, so that the first folder above is the highest one, which nobody can replace.
    let highest = writable.iter().find_map(|folder| split(folder));
    if path::below(path, folders.app_dir).is_some() {
        // The whole folder, so that links within it go on leading where they lead.
        return highest.and_then(|_| split(folders.app_dir));
    }
    if let Some(inside) = path::below(path, folders.apps_dir) {
        let other = inside.split('/').next().filter(|other| !other.is_empty())?;
        return split(&format!("{}/{other}", folders.apps_dir));
    }
    highest
}

/// Gives services with `volumes_from` those mounts of the other service that have a path beneath as their own: the engine
/// would copy them, and nobody would know that it follows links there. Tells whether there were any.
fn copy_mounts_of_others(spec: &mut AppSpec) -> bool {
    let by_service: BTreeMap<ServiceName, Vec<Mount>> = spec
        .services
        .iter()
        .map(|(name, service)| (name.clone(), service.container.mounts.clone()))
        .collect();
    let mut has_copied = false;
    for service in spec.services.values_mut() {
        let container = &mut service.container;
        for from in &container.volumes_from {
            let others = by_service.get(&from.service).into_iter().flatten();
            for mount in others.filter(|mount| mount.beneath().is_some()) {
                if container.mounts.iter().any(|own| own.target() == mount.target()) {
                    continue;
                }
                let mut copy = mount.clone();
                if let Mount::Bind { read_only, .. } | Mount::Volume { read_only, .. } = &mut copy {
                    *read_only |= from.read_only;
                }
                container.mounts.push(copy);
                has_copied = true;
            }
        }
    }
    has_copied
}

fn is_read_only(mount: &Mount) -> bool {
    match mount {
        Mount::Bind { read_only, .. } | Mount::Volume { read_only, .. } => *read_only,
        Mount::Tmpfs { .. } => true,
    }
}

#[cfg(test)]
mod tests;
