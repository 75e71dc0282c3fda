use hearth_model::package::AccessKind;
use hearth_model::spec::{FolderSpec, VolumeSpec};

use super::Lowerer;
use super::volume_options::{self, Kind};
use crate::path;
use crate::project::resources::Volume;

impl Lowerer<'_> {
    pub(super) fn lower_volumes(&mut self) {
        for (key, volume) in &self.project.volumes {
            let kind = self.kind_of(volume);
            let folder =
                (kind == Some(Kind::Plain)).then(|| format!("{}/volumes/{key}", self.context.app_dir));
            if let Some(folder) = &folder {
                self.folders.insert(folder.clone(), FolderSpec::default());
            }
            if let Some(Kind::Bind { device }) = kind {
                self.check_device(volume, device);
            }
            let spec = VolumeSpec {
                driver: volume.driver.clone(),
                driver_opts: volume.driver_opts.clone(),
                labels: volume.labels.clone(),
                external: volume.external,
                folder,
                is_base: false,
            };
            self.volumes.insert(self.volume_name(key, volume), spec);
        }
    }

    /// An app's own volume is named after the app, whatever name its file gives: no app gets another one's data.
    pub(super) fn volume_name(&self, key: &str, volume: &Volume) -> String {
        if volume.external { volume.name.clone() } else { self.own_name(key) }
    }

    /// Notes what a service may do because it mounts a volume.
    pub(super) fn note_volume(&mut self, service: &str, volume: &Volume, read_only: bool) {
        if volume.external {
            self.grant(AccessKind::HostPaths, service, format!("volume {}", volume.name));
            return;
        }
        match volume_options::kind(&volume.driver, &volume.driver_opts) {
            Ok(Kind::Bind { device }) => self.note_path(service, &path::clean(device), read_only, volume.at),
            Ok(Kind::Share { share }) => {
                self.grant(AccessKind::HostPaths, service, format!("share {share}"));
            }
            // What is wrong with a volume is said once, where it is declared.
            Ok(Kind::Plain | Kind::Memory) | Err(_) => {}
        }
    }

    /// Returns what a volume is; one that exists already has no options to look at.
    fn kind_of<'v>(&mut self, volume: &'v Volume) -> Option<Kind<'v>> {
        if volume.external {
            return None;
        }
        let kind = volume_options::kind(&volume.driver, &volume.driver_opts);
        kind.map_err(|problem| self.problems.error(volume.at, problem)).ok()
    }

    fn check_device(&mut self, volume: &Volume, device: &str) {
        if path::climbs(device) {
            self.problems
                .error(volume.at, format!("the path `{device}` of this volume must not have `..` in it"));
        } else if path::below(&path::clean(device), self.context.app_dir).is_some() {
            self.folders.entry(path::clean(device)).or_default();
        }
    }
}
