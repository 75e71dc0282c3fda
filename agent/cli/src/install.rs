use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use hearth_model::api::apps::{AccessRequest, Changed, Companion, CompanionOption, InstallApp, InstallCheck};
use hearth_model::api::store::{PackageDetail, PackageSummary};
use hearth_model::package::{Access, AccessKind, Reach};
use hearth_model::{AppId, StoreId};
use hyper::Method;

use super::client::{Client, part};
use super::error::{CliError, Exit};
use super::file;
use super::output::{Output, note};
use super::wait::{self, Goal};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The package, as `hearth store search` names it.
    package: String,
    /// The store, where several have a package of that name.
    #[arg(long)]
    store: Option<StoreId>,
    #[command(flatten)]
    answers: Answers,
    /// Uses an app in place of one that the package depends on: `bitcoin=bitcoin-knots`.
    #[arg(long = "use", value_name = "PACKAGE=APP", value_parser = app_for_package)]
    uses: Vec<(AppId, AppId)>,
    /// Checks whether the install would work, and changes nothing.
    #[arg(long)]
    check: bool,
    /// Returns at once instead of waiting until the app runs.
    #[arg(long)]
    no_wait: bool,
}

/// What the owner says to an app's questions.
#[derive(Debug, clap::Args)]
pub(super) struct Answers {
    /// Answers a setting.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Answers a setting with the content of a file, without the line end of its last line, so that a secret stays out of
    /// the list of processes.
    #[arg(long = "set-file", value_name = "NAME=FILE", value_parser = pair)]
    set_file: Vec<(String, String)>,
    /// Publishes a port of the package at another port of this box: `8080/tcp=9090`, or `8080=9090`.
    #[arg(long = "port", value_name = "PORT[/PROTOCOL]=PORT", value_parser = port)]
    pub(super) ports: Vec<(String, u16)>,
    /// Agrees to what the app may do beyond its own folder and network, by its kind: `host-network`, `devices` …;
    /// `whole-box` for a path, a device or a right that equals control of the whole box.
    #[arg(long, value_name = "KIND", value_parser = allowed)]
    allow: Vec<Allowed>,
    /// Agrees to everything that the app may do.
    #[arg(long)]
    allow_all: bool,
}

impl Answers {
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.set_file.is_empty() && self.ports.is_empty() && !self.grants_anything()
    }

    pub(super) fn grants_anything(&self) -> bool {
        self.allow_all || !self.allow.is_empty()
    }

    pub(super) fn settings(&self) -> Result<BTreeMap<String, String>, CliError> {
        let mut settings: BTreeMap<_, _> = self.set.iter().cloned().collect();
        for (name, path) in &self.set_file {
            let text = file::read_text(&PathBuf::from(path))?;
            settings.insert(name.clone(), without_last_line_end(&text).to_owned());
        }
        Ok(settings)
    }

    pub(super) fn granted(&self, asked: &[AccessRequest]) -> BTreeSet<Access> {
        let agreed = |access: &Access| self.allow_all || self.allow.contains(&Allowed::needed_for(access));
        asked.iter().map(|asked| asked.access.clone()).filter(agreed).collect()
    }
}

/// Leaves out the line end that editors and `echo` put behind the last line; everything else belongs to the answer.
fn without_last_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

pub(super) async fn run(client: &Client, output: &Output, args: Args) -> Result<(), CliError> {
    let Args { package, store, answers, uses, check, no_wait } = args;
    let store = match store {
        Some(store) => store,
        None => store_of(client, &package).await?,
    };
    let detail: PackageDetail = client.get(&format!("/store/packages/{store}/{}", part(&package))).await?;
    let request = InstallApp {
        store,
        package,
        settings: answers.settings()?,
        ports: answers.ports.iter().cloned().collect(),
        granted: answers.granted(&detail.access),
        uses: uses.into_iter().collect(),
    };
    let found: InstallCheck = client.send(Method::POST, "/apps/check", &request).await?;
    if check {
        return output.value(&found, |found| {
            let runs = scripts_in_words(&detail).map(|scripts| format!("\n  it runs: {scripts}"));
            format!("{}{}", in_words(found), runs.unwrap_or_default())
        });
    }
    for warning in &found.warnings {
        note(&format!("note: {}", warning.message));
    }
    if !found.blockers.is_empty() {
        return Err(CliError::new(Exit::Refused, in_words(&found)));
    }
    let app = detail.manifest.id;
    let changed: Changed =
        client.send(Method::POST, "/apps", &request).await.map_err(|error: CliError| {
            let hint = if error.is("consent-needed") { consent_hint(&found.access) } else { String::new() };
            CliError { message: format!("{}{hint}", error.message), ..error }
        })?;
    if no_wait {
        return output.value(&changed, |_| {
            format!("{app} is being installed; `hearth app status {app}` tells how far it is")
        });
    }
    wait::until(client, &app, changed, Goal::Running).await?;
    output.value(&changed, |_| format!("{app} runs"))
}

/// Finds the one store that has a package.
pub(super) async fn store_of(client: &Client, package: &str) -> Result<StoreId, CliError> {
    let all: Vec<PackageSummary> = client.get("/store/packages").await?;
    let mut stores: Vec<StoreId> =
        all.into_iter().filter(|offer| offer.package == package).map(|offer| offer.store).collect();
    match (stores.pop(), stores.is_empty()) {
        (Some(store), true) => Ok(store),
        (Some(store), false) => {
            stores.push(store);
            let stores: Vec<_> = stores.iter().map(StoreId::as_str).collect();
            let message =
                format!("several stores have `{package}`; choose one with --store: {}", stores.join(", "));
            Err(CliError::new(Exit::Refused, message))
        }
        (None, _) => Err(CliError::new(
            Exit::NotFound,
            format!("no store has a package `{package}`; `hearth store search {package}` looks for it"),
        )),
    }
}

fn in_words(check: &InstallCheck) -> String {
    let mut text = String::new();
    if check.blockers.is_empty() {
        text.push_str("it can be installed\n");
    } else {
        text.push_str("it cannot be installed:\n");
    }
    for blocker in &check.blockers {
        text.push_str(&format!("  {}\n", blocker.message));
    }
    for warning in &check.warnings {
        text.push_str(&format!("  note: {}\n", warning.message));
    }
    for companion in &check.companions {
        text.push_str(&companion_in_words(companion));
    }
    for asked in &check.access {
        text.push_str(&format!("  it may: {}\n", asked.means));
    }
    if check.has_kept_data {
        text.push_str("  it will find the data that an earlier install left\n");
    }
    for (port, free) in &check.free_ports {
        text.push_str(&format!("  a free port for {port}: --port {port}={free}\n"));
    }
    text.trim_end().to_owned()
}

/// Says which scripts of a package run, and with what.
pub(super) fn scripts_in_words(package: &PackageDetail) -> Option<String> {
    let scripts = package.scripts.join(", ");
    (!scripts.is_empty())
        .then(|| format!("{scripts} on this box, with its own folder and containers and without a network"))
}

/// Says which app another one is for, what else would do, or what to install first.
fn companion_in_words(companion: &Companion) -> String {
    let Companion { package, options, chosen } = companion;
    let mut text = match chosen {
        Some(app) => format!("  it uses: {app}\n"),
        None => String::new(),
    };
    for CompanionOption { app, name, store } in
        options.iter().filter(|option| Some(&option.app) != chosen.as_ref())
    {
        text.push_str(&match store {
            None => format!("  {name} will do as well: --use {package}={app}\n"),
            Some(store) => format!("  first: hearth app install {app} --store {store}\n"),
        });
    }
    text
}

fn consent_hint(asked: &[AccessRequest]) -> String {
    let words: BTreeSet<String> =
        asked.iter().filter_map(|asked| Allowed::needed_for(&asked.access).word()).collect();
    let flags: Vec<_> = words.iter().map(|word| format!("--allow {word}")).collect();
    format!("\nagree with {}, or with --allow-all", flags.join(" "))
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

fn app_for_package(text: &str) -> Result<(AppId, AppId), String> {
    let (package, app) = pair(text).map_err(|_| "write it as PACKAGE=APP, such as bitcoin=bitcoin-knots")?;
    let id = |id: &str| id.parse().map_err(|error: hearth_model::id::InvalidId| error.to_string());
    Ok((id(&package)?, id(&app)?))
}

fn port(text: &str) -> Result<(String, u16), String> {
    let expected = || "write it as 8080/tcp=9090: the package's port, then this box's".to_owned();
    let (packages, ours) = text.split_once('=').ok_or_else(expected)?;
    let (number, protocol) = packages.split_once('/').unwrap_or((packages, "tcp"));
    let valid =
        number.parse::<u16>().is_ok_and(|number| number > 0) && ["tcp", "udp", "sctp"].contains(&protocol);
    let ours = ours.parse::<u16>().ok().filter(|port| *port > 0);
    match ours {
        Some(ours) if valid => Ok((format!("{number}/{protocol}"), ours)),
        _ => Err(expected()),
    }
}

/// What one `--allow` agrees to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Every access of this kind but those that equal control of the whole box.
    Kind(AccessKind),
    /// Those that equal control of the whole box, of any kind that does not say so by itself.
    WholeBox,
}

const WHOLE_BOX: &str = "whole-box";

impl Allowed {
    /// Returns what agrees to this access.
    pub(super) fn needed_for(access: &Access) -> Self {
        match access.reach {
            Reach::WholeBox => Self::WholeBox,
            Reach::Stated | Reach::Reading | Reach::ReadingSecrets => Self::Kind(access.kind),
        }
    }

    fn word(self) -> Option<String> {
        match self {
            Self::WholeBox => Some(WHOLE_BOX.to_owned()),
            Self::Kind(kind) => serde_json::to_value(kind).ok()?.as_str().map(str::to_owned),
        }
    }
}

pub(super) fn allowed(text: &str) -> Result<Allowed, String> {
    if text == WHOLE_BOX {
        return Ok(Allowed::WholeBox);
    }
    serde_json::from_value(text.into()).map(Allowed::Kind).map_err(|_| {
        format!(
            "the kinds are {WHOLE_BOX}, privileged, docker-socket, host-network, host-namespace, host-paths, devices, capabilities and unconfined"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_strictly() {
        assert_eq!(pair("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(pair("A="), Ok(("A".into(), String::new())));
        assert!(pair("=b").is_err() && pair("A").is_err());
        assert_eq!(port("8080=9090"), Ok(("8080/tcp".into(), 9090)));
        assert_eq!(port("53/udp=5353"), Ok(("53/udp".into(), 5353)));
        for bad in ["8080", "8080=0", "0=1", "x=1", "1/icmp=2", "8080=70000", "=1"] {
            assert!(port(bad).is_err(), "{bad}");
        }
        assert_eq!(allowed("host-network"), Ok(Allowed::Kind(AccessKind::HostNetwork)));
        assert_eq!(allowed("whole-box"), Ok(Allowed::WholeBox));
        assert!(allowed("everything").is_err());
    }

    #[test]
    fn agreeing_to_a_kind_does_not_agree_to_the_whole_box() {
        let asked = |detail: &str, reach| AccessRequest {
            access: Access { reach, ..Access::new(AccessKind::HostPaths, "web", detail) },
            means: String::new(),
            grave: false,
            reason: None,
        };
        let asked =
            [asked("/srv", Reach::Stated), asked("/media", Reach::Reading), asked("/etc", Reach::WholeBox)];
        let granted = |allow: &[&str]| {
            let allow = allow.iter().map(|word| allowed(word).unwrap()).collect();
            let answers =
                Answers { set: Vec::new(), set_file: Vec::new(), ports: Vec::new(), allow, allow_all: false };
            let granted = answers.granted(&asked);
            granted.into_iter().map(|access| access.detail).collect::<Vec<_>>()
        };
        assert_eq!(granted(&["host-paths"]), ["/media", "/srv"]);
        assert_eq!(granted(&["whole-box"]), ["/etc"]);
        assert_eq!(
            consent_hint(&asked),
            "\nagree with --allow host-paths --allow whole-box, or with --allow-all"
        );
    }
}
