/// What a look keeps, to ask less the next time.
mod cache;
/// Data that lies outside the apps' folders.
mod outside;
/// The text that a list gives for a container's state.
mod status;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use hearth_model::id::Digest;
use hearth_model::image::ImageRef;
use hearth_model::observed::{
    ContainerState, EngineState, ObservedContainer, ObservedNetwork, ObservedVolume,
};
use serde_json::json;

pub(crate) use cache::Cache;
use cache::Facts;
use status::Status;

use crate::engine::Engine;
use crate::error::Error;
use crate::http::{Failure, encode, filters};
use crate::labels::{self, ContainerLabels};
use crate::wire;

/// Containers that are asked for at the same time.
const INSPECTED_AT_ONCE: usize = 8;

/// What was seen on the engine in one look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineView {
    /// The engine.
    pub engine: EngineState,
    /// Containers of this Hearth, by name.
    pub containers: BTreeMap<String, ObservedContainer>,
    /// Names of all other containers.
    pub foreign_containers: BTreeSet<String>,
    /// All networks, by name.
    pub networks: BTreeMap<String, ObservedNetwork>,
    /// All volumes, by name.
    pub volumes: BTreeMap<String, ObservedVolume>,
    /// Of the images that were asked for: those present.
    pub images: BTreeSet<ImageRef>,
}

impl Engine {
    /// Looks at everything: one list each of containers, networks, volumes and images, and a question about each
    /// container of ours that has changed since the last look.
    ///
    /// Fails when the engine does not answer. A container that went away during the look is left out.
    pub async fn observe(&self, wanted_images: &BTreeSet<ImageRef>) -> Result<EngineView, Error> {
        self.look(wanted_images).await.map_err(|failure| self.error(failure, "look at the engine"))
    }

    async fn look(&self, wanted_images: &BTreeSet<ImageRef>) -> Result<EngineView, Failure> {
        let (versions, containers, networks, volumes, images) = futures_util::try_join!(
            self.inner.reader.versions(),
            self.get::<Vec<wire::ContainerSummary>>("/containers/json?all=1"),
            self.get::<Vec<wire::Network>>("/networks"),
            self.get::<wire::Volumes>("/volumes"),
            self.present(wanted_images),
        )?;
        let unnamed = outside::unnamed(&volumes.volumes, &self.inner.options.box_id);
        let mut view = EngineView {
            engine: EngineState::Ready { version: versions.engine, api_version: versions.api },
            networks: self.networks(networks),
            volumes: volumes.volumes.into_iter().map(|volume| self.volume(volume)).collect(),
            images,
            ..EngineView::default()
        };
        let mut ours = Vec::new();
        let mut created = BTreeMap::new();
        for summary in containers {
            let Some(name) = summary.name().map(str::to_owned) else { continue };
            for (network, endpoint) in &summary.network_settings.networks {
                // A container may remember a network that was removed while another took its name.
                if let Some(network) = view.networks.get_mut(network)
                    && (endpoint.network_id.is_empty() || endpoint.network_id == network.id)
                {
                    network.connected.insert(summary.id.clone());
                }
            }
            if !labels::is_ours(&summary.labels, &self.inner.options.box_id) {
                view.foreign_containers.insert(name);
                continue;
            }
            match ContainerLabels::read(&summary.labels) {
                Ok(labels) => {
                    created.insert(name.clone(), summary.created);
                    ours.push((name, labels, summary));
                }
                Err(problem) => {
                    tracing::warn!(
                        container = name,
                        problem,
                        "a container with Hearth's label is left alone"
                    );
                    view.foreign_containers.insert(name);
                }
            }
        }
        self.inner.cache.keep(ours.iter().map(|(_, _, summary)| summary.id.as_str()));
        let looks =
            ours.into_iter().map(|(name, labels, summary)| self.container(name, labels, summary, &unnamed));
        let mut looks = futures_util::stream::iter(looks).buffer_unordered(INSPECTED_AT_ONCE);
        while let Some(seen) = looks.next().await {
            if let Some((name, container)) = seen? {
                view.containers.insert(name, container);
            }
        }
        drop(looks);
        outside::leave_to_owners(&mut view.containers, &created);
        Ok(view)
    }

    async fn container(
        &self,
        name: String,
        labels: ContainerLabels,
        summary: wire::ContainerSummary,
        unnamed: &BTreeMap<String, String>,
    ) -> Result<Option<(String, ObservedContainer)>, Failure> {
        let status = Status::read(&summary.state, &summary.status);
        let facts = match self.inner.cache.get(&summary.id, &status) {
            Some(facts) => facts,
            None => match self
                .get::<wire::Container>(&format!("/containers/{}/json", encode(&summary.id)))
                .await
            {
                Ok(container) => self.inner.cache.put(
                    &summary.id,
                    status,
                    Facts::from(container.state, container.restart_count),
                ),
                Err(failure) if failure.is_not_found() => return Ok(None),
                Err(failure @ Failure::Unreachable(_)) => return Err(failure),
                Err(failure) => {
                    // Better a container without details than no look at all.
                    tracing::warn!(container = name, ?failure, "the engine gives no details of a container");
                    Facts::unknown(&summary.state)
                }
            },
        };
        let ContainerLabels { app, service, mut spec, package, restarts } = labels;
        let connected = summary.network_settings.networks.len();
        if matches!(facts.state, ContainerState::Created { .. })
            && !labels::is_whole(&summary.labels, connected)
        {
            // Hearth was killed before all networks were connected: it was made from no whole spec.
            spec = Digest::of(b"half made");
        }
        let networks = summary.network_settings.networks;
        let container = ObservedContainer {
            id: summary.id,
            app,
            service,
            spec_hash: spec,
            package_digest: package,
            restarts,
            state: facts.state,
            health: facts.health,
            restart_count: facts.restart_count,
            started_at: facts.started_at,
            addresses: networks
                .iter()
                .filter_map(|(name, seen)| Some((name.clone(), seen.address()?)))
                .collect(),
            network_ids: networks
                .iter()
                .filter(|(_, seen)| !seen.network_id.is_empty())
                .map(|(name, seen)| (name.clone(), seen.network_id.clone()))
                .collect(),
            networks: networks.into_keys().collect(),
            ports: summary.ports.iter().filter_map(wire::Port::published).collect(),
            outside_volumes: outside::of_container(&name, &summary.mounts, unnamed),
        };
        Ok(Some((name, container)))
    }

    /// Names of networks need not be unique before engine 25: of two makings at once, as by a Hearth that was killed and
    /// the one after it, both can succeed. No container can be started on such a name, so it counts as made from no
    /// spec, and is made anew.
    fn networks(&self, networks: Vec<wire::Network>) -> BTreeMap<String, ObservedNetwork> {
        let mut seen: BTreeMap<String, ObservedNetwork> = BTreeMap::new();
        for network in networks {
            let (name, mut network) = self.network(network);
            if let Some(other) = seen.remove(&name) {
                let ours = if other.ours { other } else { network };
                network = ObservedNetwork { spec_hash: ours.ours.then(|| Digest::of(b"made twice")), ..ours };
            }
            seen.insert(name, network);
        }
        seen
    }

    fn network(&self, network: wire::Network) -> (String, ObservedNetwork) {
        let ours = labels::is_ours(&network.labels, &self.inner.options.box_id);
        let label = |name: &str| network.labels.get(name).filter(|_| ours);
        let seen = ObservedNetwork {
            id: network.id.clone(),
            app: label(labels::APP).and_then(|app| app.parse().ok()),
            ours,
            spec_hash: label(labels::SPEC).and_then(|hash| hash.parse().ok()),
            connected: BTreeSet::new(),
        };
        (network.name, seen)
    }

    fn volume(&self, volume: wire::Volume) -> (String, ObservedVolume) {
        let ours = labels::is_ours(&volume.labels, &self.inner.options.box_id);
        let app = volume.labels.get(labels::APP).filter(|_| ours).and_then(|app| app.parse().ok());
        let in_app_folder = ours && volume.is_a_folder();
        (volume.name, ObservedVolume { app, in_app_folder })
    }

    /// Returns those of the images that are present: by digest where one is asked for, else by tag.
    async fn present(&self, wanted: &BTreeSet<ImageRef>) -> Result<BTreeSet<ImageRef>, Failure> {
        if wanted.is_empty() {
            return Ok(BTreeSet::new());
        }
        let images: Vec<wire::ImageSummary> = self.get("/images/json").await?;
        let names = images.iter().flat_map(|image| image.repo_tags.iter().chain(&image.repo_digests));
        let there: BTreeSet<String> =
            names.filter_map(|name| Some(name.parse::<ImageRef>().ok()?.pull_name())).collect();
        Ok(wanted.iter().filter(|image| there.contains(&image.pull_name())).cloned().collect())
    }

    /// Returns the networks of exactly this name; engines also find by the beginning of an id, which must not count.
    pub(crate) async fn find_networks(&self, name: &str) -> Result<Vec<wire::Network>, Failure> {
        let path = format!("/networks?filters={}", filters(&json!({ "name": [name] })));
        let mut networks: Vec<wire::Network> = self.get(&path).await?;
        networks.retain(|network| network.name == name);
        Ok(networks)
    }

    /// Returns the container of exactly this name; engines also find by the beginning of an id, which must not count.
    pub(crate) async fn find_container(&self, name: &str) -> Result<Option<wire::Container>, Failure> {
        match self.get::<wire::Container>(&format!("/containers/{}/json", encode(name))).await {
            Ok(container) if container.name.strip_prefix('/') == Some(name) => Ok(Some(container)),
            Ok(_) => Ok(None),
            Err(failure) if failure.is_not_found() => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}
