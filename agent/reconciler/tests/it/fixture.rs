use std::collections::BTreeMap;

use hearth_model::container::{Endpoint, Healthcheck, NetworkMode, PortBinding, Protocol, RestartPolicy};
use hearth_model::conventions::Gate;
use hearth_model::desired::{DesiredApp, Run};
use hearth_model::door::Door;
use hearth_model::host_port::{HostAddress, HostSocket};
use hearth_model::package::{Requirements, Scheme};
use hearth_model::spec::{Dependency, DependencyCondition, NetworkSpec, ServiceSpec};
use hearth_model::{AppId, AppSpec, ContainerSpec, Digest, ServiceName};

pub(crate) fn id(app: &str) -> AppId {
    app.parse().expect("a valid app id")
}

pub(crate) fn service(name: &str) -> ServiceName {
    name.parse().expect("a valid service name")
}

/// Returns an app without services, at version 1, with a network of its own.
pub(crate) fn app(name: &str) -> AppSpec {
    AppSpec {
        app: id(name),
        version: "1".to_owned(),
        package_digest: Digest::of(b""),
        services: BTreeMap::new(),
        networks: BTreeMap::from([(format!("{name}_default"), NetworkSpec::default())]),
        volumes: BTreeMap::new(),
        files: BTreeMap::new(),
        folders: BTreeMap::new(),
        web: None,
        door: None,
        onion: None,
        access: Default::default(),
        requires: Requirements::default(),
        hooks: Default::default(),
    }
}

/// Adds to an app in few words.
pub(crate) trait Build: Sized {
    fn service(self, name: &str, image: &str) -> Self;
    /// Changes the service that was added last, by name.
    fn with(self, name: &str, change: impl FnOnce(&mut ServiceSpec)) -> Self;
    fn version(self, version: &str) -> Self;

    fn checked(self, name: &str) -> Self {
        self.with(name, |service| service.container.healthcheck = Some(check()))
    }
    fn one_shot(self, name: &str) -> Self {
        self.with(name, |service| {
            service.one_shot = true;
            service.container.restart = RestartPolicy::No;
        })
    }
    fn restart(self, name: &str, policy: RestartPolicy) -> Self {
        self.with(name, |service| service.container.restart = policy)
    }
    fn port(self, name: &str, port: u16) -> Self {
        self.with(name, |service| {
            service.container.ports.push(PortBinding {
                host_ip: None,
                host_port: Some(port),
                container_port: 80,
                protocol: Protocol::Tcp,
            });
        })
    }
    /// Puts the agent in front of a service, on a port of the host.
    fn door(self, name: &str, port: u16) -> Self;
    fn after(self, name: &str, on: &str, condition: DependencyCondition) -> Self {
        let dependency = Dependency { condition, restart: false, required: true };
        self.with(name, |one| {
            one.depends_on.insert(service(on), dependency);
        })
    }
    fn env(self, name: &str, variable: &str, value: &str) -> Self {
        self.with(name, |service| {
            service.container.environment.insert(variable.to_owned(), value.to_owned());
        })
    }
    fn inside(self, name: &str, other: &str) -> Self {
        self.with(name, |one| one.container.network = NetworkMode::Service(service(other)))
    }
}

impl Build for AppSpec {
    fn service(mut self, name: &str, image: &str) -> Self {
        let mut container =
            ContainerSpec::new(format!("{}-{name}-1", self.app), image.parse().expect("a valid image"));
        let networks = self.networks.keys().map(|network| (network.clone(), Endpoint::default()));
        container.network = NetworkMode::Networks(networks.collect());
        container.restart = RestartPolicy::UnlessStopped;
        let spec = ServiceSpec { container, depends_on: BTreeMap::new(), one_shot: false };
        self.services.insert(name.parse().expect("a valid service name"), spec);
        self
    }

    fn with(mut self, name: &str, change: impl FnOnce(&mut ServiceSpec)) -> Self {
        change(self.services.get_mut(&service(name)).expect("a service that was added"));
        self
    }

    fn door(mut self, name: &str, port: u16) -> Self {
        let gate = Gate { sign_in: true, ..Gate::default() };
        let scheme = Scheme::Http;
        self.door = Some(Door { host_port: port, service: service(name), port: 80, scheme, gate });
        self
    }

    fn version(mut self, version: &str) -> Self {
        self.version = version.to_owned();
        self
    }
}

pub(crate) fn check() -> Healthcheck {
    Healthcheck {
        test: vec!["CMD".to_owned(), "true".to_owned()],
        interval_ms: Some(2_000),
        timeout_ms: Some(1_000),
        retries: Some(3),
        start_period_ms: None,
        start_interval_ms: None,
    }
}

/// Returns the digest that a package of this content has.
pub(crate) fn digest(spec: &AppSpec) -> Digest {
    let mut bare = spec.clone();
    bare.package_digest = Digest::of(b"");
    Digest::of(format!("{bare:?}").as_bytes())
}

/// Returns the owner's wish to run this.
pub(crate) fn entry(spec: &AppSpec) -> DesiredApp {
    DesiredApp {
        store: "hearth".parse().expect("a valid store id"),
        package: spec.app.to_string(),
        version: spec.version.clone(),
        digest: digest(spec),
        run: Run::Running,
        settings: BTreeMap::new(),
        ports: BTreeMap::new(),
        granted: Default::default(),
        uses: BTreeMap::new(),
        restarts: 0,
    }
}

/// Returns a TCP port on all addresses.
pub(crate) fn everywhere(port: u16) -> HostSocket {
    HostSocket { protocol: Protocol::Tcp, port, address: HostAddress::Any }
}

/// Returns a blog: a database with a health check, and a web server that waits for it.
pub(crate) fn blog() -> AppSpec {
    app("blog")
        .service("db", "mariadb:11")
        .checked("db")
        .service("web", "wordpress:6")
        .after("web", "db", DependencyCondition::ServiceHealthy)
        .port("web", 8080)
}
