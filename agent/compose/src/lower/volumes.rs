use hearth_model::spec::{FolderSpec, VolumeSpec};

use super::Lowerer;
use crate::path;
use crate::project::resources::Volume;

impl Lowerer<'_> {
    pub(super) fn lower_volumes(&mut self) {
        for (key, volume) in &self.project.volumes {
            let folder = is_plain(volume).then(|| format!("{}/volumes/{key}", self.context.app_dir));
            if let Some(folder) = &folder {
                self.folders.insert(folder.clone(), FolderSpec::default());
            }
            self.check_device(volume);
            let spec = VolumeSpec {
                driver: volume.driver.clone(),
                driver_opts: volume.driver_opts.clone(),
                labels: volume.labels.clone(),
                external: volume.external,
                folder,
            };
            self.volumes.insert(self.volume_name(key, volume), spec);
        }
    }

    /// An app's own volume is named after the app, whatever name its file gives: no app gets another one's data.
    pub(super) fn volume_name(&self, key: &str, volume: &Volume) -> String {
        if volume.external { volume.name.clone() } else { self.own_name(key) }
    }

    fn check_device(&mut self, volume: &Volume) {
        let Some(device) = host_path(volume) else { return };
        if path::climbs(device) {
            self.problems
                .error(volume.at, format!("the path `{device}` of this volume must not have `..` in it"));
        } else if path::below(&path::clean(device), self.context.app_dir).is_some() {
            self.folders.entry(path::clean(device)).or_default();
        }
    }
}

/// Tells whether a volume has nothing that a folder of the app could not hold.
fn is_plain(volume: &Volume) -> bool {
    !volume.external && volume.driver_opts.is_empty() && ["", "local"].contains(&volume.driver.as_str())
}

/// Returns the path on the host that a volume of the local driver mounts.
pub(super) fn host_path(volume: &Volume) -> Option<&str> {
    let device = volume.driver_opts.get("device")?;
    device.starts_with('/').then_some(device.as_str())
}
