use std::collections::{BTreeMap, BTreeSet};

use hearth_model::api::apps::Finding;
use hearth_model::condition::ReasonCode;
use hearth_model::container::Protocol;
use hearth_model::host_port::{HostAddress, HostPort, HostSocket};
use hearth_model::package::Architecture;
use hearth_model::{AppId, AppSpec, Bytes, Observed, Reason};

/// So many published ports of an app cost nothing that anybody notices.
const FEW_PORTS: usize = 20;
/// Memory that Docker needs for one published port on all addresses: a program each for IPv4 and IPv6. Measured with Docker
/// 20.10: 500 MB for 200 ports.
const PORT_BYTES: u64 = 2_500_000;
/// Ports offered instead of taken ones begin here: below are those that need rights, above 32767 are those that the
/// kernel gives to outgoing connections
/// ([`ip_local_port_range`](https://docs.kernel.org/networking/ip-sysctl.html)).
const FREE_PORTS: std::ops::RangeInclusive<u16> = 8100..=32767;

/// What is to be installed or changed.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What it would be made of.
    pub spec: &'a AppSpec,
    /// Processors that its images run on; empty when not known.
    pub architectures: &'a [Architecture],
    /// The owner's choice of ports, by `port/protocol` as the package has it.
    pub ports: &'a BTreeMap<String, u16>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// What stands in the way.
    pub blockers: Vec<Finding>,
    /// What the owner should know.
    pub warnings: Vec<Finding>,
    /// A free port for each that is taken, by `port/protocol` as the package has it.
    pub free_ports: BTreeMap<String, u16>,
}

/// Looks whether an app would fit on this box beside the others, before anything is tried.
///
/// `others` may hold the app itself, which never clashes with itself.
pub fn findings(
    candidate: &Candidate<'_>,
    others: &BTreeMap<AppId, Result<AppSpec, Reason>>,
    observed: &Observed,
) -> Findings {
    let mut findings = Findings::default();
    ports(&mut findings, candidate, others, observed);
    names(&mut findings, candidate.spec, observed);
    architecture(&mut findings, candidate, observed);
    disk(&mut findings, candidate.spec, observed);
    memory(&mut findings, candidate.spec, observed);
    many_ports(&mut findings, candidate.spec);
    findings
}

/// Finds ports that the owner chose and the package does not publish; `package` is what it is made of without any choice.
pub fn unknown_ports(package: &AppSpec, chosen: &BTreeMap<String, u16>) -> Vec<Finding> {
    let name = |port: &HostPort<'_>| format!("{}/{}", port.socket.port, port.socket.protocol.as_str());
    let known: BTreeSet<String> = package.host_ports().map(|port| name(&port)).collect();
    let has = match known.len() {
        0 => "it publishes none".to_owned(),
        _ => format!("it has {}", known.iter().cloned().collect::<Vec<_>>().join(", ")),
    };
    let unknown = chosen.keys().filter(|port| !known.contains(*port));
    unknown
        .map(|port| Finding {
            code: ReasonCode::SettingsInvalid,
            message: format!("{} has no port {port} that could be moved: {has}.", package.app),
            field: Some(port.clone()),
        })
        .collect()
}

fn finding(code: ReasonCode, message: String) -> Finding {
    Finding { code, message, field: None }
}

fn ports(
    findings: &mut Findings,
    candidate: &Candidate<'_>,
    others: &BTreeMap<AppId, Result<AppSpec, Reason>>,
    observed: &Observed,
) {
    let app = &candidate.spec.app;
    let taken = taken_ports(app, others, observed);
    let mut offered: BTreeSet<(Protocol, u16)> = BTreeSet::new();
    let mut wanted: BTreeMap<(Protocol, u16), Vec<HostAddress>> = BTreeMap::new();
    for HostPort { socket, .. } in candidate.spec.host_ports() {
        wanted.entry((socket.protocol, socket.port)).or_default().push(socket.address);
    }
    for ((protocol, number), addresses) in &wanted {
        let (protocol, number) = (*protocol, *number);
        let holder_of = |port: u16| {
            let at = addresses.iter().map(|address| HostSocket { protocol, port, address: *address });
            at.into_iter().find_map(|wanted| taken.iter().find(|(socket, _)| socket.overlaps(wanted)))
        };
        let Some((at, holder)) = holder_of(number) else { continue };
        let field = package_port(candidate.ports, (protocol, number));
        let free = FREE_PORTS.into_iter().find(|free| {
            let port = (protocol, *free);
            holder_of(*free).is_none() && !wanted.contains_key(&port) && offered.insert(port)
        });
        let advice = match free {
            Some(free) => format!("Port {free} is free."),
            None => "Stop one of the two.".to_owned(),
        };
        findings.blockers.push(Finding {
            code: ReasonCode::PortTaken,
            message: format!(
                "Port {number} ({}) is used by {holder}{}. {advice}",
                protocol.as_str(),
                at.address
            ),
            field: Some(field.clone()),
        });
        if let Some(free) = free {
            findings.free_ports.insert(field, free);
        }
    }
}

/// Returns who has which port or will have it once it runs.
fn taken_ports(
    app: &AppId,
    others: &BTreeMap<AppId, Result<AppSpec, Reason>>,
    observed: &Observed,
) -> BTreeMap<HostSocket, String> {
    let mut taken = observed.foreign_ports.clone();
    for container in observed.containers.values().filter(|container| container.app == *app) {
        // What its own containers have it keeps, whatever name the host gives their listener.
        taken.retain(|socket, _| !container.ports.iter().any(|own| own.overlaps(*socket)));
    }
    for container in observed.containers.values().filter(|container| container.app != *app) {
        if crate::world::is_active(container) {
            taken.extend(container.ports.iter().map(|port| (*port, format!("the app {}", container.app))));
        }
    }
    for (other, spec) in others.iter().filter(|(other, _)| *other != app) {
        let ports = spec.iter().flat_map(AppSpec::host_ports);
        taken.extend(ports.map(|port| (port.socket, format!("the app {other}"))));
    }
    taken
}

/// Returns the package's own name of a port: the one that the owner replaced by it, or the same.
fn package_port(chosen: &BTreeMap<String, u16>, (protocol, port): (Protocol, u16)) -> String {
    let suffix = format!("/{}", protocol.as_str());
    let replaced = chosen.iter().find(|(key, to)| **to == port && key.ends_with(&suffix));
    replaced.map_or_else(|| format!("{port}{suffix}"), |(key, _)| key.clone())
}

fn names(findings: &mut Findings, spec: &AppSpec, observed: &Observed) {
    for service in spec.services.values() {
        let name = &service.container.name;
        let holder = match observed.containers.get(name) {
            Some(container) if container.app != spec.app => format!("the app {}", container.app),
            _ if observed.foreign_containers.contains(name) => {
                "a container that was not made by Hearth; rename or remove it".to_owned()
            }
            _ => continue,
        };
        let message = format!("The container name `{name}` is used by {holder}.");
        findings.blockers.push(finding(ReasonCode::NameTaken, message));
    }
}

fn architecture(findings: &mut Findings, candidate: &Candidate<'_>, observed: &Observed) {
    let Some(own) = observed.host.architecture else { return };
    if candidate.architectures.is_empty() || candidate.architectures.contains(&own) {
        return;
    }
    let known: Vec<String> =
        candidate.architectures.iter().map(|one| format!("{one:?}").to_lowercase()).collect();
    findings.blockers.push(finding(
        ReasonCode::WrongArchitecture,
        format!(
            "This box has a processor of the kind {}, and the app is made for {} only.",
            format!("{own:?}").to_lowercase(),
            known.join(" and ")
        ),
    ));
}

fn disk(findings: &mut Findings, spec: &AppSpec, observed: &Observed) {
    let Some(needed) = spec.requires.disk_mb.map(Bytes::from_mb) else { return };
    let host = &observed.host;
    if host.data_total_bytes == 0 {
        return;
    }
    let free =
        Bytes(host.engine_free_bytes.map_or(host.data_free_bytes, |engine| engine.min(host.data_free_bytes)));
    let message = |what: &str| format!("The app needs {needed} of disk space, and {what} {free} are free.");
    if free < needed {
        let text = format!("{} Remove what you no longer need, then try again.", message("only"));
        findings.blockers.push(finding(ReasonCode::DiskFull, text));
    } else if free.0 - needed.0 < host.data_total_bytes / 20 {
        let text = format!("{} Little will be left for its data.", message("just"));
        findings.warnings.push(finding(ReasonCode::DiskFull, text));
    }
}

fn memory(findings: &mut Findings, spec: &AppSpec, observed: &Observed) {
    let Some(needed) = spec.requires.memory_mb.map(Bytes::from_mb) else { return };
    let host = &observed.host;
    if host.memory_total_bytes == 0 {
        return;
    }
    let (total, available) = (Bytes(host.memory_total_bytes), Bytes(host.memory_available_bytes));
    if total < needed {
        let text = format!("The app needs {needed} of memory, and this box has {total} in all.");
        findings.blockers.push(finding(ReasonCode::MemoryShort, text));
    } else if available < needed {
        let text = format!(
            "The app needs {needed} of memory, and {available} are free now. It may be slow, or other apps may be stopped."
        );
        findings.warnings.push(finding(ReasonCode::MemoryShort, text));
    }
}

/// Says what a range of ports costs: the engine runs programs for each port, whether it is used or not.
fn many_ports(findings: &mut Findings, spec: &AppSpec) {
    let ports: usize = spec.services.values().map(|service| service.container.ports.len()).sum();
    if ports <= FEW_PORTS {
        return;
    }
    let needed = PORT_BYTES.saturating_mul(u64::try_from(ports).unwrap_or(u64::MAX));
    let text = format!(
        "The app publishes {ports} ports. While it runs, Docker needs about {} of memory for them.",
        Bytes(needed)
    );
    findings.warnings.push(finding(ReasonCode::MemoryShort, text));
}
