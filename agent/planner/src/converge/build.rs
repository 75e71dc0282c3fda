use std::collections::BTreeMap;

use hearth_model::condition::ReasonCode;
use hearth_model::container::PullPolicy;
use hearth_model::observed::DataState;
use hearth_model::{AppSpec, DataStep, EngineStep, ImageRef, Observed, Reason, ServiceName, Step};

use super::{Converge, Stages};

/// What is made before anything starts.
pub(super) struct Build {
    /// Images, all in one stage; fetched while what is replaced still runs.
    pub(super) fetch: Stages,
    /// Data, files, networks, volumes, containers.
    pub(super) make: Stages,
}

impl Build {
    pub(super) fn is_empty(&self) -> bool {
        self.fetch.is_empty() && self.make.is_empty()
    }
}

impl Converge<'_> {
    /// Returns what has to be fetched and made. Files are written again before anything is started.
    pub(super) fn build(&self, starts_something: bool) -> Result<Build, Reason> {
        let app = &self.spec.app;
        let created = |service: &&&ServiceName| self.kept(service).is_none();
        let fetch =
            fetch(self.spec, self.order.services.iter().filter(created).copied(), self.world.input.observed)?;
        // Networks need nothing of the folder, and the engine takes its time for them.
        let mut first = self.networks();
        if self.data_state() == Some(DataState::New) && self.after_stop.is_empty() {
            first.insert(0, Step::Data(DataStep::CreateData { app: app.clone() }));
        }
        let mut make: Stages = vec![first];
        let creates: Stages = self
            .order
            .creation_layers()
            .iter()
            .map(|layer| layer.iter().filter(created).map(|service| self.create(service)).collect())
            .collect();
        let makes_something = starts_something || creates.iter().any(|stage| !stage.is_empty());
        if makes_something && !(self.spec.files.is_empty() && self.spec.folders.is_empty()) {
            make.push(vec![Step::Data(DataStep::WriteFiles {
                app: app.clone(),
                folders: self.spec.folders.clone(),
                files: self.spec.files.clone(),
            })]);
        }
        make.push(self.volumes());
        make.extend(creates);
        make.retain(|stage| !stage.is_empty());
        Ok(Build { fetch: if fetch.is_empty() { Vec::new() } else { vec![fetch] }, make })
    }

    fn create(&self, service: &ServiceName) -> Step {
        Step::Engine(EngineStep::CreateContainer {
            app: self.spec.app.clone(),
            service: service.clone(),
            package_digest: self.spec.package_digest.clone(),
            restarts: self.entry.restarts,
            container: Box::new(self.spec.services[service].container.clone()),
        })
    }

    fn networks(&self) -> Vec<Step> {
        let observed = self.world.input.observed;
        let networks = self.spec.networks.iter().filter(|(name, network)| {
            let missing = !observed.networks.contains_key(*name) || self.remade.contains(name.as_str());
            missing && !network.external && !network.shared
        });
        networks
            .map(|(name, network)| {
                Step::Engine(EngineStep::CreateNetwork {
                    app: Some(self.spec.app.clone()),
                    name: name.clone(),
                    network: network.clone(),
                })
            })
            .collect()
    }

    fn volumes(&self) -> Vec<Step> {
        let observed = self.world.input.observed;
        let volumes = self
            .spec
            .volumes
            .iter()
            .filter(|(name, volume)| !volume.external && !observed.volumes.contains_key(*name));
        volumes
            .map(|(name, volume)| {
                Step::Engine(EngineStep::CreateVolume {
                    app: self.spec.app.clone(),
                    name: name.clone(),
                    volume: volume.clone(),
                })
            })
            .collect()
    }
}

/// Returns a pull for each image of these services that is missing, or that its policy has asked for again.
///
/// # Errors
/// When a missing image must not be fetched.
pub(crate) fn fetch<'a>(
    spec: &'a AppSpec,
    services: impl Iterator<Item = &'a ServiceName>,
    observed: &Observed,
) -> Result<Vec<Step>, Reason> {
    let mut pulls: BTreeMap<(&ImageRef, Option<&String>), PullPolicy> = BTreeMap::new();
    for service in services {
        let container = &spec.services[service].container;
        let key = (&container.image, container.platform.as_ref());
        let is_there = observed.images.contains(&container.image);
        match container.pull_policy {
            PullPolicy::Always => {
                pulls.insert(key, PullPolicy::Always);
            }
            PullPolicy::Missing | PullPolicy::Never if is_there => {}
            PullPolicy::Missing => {
                pulls.entry(key).or_insert(PullPolicy::Missing);
            }
            PullPolicy::Never => {
                return Err(Reason::of_service(
                    ReasonCode::ImageNotFound,
                    service.as_str(),
                    format!(
                        "The image {} has to be on this box already, as the package says, and is not. Load it with `docker load`, then try again.",
                        container.image.familiar()
                    ),
                ));
            }
        }
    }
    let pulls = pulls.into_iter().map(|((image, platform), policy)| {
        Step::Engine(EngineStep::PullImage { image: image.clone(), policy, platform: platform.cloned() })
    });
    Ok(pulls.collect())
}
