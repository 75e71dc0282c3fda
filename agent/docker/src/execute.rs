use hearth_model::EngineStep;

use crate::engine::Engine;
use crate::error::Error;
use crate::image::PullProgress;
use crate::labels::ContainerLabels;

impl Engine {
    /// Does one step on the engine. A step that was done before, wholly or half, may be done again.
    ///
    /// `progress` is called while an image is fetched, whenever it came further. Dropping the future of a pull stops
    /// it; other steps may go on in the engine.
    pub async fn execute(
        &self,
        step: &EngineStep,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), Error> {
        match step {
            EngineStep::PullImage { image, policy, platform } => {
                self.pull_image(image, *policy, platform.as_deref(), progress).await
            }
            EngineStep::CreateNetwork { app, name, network } => {
                self.create_network(app.as_ref(), name, network).await
            }
            EngineStep::RemoveNetwork { name } => self.remove_network(name).await,
            EngineStep::CreateVolume { app, name, volume } => self.create_volume(app, name, volume).await,
            EngineStep::RemoveVolume { name } => self.remove_volume(name).await,
            EngineStep::CreateContainer { app, service, package_digest, restarts, container } => {
                let labels = ContainerLabels {
                    app: app.clone(),
                    service: service.clone(),
                    spec: container.hash(),
                    package: package_digest.clone(),
                    restarts: *restarts,
                };
                self.create_container(&labels, container).await
            }
            EngineStep::StartContainer { name } => self.start_container(name).await,
            EngineStep::StopContainer { name } => self.stop_container(name).await,
            EngineStep::RemoveContainer { name } => self.remove_container(name).await,
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
