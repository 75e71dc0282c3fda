use hearth_model::plan::Step;

use crate::engine::Engine;
use crate::error::Error;
use crate::image::PullProgress;
use crate::labels::ContainerLabels;

impl Engine {
    /// Does one step on the engine. A step that was done before, wholly or half, may be done again.
    ///
    /// `progress` is called while an image is fetched, whenever it came further. Dropping the future of a pull stops
    /// it; other steps may go on in the engine. Steps on the app's folder are not for the engine and fail with
    /// [`Error::NotForTheEngine`].
    pub async fn execute(
        &self,
        step: &Step,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), Error> {
        match step {
            Step::PullImage { image, policy, platform } => {
                self.pull_image(image, *policy, platform.as_deref(), progress).await
            }
            Step::CreateNetwork { app, name, network } => {
                self.create_network(app.as_ref(), name, network).await
            }
            Step::RemoveNetwork { name } => self.remove_network(name).await,
            Step::CreateVolume { app, name, volume } => self.create_volume(app, name, volume).await,
            Step::RemoveVolume { name } => self.remove_volume(name).await,
            Step::CreateContainer { app, service, package_digest, restarts, container } => {
                let labels = ContainerLabels {
                    app: app.clone(),
                    service: service.clone(),
                    spec: container.hash(),
                    package: package_digest.clone(),
                    restarts: *restarts,
                };
                self.create_container(&labels, container).await
            }
            Step::StartContainer { name } => self.start_container(name).await,
            Step::StopContainer { name } => self.stop_container(name).await,
            Step::RemoveContainer { name } => self.remove_container(name).await,
            Step::CreateData { .. }
            | Step::WriteFiles { .. }
            | Step::KeepVolumes { .. }
            | Step::SnapshotData { .. }
            | Step::RestoreData { .. }
            | Step::RemoveSnapshot { .. }
            | Step::RemoveData { .. }
            | Step::RunHook { .. } => Err(Error::NotForTheEngine { step: step.describe() }),
        }
    }
}

/// Checks a name that a package gave and that becomes part of a path of the engine's API
/// ([moby, RestrictedNamePattern](https://github.com/moby/moby/blob/v20.10.24/daemon/names/names.go)).
pub(crate) fn check_name(name: &str, doing: &str) -> Result<(), Error> {
    let first_ok = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if first_ok && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        Ok(())
    } else {
        Err(Error::InvalidName { doing: doing.to_owned(), name: name.chars().take(200).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_reaches_no_other_path_of_the_api() {
        for bad in ["", "../containers/x", "a/b", "a?force=1", "-a", "a b", "é"] {
            assert!(check_name(bad, "make volume").is_err(), "{bad:?} was taken");
        }
        assert!(check_name("blog-db-1", "make volume").is_ok());
    }
}
