use std::collections::BTreeMap;
use std::fmt::Write as _;

use hearth_model::container::{Endpoint, NetworkMode};
use hearth_model::conventions::Need;
use hearth_model::package::{Package, Scheme};
use hearth_model::spec::{FileSpec, FolderSpec};
use hearth_model::{AppId, AppSpec, Desired, Digest, ServiceName};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::circle::Packages;
use super::{Subject, shared};
use crate::onion::OnionKey;

/// The address of the proxy and its ports; [packages of umbrelOS name them](https://github.com/getumbrel/umbrel).
const ADDRESS: &str = "10.21.21.11";
const SOCKS_PORT: u16 = 9050;
const CONTROL_PORT: u16 = 29051;
/// The name by which they know its container.
const NAME: &str = "tor_proxy";
/// What an app is told that has no onion service.
const NOT_ENABLED: &str = "not-enabled.onion";
/// The port of an onion service at which Hearth's own sign-in answers: 80 is the app's there.
pub(crate) const SIGN_IN_PORT: u16 = 2000;
/// Changes whenever the proxy has to read its files anew.
const LABEL: &str = "sh.hearth.torrc";

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
    /// Returns what the box's Tor means for an app: the first installed one that brings it is it.
    pub(super) fn of(app: &AppId, package: &Package, desired: &Desired, packages: &Packages) -> Self {
        let installed = provider(packages);
        match installed {
            Some(other) if other != app => Self::Given,
            None if package.manifest.tor.is_none() => Self::None,
            Some(_) | None => Self::IsIt { services: services(app, desired, packages) },
        }
    }

    /// Returns an app's onion address, where it has one.
    pub(super) fn address(&self, subject: Subject<'_>) -> Option<String> {
        let has_one = *self == Self::Given && is_reached(subject.package);
        has_one.then(|| OnionKey::of(subject.app, subject.around.seeds.of(subject.app)).address())
    }

    /// Returns what an app is told of it, by variable.
    pub(super) fn variables(&self, subject: Subject<'_>) -> [(String, String); 2] {
        let password = if *self == Self::None { String::new() } else { password(&subject.around.seeds.own) };
        let address = self.address(subject).unwrap_or_else(|| NOT_ENABLED.to_owned());
        [("APP_ONION".to_owned(), address), ("TOR_CONTROL_PASSWORD".to_owned(), password)]
    }

    /// Tells whether an app joins the shared network for its sake.
    pub(super) fn is_joined_by(&self, package: &Package) -> bool {
        match self {
            Self::None => false,
            Self::Given => package.conventions.needs.contains(&Need::Tor),
            Self::IsIt { .. } => true,
        }
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

/// Returns the installed app that is the box's Tor.
pub(crate) fn provider(packages: &Packages) -> Option<&AppId> {
    packages.iter().find(|(_, package)| package.manifest.tor.is_some()).map(|(app, _)| app)
}

/// Tells whether an app has a page that may be reached from beyond the house.
fn is_reached(package: &Package) -> bool {
    package.manifest.web.is_some() && !package.conventions.at_home_only
}

fn services(tor: &AppId, desired: &Desired, packages: &Packages) -> BTreeMap<AppId, OnionService> {
    let others = desired.apps.iter().filter(|(app, _)| *app != tor);
    let service = |(app, wanted): (&AppId, &hearth_model::desired::DesiredApp)| {
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
    let endpoint = endpoints.entry(shared::NAME.to_owned()).or_insert_with(Endpoint::default);
    endpoint.ipv4_address = Some(ADDRESS.to_owned());
    endpoint.aliases.insert(NAME.to_owned());
    let text = torrc(services, &subject.around.seeds.own, subject.around.port);
    container.labels.insert(LABEL.to_owned(), Digest::of(text.as_bytes()).to_string());
    let owner = owner(container.user.as_deref());
    let file = |content: Vec<u8>| FileSpec { content, mode: 0o600, uid: owner.0, gid: owner.1, seed: false };
    let folder = FolderSpec { uid: owner.0, gid: owner.1, mode: Some(0o700) };
    // What a container mounts is taken for a folder as long as nobody says otherwise.
    spec.folders.remove(&format!("{app_dir}/torrc"));
    spec.files.insert(format!("{app_dir}/torrc"), file(text.into_bytes()));
    spec.folders.insert(format!("{app_dir}/onions"), folder);
    for app in services.keys() {
        let key = OnionKey::of(app, subject.around.seeds.of(app));
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
fn torrc(services: &BTreeMap<AppId, OnionService>, seed: &str, own_port: Option<u16>) -> String {
    let mut text = format!(
        "# Written by Hearth before every start.\n\
         DataDirectory /data\n\
         SocksPort {ADDRESS}:{SOCKS_PORT}\n\
         SocksPolicy accept {}\n\
         SocksPolicy reject *\n\
         ControlPort {ADDRESS}:{CONTROL_PORT}\n\
         HashedControlPassword {}\n",
        shared::SUBNET,
        hashed(&password(seed), seed)
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

/// Returns the password of the proxy's control port; apps are told where their package asks for it.
fn password(seed: &str) -> String {
    hearth_adapters::variables::derive(seed, "tor-control-password")
}

/// Returns a password as Tor keeps it: salt, count and iterated SHA-1
/// ([control-spec, section 5.1](https://spec.torproject.org/control-spec/implementation-notes.html#authentication)).
fn hashed(password: &str, seed: &str) -> String {
    /// Stands for 65,536 bytes that are hashed.
    const COUNT: u8 = 0x60;
    const BYTES: usize = 65_536;
    let salt = hearth_adapters::variables::derive(seed, "tor-control-salt");
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
