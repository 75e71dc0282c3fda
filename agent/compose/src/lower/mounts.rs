use hearth_model::container::Mount;
use hearth_model::package::AccessKind;
use hearth_model::spec::FolderSpec;

use super::{Lowerer, numeric_user, whole_box};
use crate::path;
use crate::project::Service;
use crate::project::parts::ServiceVolume;
use crate::source::At;

/// A read-only mount of it tells a container the rules of time zones and nothing else.
const ZONES: &str = "/usr/share/zoneinfo";

/// Ends of the names of files that hold text: a path that has one of them on the host and in the container is no folder.
const FILE_ENDS: [&str; 15] = [
    ".cfg",
    ".cnf",
    ".conf",
    ".crt",
    ".env",
    ".ini",
    ".json",
    ".key",
    ".pem",
    ".properties",
    ".sh",
    ".toml",
    ".xml",
    ".yaml",
    ".yml",
];

/// Where the engine's socket is, by its names.
const SOCKETS: [&str; 2] = ["/run/docker.sock", "/var/run/docker.sock"];

impl Lowerer<'_> {
    pub(super) fn mounts(&mut self, name: &str, service: &Service) -> Vec<Mount> {
        let mut mounts: Vec<Mount> =
            service.volumes.iter().filter_map(|volume| self.mount(name, service, volume)).collect();
        for entry in &service.tmpfs {
            let (target, options) = entry.split_once(':').unwrap_or((entry, ""));
            let options = (!options.is_empty()).then(|| options.to_owned());
            mounts.push(Mount::Tmpfs { target: target.to_owned(), size_bytes: None, mode: None, options });
        }
        mounts.extend(self.file_mounts(name, service));
        let mut targets = std::collections::BTreeSet::new();
        for mount in &mounts {
            let target = mount.target();
            if !target.starts_with('/') {
                let message =
                    format!("`{target}` of the service `{name}` is not an absolute path in the container");
                self.problems.error(service.place("volumes"), message);
            } else if !targets.insert(path::clean(target)) {
                let message = format!("the service `{name}` mounts two things at `{target}`");
                self.problems.error(service.place("volumes"), message);
            }
        }
        mounts
    }

    fn mount(&mut self, name: &str, service: &Service, volume: &ServiceVolume) -> Option<Mount> {
        match volume.r#type.as_str() {
            "bind" => self.bind(name, service, volume),
            "volume" => Some(self.volume(name, volume)),
            "tmpfs" => {
                let tmpfs = volume.tmpfs.clone().unwrap_or_default();
                Some(Mount::Tmpfs {
                    target: volume.target.clone(),
                    size_bytes: tmpfs.size.as_u64().filter(|bytes| *bytes > 0),
                    mode: (tmpfs.mode != 0).then_some(tmpfs.mode),
                    options: volume.read_only.then(|| "ro".to_owned()),
                })
            }
            other => {
                let message =
                    format!("the volume type `{other}` is not supported; use bind, volume or tmpfs");
                self.problems.error(volume.at, message);
                None
            }
        }
    }

    fn volume(&mut self, name: &str, volume: &ServiceVolume) -> Mount {
        let options = volume.volume.clone().unwrap_or_default();
        let source = match self.project.volumes.get(&volume.source) {
            None => String::new(),
            Some(declared) => {
                self.note_volume(name, declared, volume.read_only);
                self.volume_name(&volume.source, declared)
            }
        };
        if path::climbs(&options.subpath) || options.subpath.starts_with('/') {
            let message = format!("`subpath: {}` leads out of the volume", options.subpath);
            self.problems.error(volume.at, message);
        }
        Mount::Volume {
            source,
            target: volume.target.clone(),
            read_only: volume.read_only,
            nocopy: options.nocopy,
            subpath: (!options.subpath.is_empty()).then_some(options.subpath),
            beneath: None,
        }
    }

    fn bind(&mut self, name: &str, service: &Service, volume: &ServiceVolume) -> Option<Mount> {
        let options = volume.bind.clone().unwrap_or_default();
        // In short syntax the source has the place of the whole entry.
        if let Some(declared) = self.project.climbing.get(&volume.source_at) {
            let message = format!(
                "the path `{declared}` leads out of the app's folder by `..`; write `./…`, or a whole path for a folder of the host"
            );
            self.problems.error(volume.source_at, message);
            return None;
        }
        if !volume.source.starts_with('/') {
            self.problems.error(volume.at, format!("`{}` is not a path on the host", volume.source));
            return None;
        }
        if !["", "enabled"].contains(&options.recursive.as_str()) {
            self.problems
                .error(volume.at, format!("`recursive: {}` of a bind is not supported", options.recursive));
        }
        let source = path::clean(&volume.source);
        if let Some(file) = self.zone_file(&source) {
            return Some(Mount::Bind {
                source: file,
                target: volume.target.clone(),
                read_only: true,
                create_host_path: false,
                propagation: None,
                selinux: (!options.selinux.is_empty()).then_some(options.selinux),
                beneath: None,
            });
        }
        let own = path::below(&source, self.context.app_dir).map(str::to_owned);
        match own.as_deref() {
            None => self.note_path(name, &source, volume.read_only, volume.at),
            Some(inside) if inside == ".hearth" || inside.starts_with(".hearth/") => {
                self.problems
                    .error(volume.at, "`.hearth` in the app's folder is Hearth's own and cannot be mounted");
            }
            Some(inside) => {
                let is_file = volume.is_file || means_file(&source, &volume.target);
                if options.create_host_path && !is_file && !inside.is_empty() {
                    let (uid, gid) = numeric_user(service);
                    let folder = FolderSpec { uid, gid, mode: None, mounted: true };
                    self.folders.entry(source.clone()).or_insert(folder);
                }
            }
        }
        Some(Mount::Bind {
            source,
            target: volume.target.clone(),
            read_only: volume.read_only,
            create_host_path: options.create_host_path,
            propagation: (!options.propagation.is_empty()).then_some(options.propagation),
            selinux: (!options.selinux.is_empty()).then_some(options.selinux),
            beneath: None,
        })
    }

    /// Notes a path of the host that a container gets, for the owner to agree to.
    pub(super) fn note_path(&mut self, name: &str, source: &str, read_only: bool, at: At) {
        if path::below(source, self.context.app_dir).is_some() {
            return;
        }
        let state = whole_box::state_of(self.context.app_dir);
        if whole_box::is_hearths_own(source, state.as_deref()) {
            let message =
                format!("`{source}` is Hearth's own and cannot be mounted: it holds the keys of this box");
            return self.problems.error(at, message);
        }
        if read_only && path::below(source, ZONES).is_some() {
            return;
        }
        if SOCKETS.iter().any(|socket| path::below(socket, source).is_some()) {
            self.grant(AccessKind::DockerSocket, name, String::new());
        }
        if !SOCKETS.contains(&source) {
            let reach = whole_box::reach_of_path(source, read_only, state.as_deref());
            self.grant_reaching(reach, AccessKind::HostPaths, name, source.to_owned());
        }
    }
}

/// Tells whether a mount is of a file, by the names that its package gives it on both sides. Only where both agree: a folder
/// in the place of a file keeps the app from reading it, and a missing folder keeps it from starting.
fn means_file(source: &str, target: &str) -> bool {
    let end = |path: &str| FILE_ENDS.iter().find(|end| path.to_lowercase().ends_with(**end)).copied();
    !target.ends_with('/') && end(source).is_some() && end(source) == end(target)
}
