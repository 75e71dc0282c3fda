use std::collections::BTreeMap;

use hearth_model::container::{
    ContainerSpec, Dns, Healthcheck, Link, Logging, Namespace, PullPolicy, RestartPolicy, Ulimit, VolumesFrom,
};
use hearth_model::spec::ServiceSpec;
use hearth_model::{ImageRef, ServiceName};

use super::{Lowerer, limits};
use crate::project::parts;
use crate::project::{Mapping, Service};

/// Longest name that a container may have for itself
/// ([sethostname(2)](https://man7.org/linux/man-pages/man2/sethostname.2.html)); a longer one fails at its start.
const MAX_KERNEL_NAME: usize = 64;

/// Labels that begin so are not a package's to give.
const RESERVED_LABELS: [&str; 2] = ["sh.hearth.", "com.docker.compose."];

impl Lowerer<'_> {
    pub(super) fn service(&mut self, name: &str, service: &Service) -> Option<ServiceSpec> {
        limits::check(name, service, &mut self.problems);
        let image = match service.image.parse::<ImageRef>() {
            Ok(image) => image,
            Err(error) => {
                self.problems.error(service.place("image"), error.to_string());
                return None;
            }
        };
        self.note_access(name, service);
        let container = ContainerSpec {
            name: self.container_name(name),
            image,
            platform: some(&service.platform),
            command: service.command.clone(),
            entrypoint: service.entrypoint.clone(),
            environment: environment(service),
            labels: self.labels(service),
            user: some(&service.user),
            group_add: service.group_add.clone(),
            working_dir: some(&service.working_dir),
            hostname: self.kernel_name(service, "hostname", &service.hostname),
            domainname: self.kernel_name(service, "domainname", &service.domainname),
            mounts: self.mounts(name, service),
            ports: self.port_bindings(service),
            expose: self.exposed_ports(service),
            network: self.network(name, service),
            restart: self.restart(service),
            healthcheck: service.healthcheck.as_ref().and_then(healthcheck),
            stop_signal: some(&service.stop_signal),
            stop_grace_period_ms: service.stop_grace_period.and_then(|period| period.as_millis()),
            init: service.init,
            tty: service.tty,
            stdin_open: service.stdin_open,
            read_only: service.read_only,
            privileged: service.privileged,
            cap_add: service.cap_add.iter().map(|capability| plain_capability(capability)).collect(),
            cap_drop: service.cap_drop.iter().map(|capability| plain_capability(capability)).collect(),
            security_opt: security_opt(service),
            devices: self.devices(service),
            device_cgroup_rules: service.device_cgroup_rules.clone(),
            device_requests: self.device_requests(service),
            sysctls: service.sysctls.clone(),
            ulimits: service.ulimits.iter().map(|(name, limit)| (name.clone(), ulimit(*limit))).collect(),
            resources: self.resources(service),
            shm_size_bytes: service.shm_size.as_u64().filter(|bytes| *bytes > 0),
            pid: self.namespace("pid", service, &service.pid),
            ipc: self.namespace("ipc", service, &service.ipc),
            uts: some(&service.uts),
            userns_mode: some(&service.userns_mode),
            cgroup: some(&service.cgroup),
            cgroup_parent: some(&service.cgroup_parent),
            dns: Dns {
                servers: service.dns.clone(),
                search: service.dns_search.clone(),
                options: service.dns_opt.clone(),
            },
            extra_hosts: service.extra_hosts.lines(':').into_iter().collect(),
            links: self.links(service),
            volumes_from: self.volumes_from(service),
            logging: service
                .logging
                .as_ref()
                .filter(|logging| !logging.driver.is_empty() || !logging.options.is_empty())
                .map(logging),
            runtime: some(&service.runtime),
            storage_opt: service.storage_opt.clone(),
            annotations: service.annotations.clone(),
            pull_policy: match service.pull_policy.as_str() {
                "always" => PullPolicy::Always,
                "never" => PullPolicy::Never,
                _ => PullPolicy::Missing,
            },
        };
        Some(ServiceSpec {
            container,
            depends_on: self.depends_on(service),
            one_shot: self.is_one_shot(name, service),
        })
    }

    fn labels(&mut self, service: &Service) -> Mapping {
        for label in service.labels.keys() {
            if let Some(prefix) = RESERVED_LABELS.iter().find(|prefix| label.starts_with(**prefix)) {
                let message = format!("the label `{label}` is not an app's to give: `{prefix}` is reserved");
                self.problems.error(service.place("labels"), message);
            }
        }
        service.labels.clone()
    }

    /// Checks a name that the kernel and the container's `/etc/hosts` are given.
    fn kernel_name(&mut self, service: &Service, key: &str, name: &str) -> Option<String> {
        if name.len() > MAX_KERNEL_NAME {
            let message =
                format!("`{key}` has {} bytes, and the kernel takes {MAX_KERNEL_NAME} at most", name.len());
            self.problems.error(service.place(key), message);
        } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let message = format!("`{key}` must not have spaces or line breaks: {name:?}");
            self.problems.error(service.place(key), message);
        }
        some(name)
    }

    fn restart(&mut self, service: &Service) -> RestartPolicy {
        let deploy = service.deploy.as_ref().and_then(|deploy| deploy.restart_policy.as_ref());
        if let Some(policy) = deploy {
            let attempts = policy.max_attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(0);
            return match policy.condition.as_str() {
                "none" | "no" => RestartPolicy::No,
                "on-failure" => RestartPolicy::OnFailure(attempts),
                "unless-stopped" => RestartPolicy::UnlessStopped,
                "" | "any" | "always" => RestartPolicy::Always,
                other => {
                    let message =
                        format!("`{other}` is not a restart condition; use none, on-failure or any");
                    self.problems.error(service.place("deploy"), message);
                    RestartPolicy::No
                }
            };
        }
        let (policy, attempts) = service.restart.split_once(':').unwrap_or((&service.restart, "0"));
        match (policy, attempts.parse::<u32>()) {
            ("" | "no", Ok(_)) => RestartPolicy::No,
            ("always", Ok(_)) => RestartPolicy::Always,
            ("unless-stopped", Ok(_)) => RestartPolicy::UnlessStopped,
            ("on-failure", Ok(attempts)) => RestartPolicy::OnFailure(attempts),
            _ => {
                let message = format!(
                    "`{}` is not a restart policy; use no, always, unless-stopped, on-failure or on-failure:3",
                    service.restart
                );
                self.problems.error(service.place("restart"), message);
                RestartPolicy::No
            }
        }
    }

    fn namespace(&mut self, key: &str, service: &Service, mode: &str) -> Option<Namespace> {
        let other = match mode.split_once(':') {
            Some(("service", other)) => Some(other.to_owned()),
            Some(("container", container)) => self.service_named(container).map(str::to_owned),
            _ => None,
        };
        match other {
            Some(other) => self.own_service(key, service, &other).map(Namespace::Service),
            None => some(mode).map(Namespace::Engine),
        }
    }

    fn links(&mut self, service: &Service) -> Vec<Link> {
        let links = service.links.iter().map(|link| link.split_once(':').unwrap_or((link, link)));
        let links = links.filter_map(|(other, alias)| {
            let other = self.own_service("links", service, other)?;
            Some(Link { service: other, alias: alias.to_owned() })
        });
        links.collect()
    }

    fn volumes_from(&mut self, service: &Service) -> Vec<VolumesFrom> {
        let mut from = Vec::new();
        for entry in &service.volumes_from {
            if let Some(container) = entry.strip_prefix("container:") {
                let message =
                    format!("`volumes_from` names the container `{container}`, which is not of this app");
                self.problems.error(service.place("volumes_from"), message);
                continue;
            }
            let (other, mode) =
                entry.split_once(':').map_or((entry.as_str(), "rw"), |(other, mode)| (other, mode));
            if !["ro", "rw"].contains(&mode) {
                let message = format!("`{entry}` of `volumes_from` ends in `{mode}`; use ro or rw");
                self.problems.error(service.place("volumes_from"), message);
            }
            if let Some(service) = self.own_service("volumes_from", service, other) {
                from.push(VolumesFrom { service, read_only: mode == "ro" });
            }
        }
        from
    }

    /// Returns the service of this app that a key names. One that a profile disables has no container, and the name that
    /// its container would have can be that of another app's.
    pub(super) fn own_service(&mut self, key: &str, service: &Service, other: &str) -> Option<ServiceName> {
        let found = other.parse().ok().filter(|_| self.project.services.contains_key(other));
        if found.is_none() {
            let message = format!("`{key}` names `{other}`, which is no service of this app that runs");
            self.problems.error(service.place(key), message);
        }
        found
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A variable without a value anywhere is not set in the container.
fn environment(service: &Service) -> BTreeMap<String, String> {
    let set = service.environment.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    set.collect()
}

/// Returns a capability in capitals and without `CAP_`.
pub(super) fn plain_capability(capability: &str) -> String {
    let capability = capability.to_uppercase();
    capability.strip_prefix("CAP_").unwrap_or(&capability).to_owned()
}

/// Keeps processes from gaining rights by set-user-ID programs, unless the package says otherwise.
fn security_opt(service: &Service) -> Vec<String> {
    let mut options = service.security_opt.clone();
    let declared = options.iter().any(|option| option.starts_with("no-new-privileges"));
    if !declared && !service.privileged {
        options.push("no-new-privileges:true".to_owned());
    }
    options
}

fn healthcheck(check: &parts::Healthcheck) -> Option<Healthcheck> {
    let none = Healthcheck {
        test: vec!["NONE".to_owned()],
        interval_ms: None,
        timeout_ms: None,
        retries: None,
        start_period_ms: None,
        start_interval_ms: None,
    };
    if check.disable || check.test.first().is_some_and(|first| first == "NONE") {
        return Some(none);
    }
    let lowered = Healthcheck {
        test: check.test.clone(),
        interval_ms: check.interval.and_then(|time| time.as_millis()),
        timeout_ms: check.timeout.and_then(|time| time.as_millis()),
        retries: check.retries,
        start_period_ms: check.start_period.and_then(|time| time.as_millis()),
        start_interval_ms: check.start_interval.and_then(|time| time.as_millis()),
    };
    (lowered != Healthcheck { test: Vec::new(), ..none }).then_some(lowered)
}

fn logging(logging: &parts::Logging) -> Logging {
    Logging { driver: logging.driver.clone(), options: logging.options.clone() }
}

fn ulimit(limit: parts::Ulimit) -> Ulimit {
    match limit.single {
        0 => Ulimit { soft: limit.soft, hard: limit.hard },
        both => Ulimit { soft: both, hard: both },
    }
}
