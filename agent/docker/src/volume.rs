use std::collections::HashMap;
use std::path::Path;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::RemoveVolumeOptions;
use hearth_model::id::AppId;
use hearth_model::spec::VolumeSpec;

use crate::container::make_folder;
use crate::engine::Engine;
use crate::error::Error;
use crate::execute::check_name;
use crate::http::{Failure, encode};
use crate::labels;
use crate::wire;

impl Engine {
    /// Makes a volume; one of ours that is the same stays, one that is external must be there.
    ///
    /// A volume whose data is in the app's folder is a bind mount of the local driver: the engine still copies the
    /// image's content into it when it is empty, and removing the volume leaves the data.
    pub(crate) async fn create_volume(
        &self,
        app: &AppId,
        name: &str,
        spec: &VolumeSpec,
    ) -> Result<(), Error> {
        let doing = format!("make volume {name}");
        check_name(name, &doing)?;
        // A base may be another app's folder, which is not made for it.
        if let Some(folder) = spec.folder.as_ref().filter(|_| !spec.is_base) {
            make_folder(Path::new(folder), &doing)?;
        }
        let wanted = request(name, spec, self.volume_labels(app, spec));
        match self.find_volume(name, &doing).await? {
            Some(_) if spec.external => return Ok(()),
            None if spec.external => {
                let answer = format!("there is no volume {name}, and the package expects it to be there");
                return Err(Error::Refused { doing, answer });
            }
            Some(volume) if !labels::is_ours(&volume.labels, &self.inner.options.box_id) => {
                return Err(Error::NameTaken { doing, name: name.to_owned() });
            }
            Some(volume) if is_made_from(&volume, &wanted) => return Ok(()),
            // Only the record of a folder is made anew; a volume that holds its data itself is never removed here.
            Some(volume) if volume.is_a_folder() => {
                self.remove_volume_record(name, &doing).await?;
            }
            Some(_) => {
                let answer = format!("there is a volume {name} with other options, which holds data");
                return Err(Error::Refused { doing, answer });
            }
            None => {}
        }
        let made = self.inner.docker.create_volume(wanted).await;
        made.map(|_| ()).map_err(|error| self.error(error, doing))
    }

    /// Removes a volume of ours; one that is not there is as it should be.
    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), Error> {
        let doing = format!("remove volume {name}");
        check_name(name, &doing)?;
        match self.find_volume(name, &doing).await? {
            None => Ok(()),
            Some(volume) if !labels::is_ours(&volume.labels, &self.inner.options.box_id) => {
                Err(Error::NameTaken { doing, name: name.to_owned() })
            }
            Some(_) => self.remove_volume_record(name, &doing).await,
        }
    }

    async fn remove_volume_record(&self, name: &str, doing: &str) -> Result<(), Error> {
        let removed = self.inner.docker.remove_volume(name, None::<RemoveVolumeOptions>).await;
        match removed.map_err(Failure::from) {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_not_found() => Ok(()),
            Err(failure) => Err(self.error(failure, doing)),
        }
    }

    pub(crate) async fn find_volume(&self, name: &str, doing: &str) -> Result<Option<wire::Volume>, Error> {
        match self.get(&format!("/volumes/{}", encode(name))).await {
            Ok(volume) => Ok(Some(volume)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(self.error(failure, doing)),
        }
    }

    fn volume_labels(&self, app: &AppId, spec: &VolumeSpec) -> HashMap<String, String> {
        let mut all = labels::packaged(&spec.labels);
        all.insert(labels::BOX.to_owned(), self.inner.options.box_id.clone());
        all.insert(labels::APP.to_owned(), app.to_string());
        all
    }
}

fn request(name: &str, spec: &VolumeSpec, labels: HashMap<String, String>) -> VolumeCreateRequest {
    let VolumeSpec { driver, driver_opts, labels: _, external: _, folder, is_base } = spec;
    let mut options: HashMap<String, String> = driver_opts.clone().into_iter().collect();
    if let Some(folder) = folder {
        // A disk that the owner mounted in the folder is part of it; unmounting the volume must not unmount that disk.
        let o = if *is_base { "rbind,rprivate" } else { "bind" };
        options.extend([
            ("type".to_owned(), "none".to_owned()),
            ("o".to_owned(), o.to_owned()),
            ("device".to_owned(), folder.clone()),
        ]);
    }
    VolumeCreateRequest {
        name: Some(name.to_owned()),
        driver: Some(if driver.is_empty() { "local".to_owned() } else { driver.clone() }),
        driver_opts: Some(options),
        labels: Some(labels),
        ..VolumeCreateRequest::default()
    }
}

fn is_made_from(volume: &wire::Volume, wanted: &VolumeCreateRequest) -> bool {
    let options: HashMap<String, String> = volume.options.clone().into_iter().collect();
    Some(&volume.driver) == wanted.driver.as_ref() && Some(&options) == wanted.driver_opts.as_ref()
}
