use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hearth_model::condition::ReasonCode;
use hearth_model::container::Protocol;
use hearth_model::desired::Run;
use hearth_model::host_port::{HostAddress, HostSocket};
use hearth_model::{AppId, AppSpec, Reason};

use crate::Input;

/// Something that an app needs and another has.
#[derive(Debug, Clone)]
pub(crate) struct Clash {
    /// Who has it, and what to do.
    pub(crate) reason: Reason,
    /// Whether the other lets go by itself: it is being removed, stopped or changed.
    pub(crate) passing: bool,
}

/// Who has a port, and on which addresses.
pub(super) type Holders<'a> = BTreeMap<(Protocol, u16), Vec<(HostAddress, &'a AppId)>>;

struct Claim<'a> {
    app: &'a AppId,
    seniority: Seniority,
    service: &'a str,
    address: HostAddress,
}

/// Who of several that want a port may have it: who came first, as far as that can be seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seniority {
    HasIt,
    /// Its container runs, or the engine is about to start it again.
    IsActive,
    IsMade,
    IsNew,
}

/// Finds for each app that should run the first thing that stands in its way, a lasting one before a passing one.
pub(super) fn find<'a>(input: &Input<'a>, holders: &Holders<'a>) -> BTreeMap<&'a AppId, Clash> {
    let mut clashes: BTreeMap<&'a AppId, Clash> = BTreeMap::new();
    let mut add = |app: &'a AppId, passing: bool, reason: Reason| {
        let clash = Clash { reason, passing };
        match clashes.entry(app) {
            Entry::Occupied(mut known) if known.get().passing && !passing => {
                known.insert(clash);
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(entry) => {
                entry.insert(clash);
            }
        }
    };
    let mut names: BTreeMap<&str, &AppId> = BTreeMap::new();
    for (app, spec) in running_specs(input) {
        for service in spec.services.values() {
            let name = service.container.name.as_str();
            let holder = input.observed.containers.get(name).map(|container| &container.app);
            let first = *names.entry(name).or_insert(app);
            if input.observed.foreign_containers.contains(name) {
                add(app, false, taken("container", name, None));
            } else if let Some(other) = holder.filter(|other| *other != app) {
                add(app, !input.desired.apps.contains_key(other), taken("container", name, Some(other)));
            } else if first != app && holder.is_none() {
                add(app, false, taken("container", name, Some(first)));
            }
        }
        networks_and_volumes(input, app, spec, &mut add);
    }
    for (port, claims) in claims(input, holders) {
        let holding = holders.get(&port).map_or(&[][..], Vec::as_slice);
        for (position, claim) in claims.iter().enumerate() {
            let winner = claims[..position].iter().find(|other| claim.address.overlaps(other.address));
            if let Some(winner) = winner {
                add(claim.app, false, port_clash(port, claim, winner));
                continue;
            }
            if claim.seniority == Seniority::HasIt {
                continue;
            }
            if let Some((address, process)) = foreign(input, port, claim, holding) {
                let holder = format!("`{process}`{address}, which is not an app of Hearth");
                add(claim.app, false, port_taken(port, claim, &holder));
            }
            // Whoever has the port without a claim to it lets go soon, unless it is left as it is.
            let other = holding.iter().find(|(address, other)| {
                address.overlaps(claim.address) && !claims.iter().any(|claim| claim.app == *other)
            });
            if let Some((address, other)) = other {
                let stays = input.desired.apps.get(*other).is_some_and(|entry| entry.run == Run::Running)
                    && !matches!(input.specs.get(*other), Some(Ok(_)));
                if stays {
                    add(claim.app, false, port_taken(port, claim, &format!("the app {other}{address}")));
                } else {
                    add(claim.app, true, port_goes(port, claim, other));
                }
            }
        }
    }
    clashes
}

/// Returns who wants which host port, of all apps that should run, who may have it first.
fn claims<'a>(input: &Input<'a>, holders: &Holders<'a>) -> BTreeMap<(Protocol, u16), Vec<Claim<'a>>> {
    let mut claims: BTreeMap<(Protocol, u16), Vec<Claim<'a>>> = BTreeMap::new();
    for (app, spec) in running_specs(input) {
        for port in spec.host_ports() {
            let container = spec.services.get(port.service).map_or("", |service| &service.container.name);
            let seniority = seniority(input, holders, app, port.socket, container);
            let HostSocket { protocol, port: number, address } = port.socket;
            let claim = Claim { app, seniority, service: port.service.as_str(), address };
            claims.entry((protocol, number)).or_default().push(claim);
        }
    }
    for claims in claims.values_mut() {
        claims.sort_by_key(|claim| (claim.seniority, claim.app));
    }
    claims
}

/// Returns at which TCP ports the agent should listen, and for which app.
///
/// An app that should run comes before one that is stopped, whose door says no more than that; among those that should
/// run the first claim wins. A door that is open stays while its app's spec cannot be told.
pub(super) fn doors(input: &Input<'_>, holders: &Holders<'_>) -> BTreeMap<u16, AppId> {
    let observed = input.observed;
    let mut doors = observed.doors.clone();
    doors.retain(|_, app| {
        input.desired.apps.contains_key(app) && !matches!(input.specs.get(app), Some(Ok(_)))
    });
    let claims = claims(input, holders);
    for ((protocol, port), claims) in &claims {
        let Some(first) = claims.first().filter(|_| *protocol == Protocol::Tcp) else { continue };
        let is_door = input.spec(first.app).and_then(|spec| spec.door.as_ref());
        if is_door.is_some_and(|door| door.host_port == *port) {
            doors.entry(*port).or_insert_with(|| first.app.clone());
        }
    }
    let stopped = input.desired.apps.iter().filter(|(_, entry)| entry.run == Run::Stopped);
    let of_stopped = stopped.filter_map(|(app, _)| Some((app, input.spec(app)?.door.as_ref()?.host_port)));
    for (app, port) in of_stopped.filter(|(_, port)| !claims.contains_key(&(Protocol::Tcp, *port))) {
        let has_it = observed.doors.get(&port) == Some(app);
        let first = doors.entry(port).or_insert_with(|| app.clone());
        if has_it {
            app.clone_into(first);
        }
    }
    // What a container of another app has is given up before the agent takes it.
    doors.retain(|port, app| {
        let holding = holders.get(&(Protocol::Tcp, *port)).into_iter().flatten();
        observed.doors.get(port) == Some(app)
            || holding.copied().all(|(_, holder)| holder == app || observed.doors.get(port) == Some(holder))
    });
    doors
}

fn seniority(
    input: &Input<'_>,
    holders: &Holders<'_>,
    app: &AppId,
    wanted: HostSocket,
    container: &str,
) -> Seniority {
    let holding = holders.get(&(wanted.protocol, wanted.port)).into_iter().flatten();
    // The engine tells a port on all addresses as one of each family.
    let has = |address: HostAddress| {
        address.overlaps(wanted.address) && (address == wanted.address || address.is_wide())
    };
    if holding.copied().any(|(address, holder)| holder == app && has(address)) {
        return Seniority::HasIt;
    }
    match input.observed.containers.get(container).filter(|container| container.app == *app) {
        Some(container) if super::is_active(container) => Seniority::IsActive,
        Some(_) => Seniority::IsMade,
        None => Seniority::IsNew,
    }
}

fn running_specs<'a>(input: &Input<'a>) -> impl Iterator<Item = (&'a AppId, &'a AppSpec)> {
    let specs = input.specs;
    let running = input.desired.apps.iter().filter(|(_, entry)| entry.run == Run::Running);
    running.filter_map(move |(app, _)| Some((app, specs.get(app)?.as_ref().ok()?)))
}

fn networks_and_volumes<'a>(
    input: &Input<'a>,
    app: &'a AppId,
    spec: &'a AppSpec,
    add: &mut impl FnMut(&'a AppId, bool, Reason),
) {
    for (name, network) in &spec.networks {
        match input.observed.networks.get(name) {
            None if network.external => add(app, false, absent("network", name)),
            Some(seen) if !network.external && !seen.ours => add(app, false, taken("network", name, None)),
            Some(seen) if !network.external && !network.shared && seen.app.as_ref() != Some(app) => {
                let passing = seen.app.as_ref().is_some_and(|other| !input.desired.apps.contains_key(other));
                add(app, passing, taken("network", name, seen.app.as_ref()));
            }
            None | Some(_) => {}
        }
    }
    for (name, volume) in &spec.volumes {
        match input.observed.volumes.get(name) {
            None if volume.external => add(app, false, absent("volume", name)),
            Some(seen) if !volume.external && seen.app.as_ref() != Some(app) => {
                let passing = seen.app.as_ref().is_some_and(|other| !input.desired.apps.contains_key(other));
                add(app, passing, taken("volume", name, seen.app.as_ref()));
            }
            None | Some(_) => {}
        }
    }
}

/// Returns what is not Hearth's and has a port on an address that is claimed. The engine's listeners for the app's own
/// containers are the app's, whatever their program is called.
fn foreign<'a>(
    input: &Input<'a>,
    (protocol, port): (Protocol, u16),
    claim: &Claim<'_>,
    holding: &[(HostAddress, &AppId)],
) -> Option<(HostAddress, &'a str)> {
    let wanted = HostSocket { protocol, port, address: claim.address };
    let is_own = |seen: HostAddress| holding.iter().any(|(own, app)| *app == claim.app && own.overlaps(seen));
    let mut seen = input.observed.foreign_ports.iter();
    let (socket, process) = seen.find(|(socket, _)| socket.overlaps(wanted) && !is_own(socket.address))?;
    Some((socket.address, process))
}

fn port_clash(port: (Protocol, u16), claim: &Claim<'_>, winner: &Claim<'_>) -> Reason {
    if winner.app != claim.app {
        return port_taken(port, claim, &format!("the app {}{}", winner.app, winner.address));
    }
    let message = format!(
        "The services {} and {} of this app both want port {} ({}){}. Give one of them another port in the app's settings.",
        winner.service,
        claim.service,
        port.1,
        port.0.as_str(),
        winner.address
    );
    Reason::of_service(ReasonCode::PortTaken, claim.service, message)
}

fn port_taken((protocol, port): (Protocol, u16), claim: &Claim<'_>, holder: &str) -> Reason {
    let message = format!(
        "Port {port} ({}) is used by {holder}. Choose another port in the app's settings, or stop what uses it.",
        protocol.as_str()
    );
    Reason::of_service(ReasonCode::PortTaken, claim.service, message)
}

fn port_goes((protocol, port): (Protocol, u16), claim: &Claim<'_>, holder: &AppId) -> Reason {
    let message = format!("Port {port} ({}) is about to be given up by the app {holder}.", protocol.as_str());
    Reason::of_service(ReasonCode::Waiting, claim.service, message)
}

fn taken(what: &str, name: &str, by: Option<&AppId>) -> Reason {
    let message = match by {
        Some(app) => {
            format!("The {what} name `{name}` is used by the app {app}. Remove one of the two apps.")
        }
        None => format!(
            "There is a {what} named `{name}` that was not made by Hearth, and Hearth does not touch it. Rename or remove it, then try again."
        ),
    };
    Reason::new(ReasonCode::NameTaken, message)
}

fn absent(what: &str, name: &str) -> Reason {
    Reason::new(
        ReasonCode::DependencyFailed,
        format!(
            "The app needs the {what} `{name}`, which it expects to be there already. Install what makes it, or run `docker {what} create {name}`, then try again."
        ),
    )
}
