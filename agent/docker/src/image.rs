/// How far a pull is.
mod progress;

use bollard::query_parameters::{CreateImageOptions, TagImageOptions};
use futures_util::StreamExt;
use hearth_model::condition::ImageProgress;
use hearth_model::container::PullPolicy;
use hearth_model::image::ImageRef;

use crate::engine::Engine;
use crate::error::{Error, ImageProblem};
use crate::http::{Failure, encode};
use crate::wire;
use progress::Layers;

/// How far the pull of one image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullProgress {
    /// Which.
    pub image: ImageRef,
    /// How far.
    pub progress: ImageProgress,
}

impl Engine {
    /// Makes an image present, by digest where one is named, and gives it its tag, so that people find it by name.
    ///
    /// No registry is asked for an image that is there, unless the policy says so; one with a digest cannot have
    /// changed and is never asked for again.
    pub(crate) async fn pull_image(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        platform: Option<&str>,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), Error> {
        let there = self.find_image(image).await?.filter(|found| is_for(found, platform));
        match (there, policy) {
            (Some(found), PullPolicy::Missing | PullPolicy::Never) => {
                return self.name_image(image, &found).await;
            }
            (Some(found), PullPolicy::Always) if image.digest().is_some() => {
                return self.name_image(image, &found).await;
            }
            (None, PullPolicy::Never) => {
                let answer = "it is not there, and must not be fetched".to_owned();
                return Err(Error::Image { image: image.clone(), problem: ImageProblem::NotThere, answer });
            }
            (_, PullPolicy::Missing | PullPolicy::Always) => {}
        }
        self.fetch(image, platform, progress).await?;
        let Some(found) = self.find_image(image).await? else {
            let detail = format!("the pull succeeded, and {} is not there", image.pull_name());
            return Err(Error::Unreadable { doing: format!("fetch {}", image.familiar()), detail });
        };
        if platform.is_none() {
            self.check_processor(image, &found).await?;
        }
        self.name_image(image, &found).await
    }

    async fn fetch(
        &self,
        image: &ImageRef,
        platform: Option<&str>,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), Error> {
        let stall = self.inner.options.pull_stall_timeout;
        let options = CreateImageOptions {
            from_image: Some(image.pull_name()),
            platform: platform.unwrap_or_default().to_owned(),
            ..CreateImageOptions::default()
        };
        let credentials = self.inner.options.registries.get(image.registry());
        let docker = self.docker_for(stall);
        let mut messages = Box::pin(docker.create_image(Some(options), None, credentials));
        let mut layers = Layers::default();
        let mut moved = tokio::time::Instant::now();
        loop {
            let Ok(message) = tokio::time::timeout_at(moved + stall, messages.next()).await else {
                let answer = format!("nothing arrived for {} s", stall.as_secs());
                return Err(Error::Image { image: image.clone(), problem: ImageProblem::Stalled, answer });
            };
            match message {
                Some(Ok(message)) => {
                    if layers.read(&message) {
                        moved = tokio::time::Instant::now();
                        progress(PullProgress { image: image.clone(), progress: layers.sum() });
                    }
                }
                Some(Err(error)) => {
                    return Err(Failure::from(error).while_pulling(&self.inner.socket, image));
                }
                None => break,
            }
        }
        progress(PullProgress {
            image: image.clone(),
            progress: ImageProgress { complete: true, ..layers.sum() },
        });
        Ok(())
    }

    pub(crate) async fn find_image(&self, image: &ImageRef) -> Result<Option<wire::Image>, Error> {
        match self.get(&format!("/images/{}/json", encode(&image.pull_name()))).await {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(self.error(failure, format!("look for the image {}", image.familiar()))),
        }
    }

    /// Gives an image that was asked for by tag and digest its tag.
    async fn name_image(&self, image: &ImageRef, found: &wire::Image) -> Result<(), Error> {
        let (Some(_), Some(tag)) = (image.digest(), image.tag()) else { return Ok(()) };
        let wanted = format!("{}:{tag}", image.repository());
        let named = found.repo_tags.iter().filter_map(|name| name.parse::<ImageRef>().ok());
        if named.into_iter().any(|name| name.to_string() == wanted) {
            return Ok(());
        }
        let options = TagImageOptions { repo: Some(image.repository()), tag: Some(tag.to_owned()) };
        let tagged = self.inner.docker.tag_image(&found.id, Some(options)).await;
        tagged.map_err(|error| self.error(error, format!("name the image {}", image.familiar())))
    }

    /// Checks that a registry that has only one image has it for this processor: engines fetch it all the same.
    async fn check_processor(&self, image: &ImageRef, found: &wire::Image) -> Result<(), Error> {
        let doing = "ask for the engine's processor";
        let engine =
            self.get::<wire::Version>("/version").await.map_err(|failure| self.error(failure, doing))?.arch;
        if found.architecture.is_empty() || engine.is_empty() || runs_on(&found.architecture, &engine) {
            return Ok(());
        }
        let answer = format!("it is for {}, and this box is {engine}", found.architecture);
        Err(Error::Image { image: image.clone(), problem: ImageProblem::WrongArchitecture, answer })
    }
}

fn is_for(found: &wire::Image, platform: Option<&str>) -> bool {
    let wanted = platform.and_then(|platform| platform.split('/').nth(1));
    wanted.is_none_or(|wanted| found.architecture.is_empty() || found.architecture == wanted)
}

/// Tells whether an image's programs run on an engine's processor; names are Go's.
fn runs_on(image: &str, engine: &str) -> bool {
    image == engine || matches!((image, engine), ("386", "amd64") | ("arm", "arm64"))
}
