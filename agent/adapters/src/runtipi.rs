use std::collections::BTreeMap;

use hearth_model::conventions::{Conventions, Need, Owner, TemplateStyle, Variable};
use hearth_model::package::{Architecture, Category, Manifest, Package, Scheme, WebPage};
use hearth_model::{AppId, StoreId};
use serde_json::Value;

use crate::adapted::{architectures, declare_permissions, empty_variables};
use crate::document::{flag, list, map, parse, port, text};
use crate::files::Seeds;
use crate::overlay::Overlay;
use crate::{Adapted, PackageFiles, Refused, variables};

/// `docker-compose.json` to Compose.
mod convert;
/// `form_fields` to settings.
mod fields;

const CONFIG: &str = "config.json";
const JSON: &str = "docker-compose.json";
const COMPOSE: &str = "docker-compose.yml";
/// What the owner is told of a package with `force_expose`.
const NEEDS_DOMAIN: &str = "This app was made to be reached at a domain of its own, with HTTPS. Hearth gives it the \
                            address of this box and a port; some of it may not work, or ask for the domain in its \
                            settings.";
/// The network that every app of Runtipi joins.
const MAIN_NETWORK: &str = "tipi_main_network";

/// Reads a package: `config.json` beside `docker-compose.json` or a `docker-compose.yml` with `x-runtipi`.
///
/// Where both are there, the JSON is the source and the YAML was generated from it.
///
/// # Errors
/// Why it is not taken: a file that is missing or cannot be read, a Compose file without `x-runtipi`, containers that do
/// not resolve.
pub fn read(files: &PackageFiles, store: &StoreId) -> Result<Adapted, Refused> {
    let config = parse(files.required(CONFIG)?, CONFIG)?;
    let written = text(&config, "id").unwrap_or_else(|| files.folder.clone());
    let id: AppId = written
        .parse()
        .map_err(|error: hearth_model::id::InvalidId| Refused::new(CONFIG, error.to_string()))?;
    let (compose, file) = match files.text(JSON)? {
        Some(json) => (convert::compose(&parse(json, JSON)?)?, JSON),
        None => (native(files)?, COMPOSE),
    };
    let mut notes = Vec::new();
    let settings = fields::read(&config, &mut notes);
    let Seeds { texts: seeds, binaries, notes: left_out } = files.seeds(|path| path.starts_with("data/"));
    notes.extend(left_out);
    let templates: BTreeMap<String, String> = seeds
        .keys()
        .filter_map(|path| Some((path.clone(), path.strip_suffix(".template")?.to_owned())))
        .collect();
    let conventions = Conventions {
        overlay: compose.overlay.text(),
        variables: store_variables(&config, |name| {
            variables::mentions(&compose.text, name)
                || templates.keys().any(|path| seeds[path].contains(&format!("{{{{{name}}}}}")))
        }),
        data_owner: owner(&config),
        templates: templates.clone(),
        template_style: if templates.is_empty() { TemplateStyle::default() } else { TemplateStyle::Braces },
        overlays_by_architecture: compose.by_architecture,
        at_home_only: config.get("exposable") == Some(&Value::Bool(false)),
        needs: (!templates.is_empty()).then_some(Need::Templates).into_iter().collect(),
        ..Conventions::default()
    };
    let disabled = config.get("available") == Some(&Value::Bool(false)) || flag(&config, "deprecated");
    let mut described = describe(&config, id);
    described.settings = settings;
    described.web = web(&config, compose.main);
    let mut package = Package {
        store: store.clone(),
        manifest: described,
        compose: compose.text,
        files: seeds,
        binary_files: binaries,
        conventions,
    };
    declare_permissions(&mut package, file)?;
    notes.extend(empty_variables(&package));
    Ok(Adapted { package, disabled, notes, icon: Some("metadata/logo.jpg".to_owned()) })
}

/// A Compose file and where its page is.
struct Compose {
    text: String,
    overlay: Overlay,
    /// What is different on some processors.
    by_architecture: BTreeMap<Architecture, String>,
    main: Option<Main>,
}

/// The service that answers, and its port.
struct Main {
    service: String,
    port: Option<String>,
    /// It uses the host's network.
    on_host: bool,
}

/// Reads a Compose file as newer packages have it.
fn native(files: &PackageFiles) -> Result<Compose, Refused> {
    let text_of_file = files.required(COMPOSE)?;
    let compose = parse(text_of_file, COMPOSE)?;
    if compose.get("x-runtipi").is_none() {
        let reason = "it must have `x-runtipi` at its top, or stand beside a `docker-compose.json`";
        return Err(Refused::new(COMPOSE, reason));
    }
    let mut overlay = Overlay::default();
    let mut main = None;
    for (name, service) in map(&compose, "services") {
        let own = service.get("x-runtipi").unwrap_or(&Value::Null);
        if flag(own, "is_main") {
            main = Some(Main {
                service: name.clone(),
                port: text(own, "internal_port"),
                on_host: service["network_mode"] == "host",
            });
        }
        let joins = match service.get("networks") {
            Some(Value::Array(names)) => names.iter().any(|network| network == MAIN_NETWORK),
            Some(Value::Object(names)) => names.contains_key(MAIN_NETWORK),
            _ => false,
        };
        if joins {
            overlay.reset(name, "networks");
        }
    }
    if compose.pointer(&format!("/networks/{MAIN_NETWORK}")).is_some() {
        overlay.remove_network(MAIN_NETWORK);
    }
    let by_architecture = convert::overrides(compose.pointer("/x-runtipi/overrides"))?;
    Ok(Compose { text: text_of_file.to_owned(), overlay, by_architecture, main })
}

fn describe(config: &Value, id: AppId) -> Manifest {
    let name = text(config, "name").unwrap_or_else(|| id.to_string());
    Manifest {
        tagline: text(config, "short_desc").unwrap_or_default(),
        description: text(config, "description").unwrap_or_default(),
        version: text(config, "version").unwrap_or_else(|| "0".to_owned()),
        category: category(&list(config, "categories")),
        developer: text(config, "author"),
        website: text(config, "website"),
        source: text(config, "source"),
        tips: flag(config, "force_expose").then(|| NEEDS_DOMAIN.to_owned()),
        architectures: architectures(&list(config, "supported_architectures")),
        ..Manifest::named(id, name)
    }
}

fn category(names: &[String]) -> Category {
    let known = |name: &String| match name.as_str() {
        "ai" => Some(Category::Ai),
        "automation" => Some(Category::Home),
        "books" => Some(Category::Documents),
        "data" => Some(Category::Files),
        "development" => Some(Category::Developer),
        "finance" => Some(Category::Finance),
        "gaming" => Some(Category::Games),
        "media" | "music" => Some(Category::Media),
        "network" => Some(Category::Network),
        "photography" => Some(Category::Photos),
        "security" => Some(Category::Passwords),
        "social" => Some(Category::Communication),
        _ => None,
    };
    names.iter().find_map(known).unwrap_or(Category::Other)
}

fn web(config: &Value, main: Option<Main>) -> Option<WebPage> {
    if flag(config, "no_gui") {
        return None;
    }
    let main = main?;
    let host_port = port(config, "port")?;
    let port = match main.port.as_deref() {
        Some("${APP_PORT}" | "$APP_PORT") => host_port,
        Some(written) => written.parse().ok()?,
        None if main.on_host => host_port,
        None => return None,
    };
    let path = text(config, "url_suffix").unwrap_or_default();
    Some(WebPage {
        service: main.service,
        port,
        host_port: if main.on_host { port } else { host_port },
        path: format!("/{}", path.trim_start_matches('/')),
        scheme: if flag(config, "https") { Scheme::Https } else { Scheme::Http },
    })
}

/// Returns user and group, where the package names both.
fn owner(config: &Value) -> Option<Owner> {
    let number = |key| text(config, key)?.parse().ok();
    Some(Owner { uid: number("uid")?, gid: number("gid")? })
}

/// Returns the variables that Runtipi gives every app, as far as this one uses them; it is reached by address and port.
fn store_variables(config: &Value, is_used: impl Fn(&str) -> bool) -> Vec<Variable> {
    let number = |key| text(config, key).unwrap_or_else(|| "1000".to_owned());
    let protocol = if flag(config, "https") { "https" } else { "http" };
    let all = [
        variables::text("APP_PORT", "${APP_WEB_PORT}"),
        variables::text("APP_HOST", "${DEVICE_IP}"),
        variables::text("APP_DOMAIN", "${DEVICE_IP}:${APP_WEB_PORT}"),
        variables::text("APP_PROTOCOL", protocol),
        variables::text("APP_EXPOSED", "false"),
        variables::text("LOCAL_DOMAIN", "local"),
        variables::text("INTERNAL_IP", "${DEVICE_IP}"),
        variables::text("NETWORK_INTERFACE", "0.0.0.0"),
        variables::text("DNS_IP", "9.9.9.9"),
        variables::text("ROOT_FOLDER_HOST", "${LIBRARY_DIR}"),
        variables::text("UID", &number("uid")),
        variables::text("GID", &number("gid")),
        variables::text("TIPI_UID", &number("uid")),
        variables::text("TIPI_GID", &number("gid")),
    ];
    all.into_iter().filter(|variable| is_used(&variable.name)).collect()
}

#[cfg(test)]
mod tests;
