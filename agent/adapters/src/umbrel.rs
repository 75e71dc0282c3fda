use std::collections::{BTreeMap, BTreeSet};

use hearth_model::conventions::{
    AppDependency, ContainerNaming, Conventions, Need, Owner, TemplateStyle, Variable,
};
use hearth_model::package::{Category, DefaultLogin, Manifest, Package};
use hearth_model::{AppId, StoreId};
use serde_json::{Value, json};

use crate::adapted::{declare_permissions, empty_variables};
use crate::document::{flag, list, map, parse, text};
use crate::overlay::{Overlay, move_path};
use crate::scripts::EXPORTS;
use crate::{Adapted, PackageFiles, Refused, overlay, variables};

/// `exports.sh`, as far as it can be read without running it.
mod exports;
/// The data folder of an umbrelOS box.
pub mod installation;
/// `app_proxy`: the web page and the sign-in in front of it.
mod proxy;
/// Small views of an app's state.
mod widgets;

/// What a community store says of itself.
pub const STORE: &str = "umbrel-app-store.yml";
const MANIFEST: &str = "umbrel-app.yml";
/// What the owner is told of a package with `torOnly`.
const NEEDS_SECURE: &str = "Browsers let this app work only over a connection that they take for secure. Its address \
                            in the Tor network is one, with Tor Browser; this box's address in your network is not.";
const COMPOSE: &str = "docker-compose.yml";
/// Where the graphics processors are that the permission `GPU` gives every container.
const GPU: &str = "/dev/dri";
/// User and group of every package's data.
const OWNER: Owner = Owner { uid: 1000, gid: 1000 };

/// Reads a package: `umbrel-app.yml` beside `docker-compose.yml`.
///
/// # Errors
/// Why it is not taken: a file that is missing or cannot be read, an id that cannot be one, containers that do not resolve.
pub fn read(files: &PackageFiles, store: &StoreId) -> Result<Adapted, Refused> {
    let about = parse(files.required(MANIFEST)?, MANIFEST)?;
    let compose_text = files.required(COMPOSE)?;
    let compose = parse(compose_text, COMPOSE)?;
    let id = id(&about)?;

    let uses_gpu = list(&about, "permissions").iter().any(|permission| permission == "GPU");
    let mut overlay = Overlay::default();
    for (name, service) in map(&compose, "services") {
        if name == proxy::SERVICE {
            overlay.remove_service(name);
            continue;
        }
        overlay.map_mounts(name, service, moved);
        if uses_gpu {
            overlay.set(name, "devices", json!([format!("{GPU}:{GPU}")]));
        }
    }
    let exports = exports::read(files.text(EXPORTS)?.unwrap_or_default());
    let page = proxy::read(files, (&about, &compose), &id, &exports.literals())?;
    let used = variables::used(compose_text);
    let seeds = files.seeds(is_seed);
    let templates: BTreeMap<String, String> = seeds
        .texts
        .keys()
        .filter(|path| !path.contains('/'))
        .filter_map(|path| Some((path.clone(), path.strip_suffix(".template")?.to_owned())))
        .collect();
    let mut notes = page.notes;
    notes.extend(seeds.notes);

    let mut needs = needs(files, &compose, &used);
    if !exports.complete {
        needs.insert(Need::Exports);
    }
    if !templates.is_empty() {
        needs.insert(Need::Templates);
    }
    let dependencies = dependencies(&about, &mut notes);
    if !dependencies.is_empty() {
        needs.insert(Need::OtherApps);
    }
    let mut described = describe(&about, &id);
    described.web = page.web;
    described.widgets = widgets::read(&about, &compose, &id, &mut notes);
    let runs_or_fills =
        needs.iter().any(|need| matches!(need, Need::Exports | Need::Hooks | Need::Templates));
    let conventions = Conventions {
        overlay: overlay.text(),
        overlays_by_architecture: BTreeMap::new(),
        variables: core_variables(&about, (!runs_or_fills).then_some(compose_text)),
        exports: exports.variables,
        naming: ContainerNaming::Underscores,
        data_owner: Some(OWNER),
        gate: page.gate,
        apps: dependencies,
        implements: list(&about, "implements").into_iter().collect(),
        optional_devices: uses_gpu.then(|| GPU.to_owned()).into_iter().collect(),
        at_home_only: false,
        backup_ignore: backup_ignore(&about, &mut notes),
        templates,
        template_style: TemplateStyle::Shell,
        needs,
    };
    let mut package = Package {
        store: store.clone(),
        manifest: described,
        compose: compose_text.to_owned(),
        files: seeds.texts,
        binary_files: seeds.binaries,
        conventions,
    };
    declare_permissions(&mut package, COMPOSE)?;
    notes.extend(empty_variables(&package));
    Ok(Adapted { package, disabled: flag(&about, "disabled"), notes, icon: text(&about, "icon") })
}

/// Returns what the ids of a community store's packages begin with, by the text of its [`STORE`]; `None` where they may be
/// any, as in umbrelOS's own store.
///
/// # Errors
/// When the file cannot be read or names no id.
pub fn store_prefix(text_of_file: &str) -> Result<Option<String>, Refused> {
    let id = text(&parse(text_of_file, STORE)?, "id").filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Refused::new(STORE, "it must name an `id`"))?;
    Ok(Some(id).filter(|id| id != "umbrel-app-store"))
}

/// Holds a package's id against its store's [prefix](store_prefix).
///
/// # Errors
/// When it begins with something else: another store's package could have the same id.
pub fn check_prefix(package: &Package, prefix: &str) -> Result<(), Refused> {
    let id = &package.manifest.id;
    if id.as_str().starts_with(prefix) {
        return Ok(());
    }
    let problem = format!("its id is `{id}`, and ids of this store begin with `{prefix}`, as `{STORE}` says");
    Err(Refused::new(MANIFEST, problem))
}

fn id(about: &Value) -> Result<AppId, Refused> {
    let written = text(about, "id").ok_or_else(|| Refused::new(MANIFEST, "it must name an `id`"))?;
    written.parse().map_err(|error: hearth_model::id::InvalidId| Refused::new(MANIFEST, error.to_string()))
}

fn describe(about: &Value, id: &AppId) -> Manifest {
    let username = text(about, "defaultUsername").unwrap_or_default();
    let password = match text(about, "defaultPassword") {
        Some(password) => password.replace('$', "$$"),
        None if flag(about, "deterministicPassword") => "${APP_PASSWORD}".to_owned(),
        None => String::new(),
    };
    let has_login = !username.is_empty() || !password.is_empty();
    let name = text(about, "name").unwrap_or_else(|| id.to_string());
    Manifest {
        tagline: text(about, "tagline").unwrap_or_default(),
        description: text(about, "description").unwrap_or_default(),
        version: text(about, "version").unwrap_or_else(|| "0".to_owned()),
        release_notes: text(about, "releaseNotes"),
        category: category(&text(about, "category").unwrap_or_default()),
        developer: text(about, "developer"),
        website: text(about, "website"),
        source: text(about, "repo"),
        support: text(about, "support"),
        tips: flag(about, "torOnly").then(|| NEEDS_SECURE.to_owned()),
        default_login: has_login.then(|| DefaultLogin { username: username.replace('$', "$$"), password }),
        ..Manifest::named(id.clone(), name)
    }
}

fn category(name: &str) -> Category {
    match name {
        "files" => Category::Files,
        "bitcoin" | "finance" | "crypto" => Category::Finance,
        "networking" => Category::Network,
        "media" => Category::Media,
        "developer" => Category::Developer,
        "social" => Category::Communication,
        "ai" => Category::Ai,
        "automation" => Category::Home,
        _ => Category::Other,
    }
}

fn dependencies(about: &Value, notes: &mut Vec<String>) -> Vec<AppDependency> {
    let mut apps = Vec::new();
    for name in list(about, "dependencies") {
        match name.parse() {
            Ok(package) => apps.push(AppDependency { package }),
            Err(_) => notes.push(format!("it depends on `{name}`, which is no app's id")),
        }
    }
    apps
}

/// Returns the paths below the app's folder that a backup leaves out. One that could be elsewhere is not among them, so that no
/// backup lacks what the package has no say in.
fn backup_ignore(about: &Value, notes: &mut Vec<String>) -> Vec<String> {
    let is_allowed = |path: &String| {
        let known = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/*".contains(&byte));
        known && !path.is_empty() && !path.starts_with('/') && path.split('/').all(|part| part != "..")
    };
    let (taken, others): (Vec<String>, Vec<String>) =
        list(about, "backupIgnore").into_iter().partition(is_allowed);
    notes.extend(
        others.into_iter().map(|path| {
            format!("`{path}` of `backupIgnore` is no path below the app's folder and is left out")
        }),
    );
    taken
}

/// Everything but what is read here reaches the app's folder.
fn is_seed(path: &str) -> bool {
    !matches!(path, MANIFEST | COMPOSE)
}

fn needs(files: &PackageFiles, compose: &Value, used: &BTreeSet<String>) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    if files.files.keys().any(|path| path.starts_with("hooks/") && !path.ends_with(".gitkeep")) {
        needs.insert(Need::Hooks);
    }
    let fixed = map(compose, "services")
        .any(|(_, service)| service.pointer("/networks/default/ipv4_address").is_some());
    if fixed {
        needs.insert(Need::FixedAddresses);
    }
    // Packages with a `torrc` bring a Tor of their own.
    if used.iter().any(|name| name.starts_with("TOR_PROXY_")) {
        needs.insert(Need::Tor);
    }
    needs
}

/// Returns where a mount's source lies on a Hearth box: shared folders in the library, other apps' beside this one.
fn moved(source: &str) -> Option<String> {
    if source.contains("/../") {
        let cleaned = overlay::cleaned(source)?;
        return Some(moved(&cleaned).unwrap_or(cleaned));
    }
    ["${UMBREL_ROOT}", "$UMBREL_ROOT"].iter().find_map(|root| {
        move_path(source, &format!("{root}/data/storage/downloads"), "${LIBRARY_DIR}/Downloads")
            .or_else(|| move_path(source, &format!("{root}/data/storage"), "${LIBRARY_DIR}"))
            .or_else(|| move_path(source, &format!("{root}/home"), "${LIBRARY_DIR}"))
            .or_else(|| move_path(source, &format!("{root}/app-data"), "${APPS_DIR}"))
    })
}

/// Returns the variables that umbrelOS gives every app: those that `used_in` mentions, or all.
fn core_variables(about: &Value, used_in: Option<&str>) -> Vec<Variable> {
    let seed = "app-${APP_ID}-seed";
    let all = [
        variables::derived("APP_SEED", seed),
        variables::derived("APP_PASSWORD", &format!("{seed}-APP_PASSWORD")),
        variables::text("DEVICE_DOMAIN_NAME", "${DEVICE_HOSTNAME}.local"),
        variables::text("APP_DOMAIN", "${DEVICE_HOSTNAME}.local"),
        variables::text("APP_HIDDEN_SERVICE", "${APP_ONION}"),
        variables::text("APP_PROXY_PORT", "${APP_WEB_PORT}"),
        variables::text("NETWORK_IP", "10.21.0.0"),
        variables::text("GATEWAY_IP", "10.21.0.1"),
        variables::text("TOR_PROXY_IP", "10.21.21.11"),
        variables::text("TOR_PROXY_PORT", "9050"),
        variables::text("TOR_DATA_DIR", "${APP_DATA_DIR}/tor"),
        variables::text("TOR_PASSWORD", "${TOR_CONTROL_PASSWORD}"),
        variables::text("BITCOIN_NETWORK", "mainnet"),
        variables::text("UMBREL_ROOT", "${APPS_DIR}"),
    ];
    let shown = flag(about, "deterministicPassword");
    all.into_iter()
        .filter(|variable| {
            used_in.is_none_or(|text| variables::mentions(text, &variable.name))
                || (shown && variable.name == "APP_PASSWORD")
        })
        .collect()
}

#[cfg(test)]
mod tests;
