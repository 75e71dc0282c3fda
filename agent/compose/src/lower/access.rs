use hearth_model::package::{Access, AccessKind, Reach};

use super::container::plain_capability;
use super::{Lowerer, whole_box};
use crate::project::Service;

/// What Docker gives every container: a package that names one of them asks for no more than others have
/// ([moby, default capabilities](https://github.com/moby/moby/blob/master/daemon/pkg/oci/caps/defaults.go)).
const DEFAULT_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

impl Lowerer<'_> {
    pub(super) fn grant(&mut self, kind: AccessKind, service: &str, detail: String) {
        self.access.insert(Access::new(kind, service, detail));
    }

    pub(super) fn grant_reaching(&mut self, reach: Reach, kind: AccessKind, service: &str, detail: String) {
        self.access.insert(Access { reach, ..Access::new(kind, service, detail) });
    }

    /// Notes what a service may do, mounts and networks excepted: those are noted where they are lowered.
    pub(super) fn note_access(&mut self, name: &str, service: &Service) {
        if service.privileged {
            self.grant(AccessKind::Privileged, name, String::new());
        }
        if service.network_mode == "host" {
            self.grant(AccessKind::HostNetwork, name, String::new());
        }
        for (namespace, mode) in [
            ("pid", &service.pid),
            ("ipc", &service.ipc),
            ("uts", &service.uts),
            ("userns", &service.userns_mode),
            ("cgroup", &service.cgroup),
        ] {
            let foreign = mode.strip_prefix("container:").filter(|other| self.service_named(other).is_none());
            if mode == "host" {
                self.grant(AccessKind::HostNamespace, name, namespace.to_owned());
            } else if let Some(container) = foreign {
                self.grant(AccessKind::HostNamespace, name, format!("{namespace} of container {container}"));
            }
        }
        if !service.cgroup_parent.is_empty() {
            self.grant(AccessKind::HostNamespace, name, format!("cgroup {}", service.cgroup_parent));
        }
        for capability in &service.cap_add {
            let capability = plain_capability(capability);
            if !DEFAULT_CAPABILITIES.contains(&capability.as_str()) {
                let reach = whole_box::reach_of_capability(&capability, service.pid == "host");
                self.grant_reaching(reach, AccessKind::Capabilities, name, capability);
            }
        }
        self.note_devices(name, service);
        self.note_security(name, service);
    }

    fn note_devices(&mut self, name: &str, service: &Service) {
        for device in &service.devices {
            // Without permissions it is readable and writable.
            let may_write = device.permissions.is_empty() || device.permissions.contains('w');
            let reach = whole_box::reach_of_device(&device.source, may_write);
            self.grant_reaching(reach, AccessKind::Devices, name, device.source.clone());
        }
        for rule in &service.device_cgroup_rules {
            let reach = whole_box::reach_of_rule(rule);
            self.grant_reaching(reach, AccessKind::Devices, name, format!("rule {rule}"));
        }
        for request in self.device_requests(service) {
            self.grant(AccessKind::Devices, name, request.capabilities.join(", "));
        }
        if !service.runtime.is_empty() {
            self.grant(AccessKind::Devices, name, format!("runtime {}", service.runtime));
        }
    }

    fn note_security(&mut self, name: &str, service: &Service) {
        for option in &service.security_opt {
            let (key, value) = option.split_once(['=', ':']).unwrap_or((option, ""));
            if !is_confining(key, value) {
                self.grant(AccessKind::Unconfined, name, option.clone());
            }
            if key == "seccomp" && !["unconfined", "builtin"].contains(&value) {
                let message =
                    format!("`{option}` names a file, which is not supported; use the engine's own profile");
                self.problems.error(service.place("security_opt"), message);
            }
        }
    }
}

/// Tells whether a security option leaves a container as confined as it is without. What is not known does not.
fn is_confining(key: &str, value: &str) -> bool {
    match key {
        // As Go reads a bool; without a value it is true.
        "no-new-privileges" => ["", "1", "t", "T", "TRUE", "true", "True"].contains(&value),
        "seccomp" => value == "builtin",
        "apparmor" => value == "docker-default",
        "label" => value.starts_with("level:"),
        _ => false,
    }
}
