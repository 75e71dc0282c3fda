use std::collections::BTreeMap;
use std::fmt::Write as _;

use hearth_model::container::{Endpoint, NetworkMode};
use hearth_model::conventions::Need;
use hearth_model::desired::DesiredApp;
use hearth_model::package::{AccessKind, Package, Scheme};
use hearth_model::spec::{FileSpec, FolderSpec};
use hearth_model::{AppId, AppSpec, Desired, Digest, ServiceName};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::circle::Packages;
use super::{Seeds, Subject, shared};
use crate::onion::OnionKey;

/// The address of the proxy and its ports; [packages of umbrelOS name them](https://github.com/getumbrel/umbrel).
pub(super) const ADDRESS: &str = "10.21.21.11";
const SOCKS_PORT: u16 = 9050;
const CONTROL_PORT: u16 = 29051;
/// The name by which they know its container.
pub(super) const NAME: &str = "tor_proxy";
/// What an app is told that has no onion service.
const NOT_ENABLED: &str = "not-enabled.onion";
/// The port of an onion service at which Hearth's own sign-in answers: 80 is the app's there.
pub(crate) const SIGN_IN_PORT: u16 = 2000;
/// Changes whenever the proxy has to read its files anew.
const LABEL: &str = "sh.hearth.torrc";

/// What the owner is asked for before an app shares it with others: details of an access to the box's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The network of fixed addresses.
    FixedAddresses,
    /// The keys and the traffic of the onion services of all apps.
    IsTor,
    /// The control port of the box's Tor.
    TorControl,
}

impl Asked {
    /// Returns what the consent is kept as. The release before this one reads it as well.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::FixedAddresses => hearth_compose::FIXED_ADDRESSES,
            Self::IsTor => hearth_compose::IS_TOR,
            Self::TorControl => hearth_compose::TOR_CONTROL,
        }
    }

    /// Tells whether the owner agreed to it for an app.
    pub(crate) fn is_granted(self, wanted: &DesiredApp) -> bool {
        let mut granted = wanted.granted.iter();
        granted.any(|access| access.kind == AccessKind::HostNetwork && access.detail == self.detail())
    }
}

/// What the box's Tor means for an app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Tor {
    /// There is none.
    #[default]
    None,
    /// The app has an onion service for its page, and may reach others.
    Given,
    /// The app is the box's Tor.
    IsIt {
        /// The onion services of the other apps.
        services: BTreeMap<AppId, OnionService>,
    },
}

/// What is behind an app's onion address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnionService {
    /// Port of the host at which the page answers.
    port: u16,
    /// What it speaks there.
    scheme: Scheme,
    /// Whether Hearth asks for its sign-in before it.
    sign_in: bool,
}

impl Tor {
    /// Returns what the box's Tor means for an app.
    pub(crate) fn of(app: &AppId, package: &Package, desired: &Desired, packages: &Packages) -> Self {
        let installed = provider(desired, packages);
        match installed {
            Some(other) if other != app => Self::Given,
            None if package.manifest.tor.is_none() => Self::None,
            Some(_) | None => Self::IsIt { services: services(app, desired, packages) },
        }
    }

    /// Returns an app's onion address, where it has one.
    pub(super) fn address(&self, subject: Subject<'_>) -> Option<String> {
        let has_one = *self == Self::Given && is_reached(subject.package);
        has_one.then(|| OnionKey::of(subject.app, &subject.around.seeds).address())
    }

    /// Returns what an app is told of it, by variable.
    pub(super) fn variables(&self, subject: Subject<'_>) -> [(String, String); 2] {
        let is_given = *self != Self::None && Asked::TorControl.is_granted(subject.desired);
        let password = if is_given { subject.around.seeds.tor_control_password() } else { String::new() };
        let address = self.address(subject).unwrap_or_else(|| NOT_ENABLED.to_owned());
        [("APP_ONION".to_owned(), address), ("TOR_CONTROL_PASSWORD".to_owned(), password)]
    }

    /// Tells whether an app joins the network of fixed addresses to reach it.
    pub(super) fn is_reached_by(&self, package: &Package) -> bool {
        *self == Self::Given && package.conventions.needs.contains(&Need::Tor)
    }

    /// Adds to what an app is made of: the proxy's address and files, or where scripts read the app's own address.
    ///
    /// # Errors
    /// When the package names a service that it does not have.
    pub(super) fn add(&self, spec: &mut AppSpec, subject: Subject<'_>) -> Result<(), String> {
        spec.onion = self.address(subject);
        match self {
            Self::None => {}
            Self::Given => {
                let runs_exports = subject.package.conventions.needs.contains(&Need::Exports);
                if let Some(address) = spec.onion.as_ref().filter(|_| runs_exports) {
                    let app_dir = subject.around.app_dir(subject.app);
                    let path = format!("{app_dir}/tor/app-{}/hostname", subject.app);
                    let owner = subject.package.conventions.data_owner;
                    let file = FileSpec {
                        content: format!("{address}\n").into_bytes(),
                        mode: 0o644,
                        uid: owner.map(|owner| owner.uid),
                        gid: owner.map(|owner| owner.gid),
                        // A Tor of the package's own may have its address there.
                        seed: true,
                    };
                    spec.files.entry(path).or_insert(file);
                }
            }
            Self::IsIt { services } => serve(spec, subject, services)?,
        }
        Ok(())
    }
}

/// Returns the installed app that is the box's Tor: the one to which the owner agreed as that.
pub(crate) fn provider<'a>(desired: &Desired, packages: &'a Packages) -> Option<&'a AppId> {
    let agreed = |app: &AppId| desired.apps.get(app).is_some_and(|wanted| Asked::IsTor.is_granted(wanted));
    packages.iter().find(|(app, package)| package.manifest.tor.is_some() && agreed(app)).map(|(app, _)| app)
}

/// Tells whether a package uses the control port of the box's Tor, by the names of its password.
pub(super) fn asks_for_control(package: &Package) -> bool {
    let names = ["TOR_PASSWORD", "TOR_CONTROL_PASSWORD"];
    // A package may have a variable of such a name to itself, so only references count.
    let refers = |text: &str| {
        names.iter().any(|name| text.contains(&format!("${name}")) || text.contains(&format!("${{{name}")))
    };
    refers(&package.compose) || package.files.values().any(|text| refers(text))
}

/// Tells whether an app has a page that may be reached from beyond the house.
fn is_reached(package: &Package) -> bool {
    package.manifest.web.is_some() && !package.conventions.at_home_only
}

fn services(tor: &AppId, desired: &Desired, packages: &Packages) -> BTreeMap<AppId, OnionService> {
    let others = desired.apps.iter().filter(|(app, _)| *app != tor);
    let service = |(app, wanted): (&AppId, &DesiredApp)| {
        let package = packages.get(app).filter(|package| is_reached(package))?;
        let web = package.manifest.web.as_ref()?;
        let gate = super::gate(package);
        let chosen = wanted.ports.get(&format!("{}/tcp", web.host_port));
        let service = OnionService {
            port: chosen.copied().unwrap_or(web.host_port),
            scheme: if gate.is_some() { Scheme::Http } else { web.scheme },
            sign_in: gate.is_some_and(|gate| gate.sign_in),
        };
        Some((app.clone(), service))
    };
    others.filter_map(service).collect()
}

/// Makes the proxy of an app the box's: its address, its `torrc`, and a key for each onion service.
fn serve(
    spec: &mut AppSpec,
    subject: Subject<'_>,
    services: &BTreeMap<AppId, OnionService>,
) -> Result<(), String> {
    let Some(tor) = &subject.package.manifest.tor else { return Ok(()) };
    let names = || spec.services.keys().map(ServiceName::as_str).collect::<Vec<_>>().join("`, `");
    let wrong = || format!("`tor.service` is `{}`; the services are `{}`", tor.service, names());
    let service: ServiceName = tor.service.parse().map_err(|_| wrong())?;
    if !spec.services.contains_key(&service) {
        return Err(wrong());
    }
    let app_dir = subject.around.app_dir(subject.app);
    let container = &mut spec.services.get_mut(&service).ok_or("it has no such service")?.container;
    let NetworkMode::Networks(endpoints) = &mut container.network else {
        return Err(format!("the service `{service}` is the box's Tor and needs a network of its own"));
    };
    spec.networks.insert(shared::NAME.to_owned(), shared::fixed_addresses());
    let endpoint = endpoints.entry(shared::NAME.to_owned()).or_insert_with(Endpoint::default);
    endpoint.ipv4_address = Some(ADDRESS.to_owned());
    endpoint.aliases.insert(NAME.to_owned());
    let text = torrc(services, &subject.around.seeds, subject.around.port);
    container.labels.insert(LABEL.to_owned(), Digest::of(text.as_bytes()).to_string());
    let owner = owner(container.user.as_deref());
    let file = |content: Vec<u8>| FileSpec { content, mode: 0o600, uid: owner.0, gid: owner.1, seed: false };
    let folder = FolderSpec { uid: owner.0, gid: owner.1, mode: Some(0o700), mounted: false };
    // What a container mounts is taken for a folder as long as nobody says otherwise.
    spec.folders.remove(&format!("{app_dir}/torrc"));
    spec.files.insert(format!("{app_dir}/torrc"), file(text.into_bytes()));
    spec.folders.insert(format!("{app_dir}/onions"), folder);
    for app in services.keys() {
        let key = OnionKey::of(app, &subject.around.seeds);
        let below = format!("{app_dir}/onions/{app}");
        spec.files.insert(format!("{below}/hs_ed25519_secret_key"), file(key.secret_file()));
        spec.files.insert(format!("{below}/hs_ed25519_public_key"), file(key.public_file()));
        // Tor refuses keys in a folder that others may look into.
        spec.folders.insert(below, folder);
    }
    Ok(())
}

/// Returns what Tor reads ([tor(1)](https://manpages.debian.org/tor)). The host's ports are reached at the gateway of the
/// shared network, so that an onion service leads where the box's own address leads: to the same sign-in, if any.
fn torrc(services: &BTreeMap<AppId, OnionService>, seeds: &Seeds, own_port: Option<u16>) -> String {
    let mut text = format!(
        "# Written by Hearth before every start.\n\
         DataDirectory /data\n\
         SocksPort {ADDRESS}:{SOCKS_PORT}\n\
         SocksPolicy accept {}\n\
         SocksPolicy reject *\n\
         ControlPort {ADDRESS}:{CONTROL_PORT}\n\
         HashedControlPassword {}\n",
        shared::SUBNET,
        hashed(&seeds.tor_control_password(), &seeds.tor_control_salt())
    );
    let to = shared::GATEWAY;
    for (app, OnionService { port, scheme, sign_in }) in services {
        let usual = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        let _ = writeln!(text, "HiddenServiceDir /onions/{app}\nHiddenServicePort {usual} {to}:{port}");
        // Back from the sign-in a browser comes to the port that the app has on this box.
        if *port != usual {
            let _ = writeln!(text, "HiddenServicePort {port} {to}:{port}");
        }
        if let Some(own) = own_port.filter(|_| *sign_in && *port != SIGN_IN_PORT) {
            let _ = writeln!(text, "HiddenServicePort {SIGN_IN_PORT} {to}:{own}");
        }
    }
    text
}

/// Returns a password as Tor keeps it: salt, count and iterated SHA-1
/// ([control-spec, section 5.1](https://spec.torproject.org/control-spec/implementation-notes.html#authentication)).
fn hashed(password: &str, salt: &str) -> String {
    /// Stands for 65,536 bytes that are hashed.
    const COUNT: u8 = 0x60;
    const BYTES: usize = 65_536;
    let salt = hex::decode(&salt[..16]).expect("a derived secret is hexadecimal digits");
    let round = [&salt, password.as_bytes()].concat();
    let bytes: Vec<u8> = round.iter().copied().cycle().take(BYTES).collect();
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    format!("16:{}{COUNT:02X}{}", hex::encode_upper(salt), hex::encode_upper(hash))
}

/// Returns the user and group of a service, where they are numbers.
fn owner(user: Option<&str>) -> (Option<u32>, Option<u32>) {
    let (user, group) = user.unwrap_or_default().split_once(':').unwrap_or((user.unwrap_or_default(), ""));
    (user.parse().ok(), group.parse().ok())
}

#[cfg(test)]
mod tests;
