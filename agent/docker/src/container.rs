/// Volumes that nobody named.
mod anonymous;
/// A spec in the engine's words.
mod body;
/// Folders of the host that are mounted.
mod host_path;
/// Mounts that an app can replace by links.
mod links;

pub(crate) use host_path::make as make_folder;
pub use links::follows_links;

use std::time::Duration;

use bollard::models::{EndpointSettings, NetworkConnectRequest};
use bollard::query_parameters::{
    CreateContainerOptions, RemoveContainerOptions, StartContainerOptions, StopContainerOptions,
};
use hearth_model::container::{ContainerSpec, Namespace, NetworkMode};
use hearth_model::id::{AppId, ServiceName};
use hearth_model::image::ImageRef;
use serde_json::json;

use crate::engine::Engine;
use crate::error::{Error, ImageProblem};
use crate::execute::check_name;
use crate::http::{Failure, filters};
use crate::labels::{self, ContainerLabels};
use crate::wire;

/// Compose's and Docker's default.
const DEFAULT_GRACE_PERIOD_SECS: u64 = 10;

/// Longest time for a removal that somebody else began.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(30);

/// What becomes of the anonymous volumes of a container that is removed. Of those in the app's folder only the engine's
/// record can go, never the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnonymousVolumes {
    Go,
    Stay,
}

impl Engine {
    /// Creates a container and connects it to its networks, so that it can be started.
    ///
    /// One that is there and was made from the same spec stays as it is. One of ours that does not run and was made
    /// from another spec, or half made, is made anew. One that is not ours is never touched.
    pub(crate) async fn create_container(
        &self,
        labels: &ContainerLabels,
        spec: &ContainerSpec,
    ) -> Result<(), Error> {
        let name = &spec.name;
        let doing = format!("create container {name}");
        check_name(name, &doing)?;
        if let Some(container) = self.ours(name, &doing).await? {
            if is_made_from(&container, labels) {
                return Ok(());
            }
            if is_running(&container) {
                let answer = format!(
                    "{name} still runs and was made from another version; it is stopped and removed first"
                );
                return Err(Error::Refused { doing, answer });
            }
            // What an anonymous volume of it holds may be wanted yet.
            self.remove(&container.id, AnonymousVolumes::Stay, &doing).await?;
        }
        host_path::check(&spec.mounts, &doing)?;
        let shared = self.shared(&labels.app, spec, &doing).await?;
        let mut endpoints = body::endpoints(spec);
        let first = if endpoints.is_empty() { None } else { Some(endpoints.remove(0)) };
        let id = self.create(labels, spec, shared, first, &doing).await?;
        match self.connect_networks(&id, endpoints, &doing).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // What is left half made is found by the next look, if this fails too.
                if let Err(error) = self.remove(&id, AnonymousVolumes::Go, &doing).await {
                    tracing::warn!(container = name, %error, "a half made container is left behind");
                }
                Err(error)
            }
        }
    }

    async fn create(
        &self,
        labels: &ContainerLabels,
        spec: &ContainerSpec,
        shared: body::Shared,
        first: Option<(String, EndpointSettings)>,
        doing: &str,
    ) -> Result<String, Error> {
        let options = CreateContainerOptions {
            name: Some(spec.name.clone()),
            platform: spec.platform.clone().unwrap_or_default(),
        };
        let own_labels = labels.write(&self.inner.options.box_id, body::endpoint_count(spec), &spec.labels);
        let versions = self.inner.reader.versions().await.map_err(|failure| self.error(failure, doing))?;
        if let Some((volume, subpath)) = links::mounted_whole(spec, &versions.api) {
            let answer = format!(
                "it mounts `{subpath}` of the volume {volume}, and this engine can mount whole volumes alone; Docker 26 and later can mount a part"
            );
            return Err(Error::Refused { doing: doing.to_owned(), answer });
        }
        let mut mounts = self.mounts_beneath(spec, &versions.api, doing).await?;
        mounts.extend(self.anonymous_mounts(labels, spec, doing).await?);
        let target = body::Target { api_version: &versions.api, defaults: self.inner.options.limits };
        let body = body::body(&labels.app, spec, own_labels, shared, first, target, mounts);
        match self.inner.docker.create_container(Some(options), body).await.map_err(Failure::from) {
            Ok(created) => {
                for warning in created.warnings {
                    tracing::info!(container = spec.name, warning, "the engine warns about a container");
                }
                Ok(created.id)
            }
            Err(failure) => Err(self.create_error(failure, &spec.image, &spec.name, doing)),
        }
    }

    fn create_error(&self, failure: Failure, image: &ImageRef, name: &str, doing: &str) -> Error {
        match failure {
            Failure::Answered { status: 404, message } if message.contains("o such image") => {
                Error::Image { image: image.clone(), problem: ImageProblem::NotThere, answer: message }
            }
            Failure::Answered { message, .. }
                if message.contains("does not match the specified platform") =>
            {
                Error::Image {
                    image: image.clone(),
                    problem: ImageProblem::WrongArchitecture,
                    answer: message,
                }
            }
            Failure::Answered { status: 409, message } if message.contains("is already in use") => {
                Error::NameTaken { doing: doing.to_owned(), name: name.to_owned() }
            }
            failure => self.error(failure, doing),
        }
    }

    async fn connect_networks(
        &self,
        id: &str,
        rest: Vec<(String, EndpointSettings)>,
        doing: &str,
    ) -> Result<(), Error> {
        for (network, endpoint) in rest {
            let found = self.find_networks(&network).await.map_err(|failure| self.error(failure, doing))?;
            let Some(found) = found.first() else {
                return Err(Error::Refused {
                    doing: doing.to_owned(),
                    answer: format!("there is no network {network}"),
                });
            };
            let request = NetworkConnectRequest { container: id.to_owned(), endpoint_config: Some(endpoint) };
            let connected = self.inner.docker.connect_network(&found.id, request).await;
            connected.map_err(|error| self.error(error, doing))?;
        }
        Ok(())
    }

    /// Returns the engine's word for how the container is connected first.
    async fn network_mode(&self, app: &AppId, spec: &ContainerSpec, doing: &str) -> Result<String, Error> {
        Ok(match &spec.network {
            NetworkMode::Networks(_) => match body::endpoints(spec).into_iter().next() {
                Some((first, _)) => first,
                None => "none".to_owned(),
            },
            NetworkMode::Host => "host".to_owned(),
            NetworkMode::None => "none".to_owned(),
            NetworkMode::Container(name) => format!("container:{name}"),
            NetworkMode::Service(service) => self.shared_with(app, service, doing).await?,
        })
    }

    /// Returns what the container shares with others, in the engine's words.
    async fn shared(&self, app: &AppId, spec: &ContainerSpec, doing: &str) -> Result<body::Shared, Error> {
        let mut volumes_from = Vec::new();
        for from in &spec.volumes_from {
            let id = self.container_of(app, &from.service, doing).await?;
            volumes_from.push(if from.read_only { format!("{id}:ro") } else { id });
        }
        Ok(body::Shared {
            network_mode: self.network_mode(app, spec, doing).await?,
            pid: self.namespace(app, spec.pid.as_ref(), doing).await?,
            ipc: self.namespace(app, spec.ipc.as_ref(), doing).await?,
            volumes_from,
        })
    }

    async fn namespace(
        &self,
        app: &AppId,
        namespace: Option<&Namespace>,
        doing: &str,
    ) -> Result<Option<String>, Error> {
        Ok(match namespace {
            None => None,
            Some(Namespace::Engine(word)) => Some(word.clone()),
            Some(Namespace::Service(service)) => Some(self.shared_with(app, service, doing).await?),
        })
    }

    async fn shared_with(&self, app: &AppId, service: &ServiceName, doing: &str) -> Result<String, Error> {
        Ok(format!("container:{}", self.container_of(app, service, doing).await?))
    }

    /// Returns the id of the container of a service of this app, by its labels. Its name would not do: containers of two
    /// apps can have the same, `home` + `assistant-server` and `home-assistant` + `server`.
    async fn container_of(&self, app: &AppId, service: &ServiceName, doing: &str) -> Result<String, Error> {
        let of_service = [
            format!("{}={}", labels::BOX, self.inner.options.box_id),
            format!("{}={app}", labels::APP),
            format!("{}={service}", labels::SERVICE),
        ];
        let path = format!("/containers/json?all=1&filters={}", filters(&json!({ "label": of_service })));
        let found: Vec<wire::ContainerSummary> =
            self.get(&path).await.map_err(|failure| self.error(failure, doing))?;
        match found.into_iter().next() {
            Some(container) => Ok(container.id),
            None => {
                let answer =
                    format!("there is no container of service {service}, which it shares something with");
                Err(Error::Refused { doing: doing.to_owned(), answer })
            }
        }
    }

    /// Starts a container; one that runs goes on running.
    pub(crate) async fn start_container(&self, name: &str) -> Result<(), Error> {
        let doing = format!("start {name}");
        let Some(container) = self.ours(name, &doing).await? else {
            return Err(Error::Refused { doing, answer: format!("there is no container {name}") });
        };
        let started = self.inner.docker.start_container(&container.id, None::<StartContainerOptions>).await;
        self.inner.cache.forget(&container.id);
        started.map_err(|error| match Failure::from(error) {
            Failure::Answered { message, .. } if message.contains("exec format error") => {
                Error::WrongProcessor { doing: doing.clone(), name: name.to_owned(), answer: message }
            }
            failure => self.error(failure, doing),
        })
    }

    /// Stops a container, within its grace period; one that does not run, or is not there, is as it should be.
    pub(crate) async fn stop_container(&self, name: &str) -> Result<(), Error> {
        let doing = format!("stop {name}");
        match self.ours(name, &doing).await? {
            Some(container) => self.stop(&container, &doing).await,
            None => Ok(()),
        }
    }

    async fn stop(&self, container: &wire::Container, doing: &str) -> Result<(), Error> {
        let grace = Duration::from_secs(container.config.stop_timeout.unwrap_or(DEFAULT_GRACE_PERIOD_SECS));
        // The engine answers only when the container has ended.
        let stopped =
            self.docker_for(grace).stop_container(&container.id, None::<StopContainerOptions>).await;
        self.inner.cache.forget(&container.id);
        match stopped.map_err(Failure::from) {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_not_found() => Ok(()),
            Err(failure) => Err(self.error(failure, doing)),
        }
    }

    /// Removes a container and its anonymous volumes; one that still runs is stopped first, within its grace period.
    pub(crate) async fn remove_container(&self, name: &str) -> Result<(), Error> {
        let doing = format!("remove container {name}");
        let Some(container) = self.ours(name, &doing).await? else { return Ok(()) };
        if is_running(&container) {
            self.stop(&container, &doing).await?;
        }
        self.remove(&container.id, AnonymousVolumes::Go, &doing).await
    }

    async fn remove(&self, id: &str, volumes: AnonymousVolumes, doing: &str) -> Result<(), Error> {
        let v = volumes == AnonymousVolumes::Go;
        // `force` is for those that an engine calls dead; running ones were stopped.
        let options = RemoveContainerOptions { v, force: true, link: false };
        let removed = self.inner.docker.remove_container(id, Some(options)).await.map_err(Failure::from);
        self.inner.cache.forget(id);
        match removed {
            Ok(()) => Ok(()),
            Err(failure) if failure.is_not_found() => Ok(()),
            Err(failure) if failure.is_conflict() => self.wait_for_removal(id, failure, doing).await,
            Err(failure) => Err(self.error(failure, doing)),
        }
    }

    async fn wait_for_removal(&self, id: &str, conflict: Failure, doing: &str) -> Result<(), Error> {
        let until = tokio::time::Instant::now() + REMOVAL_TIMEOUT;
        while tokio::time::Instant::now() < until {
            match self.get::<wire::Container>(&format!("/containers/{id}/json")).await {
                Ok(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(failure) if failure.is_not_found() => return Ok(()),
                Err(failure) => return Err(self.error(failure, doing)),
            }
        }
        Err(self.error(conflict, doing))
    }

    /// Returns the container of this name, if there is one; fails when it is not ours.
    pub(crate) async fn ours(&self, name: &str, doing: &str) -> Result<Option<wire::Container>, Error> {
        check_name(name, doing)?;
        let found = self.find_container(name).await.map_err(|failure| self.error(failure, doing))?;
        match found {
            Some(container) if !labels::is_ours(&container.config.labels, &self.inner.options.box_id) => {
                Err(Error::NameTaken { doing: doing.to_owned(), name: name.to_owned() })
            }
            found => Ok(found),
        }
    }
}

fn is_running(container: &wire::Container) -> bool {
    matches!(container.state.status.as_str(), "running" | "paused" | "restarting")
}

fn is_made_from(container: &wire::Container, labels: &ContainerLabels) -> bool {
    let whole = container.state.status != "created"
        || crate::labels::is_whole(&container.config.labels, container.network_settings.networks.len());
    whole && ContainerLabels::read(&container.config.labels).as_ref() == Ok(labels)
}
