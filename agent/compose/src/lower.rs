use std::collections::{BTreeMap, BTreeSet};

pub use hearth_model::conventions::{ContainerNaming, Gate};
use hearth_model::package::{Access, Requirements, WebPage};
use hearth_model::spec::{FileSpec, FolderSpec, NetworkSpec, VolumeSpec};
use hearth_model::{AppId, AppSpec, Digest, ServiceName};

use crate::diagnostics::Diagnostics;
use crate::project::{Project, Service};
use crate::source::Problems;
pub use time::TimeZone;

/// What a container may do beyond its own folder and network.
mod access;
/// One service's container.
mod container;
/// Dependencies between services.
mod depends;
/// Configs and secrets.
mod files;
/// Keys that Hearth runs no container with.
mod limits;
/// Mounts.
mod mounts;
/// Networks.
mod networks;
/// Published ports and the web page.
mod ports;
/// Memory, processors, devices.
mod resources;
/// The time zone.
mod time;
/// Options of volumes.
mod volume_options;
/// Named volumes.
mod volumes;
/// What equals control of the whole box.
mod whole_box;

/// What a project is lowered with.
#[derive(Debug, Clone)]
pub struct Lowering<'a> {
    /// The app that it becomes; also the project's name.
    pub app: AppId,
    /// The app's folder, absolute: what it may mount without asking, and the project's folder.
    pub app_dir: &'a str,
    /// Digest of the package's files.
    pub package_digest: Digest,
    /// The package's version.
    pub version: String,
    /// The page that "open" leads to, as the package proposes it.
    pub web: Option<WebPage>,
    /// Who may pass to that page, when the agent stands in front of it; `None` publishes it.
    pub gate: Option<&'a Gate>,
    /// Host ports that the owner chose, by the package's own: `8080/tcp`.
    pub ports: &'a BTreeMap<String, u16>,
    /// What the package needs to run well.
    pub requires: Requirements,
    /// How containers are named.
    pub naming: ContainerNaming,
    /// The time zone of the box.
    pub time_zone: &'a TimeZone,
}

/// Returns what an app is made of.
///
/// Names on the engine all begin with the app's; named volumes without options become folders of the app,
/// `volumes/<name>`; inline configs and secrets become files below `.hearth`; and what a container may do beyond the
/// app's own folder and network is listed as access that needs the owner's consent.
///
/// # Errors
/// A path that leads out of the app's folder in disguise, a port published twice, a web page of no service, more than one
/// container of a service, and keys that Hearth runs no container with; each with its place.
pub fn lower(project: &Project, context: &Lowering<'_>) -> Result<AppSpec, Diagnostics> {
    let mut lowerer = Lowerer {
        project,
        context,
        problems: Problems::default(),
        access: BTreeSet::new(),
        files: BTreeMap::new(),
        folders: BTreeMap::new(),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
    };
    let spec = lowerer.app();
    if lowerer.problems.has_errors() { Err(project.diagnostics(lowerer.problems)) } else { Ok(spec) }
}

struct Lowerer<'a> {
    project: &'a Project,
    context: &'a Lowering<'a>,
    problems: Problems,
    access: BTreeSet<Access>,
    files: BTreeMap<String, FileSpec>,
    folders: BTreeMap<String, FolderSpec>,
    networks: BTreeMap<String, NetworkSpec>,
    volumes: BTreeMap<String, VolumeSpec>,
}

impl Lowerer<'_> {
    fn app(&mut self) -> AppSpec {
        self.lower_networks();
        self.lower_volumes();
        let mut services = BTreeMap::new();
        for (name, service) in &self.project.services {
            match name.parse::<ServiceName>() {
                Ok(id) => {
                    if let Some(lowered) = self.service(name, service) {
                        services.insert(id, lowered);
                    }
                }
                Err(error) => self.problems.error(service.at, error.to_string()),
            }
        }
        let (web, door) = self.web_page(&mut services).unzip();
        let door = door.flatten();
        self.check_ports(&services, door.as_ref());
        AppSpec {
            app: self.context.app.clone(),
            version: self.context.version.clone(),
            package_digest: self.context.package_digest.clone(),
            services,
            networks: std::mem::take(&mut self.networks),
            volumes: std::mem::take(&mut self.volumes),
            files: std::mem::take(&mut self.files),
            folders: std::mem::take(&mut self.folders),
            web,
            door,
            onion: None,
            access: std::mem::take(&mut self.access),
            requires: self.context.requires,
            hooks: BTreeSet::new(),
        }
    }

    /// Returns the name of a service's container.
    fn container_name(&self, service: &str) -> String {
        let app = &self.context.app;
        match self.context.naming {
            ContainerNaming::Compose => format!("{app}-{service}-1"),
            ContainerNaming::Underscores => format!("{app}_{service}_1"),
        }
    }

    /// Returns the service of this app that asked for a container name.
    fn service_named(&self, container: &str) -> Option<&str> {
        let mut services = self.project.services.iter();
        let found = services.find(|(name, service)| {
            service.container_name == container || self.container_name(name) == container
        });
        found.map(|(name, _)| name.as_str())
    }

    /// Returns the name of a network or volume that is this app's own.
    fn own_name(&self, key: &str) -> String {
        format!("{}_{key}", self.context.app)
    }
}

/// Returns the user and group of a service, where they are numbers.
fn numeric_user(service: &Service) -> (Option<u32>, Option<u32>) {
    let (user, group) = service.user.split_once(':').unwrap_or((&service.user, ""));
    (user.parse().ok(), group.parse().ok())
}

#[cfg(test)]
mod tests;
