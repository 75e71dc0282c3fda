use std::collections::BTreeSet;

use hearth_model::conventions::{Conventions, NVIDIA, Owner, Variable};
use hearth_model::form::{Field, FieldKind};
use hearth_model::package::{Architecture, Category, DefaultLogin, Manifest, Package, Requirements};
use hearth_model::{AppId, StoreId};
use serde_json::Value;

use crate::adapted::{architectures, declare_permissions, setting};
use crate::document::{list, localised, map, parse, scalar, text};
use crate::overlay::{Overlay, move_path};
use crate::{Adapted, PackageFiles, Refused, variables};

/// The web page.
mod page;

const COMPOSE: &str = "docker-compose.yml";
/// What a built store has taken out of `x-casaos`.
const META: &str = "meta.json";
/// The store's own password for every package; each app gets one of its own instead.
const PASSWORD: &str = "DefaultPassword";
/// Characters of that password.
const PASSWORD_LENGTH: u16 = 20;
/// Folders below `/DATA` that apps share with each other and the owner.
const SHARED: [&str; 4] = ["Documents", "Downloads", "Gallery", "Media"];

/// Reads a package: `docker-compose.yml` with `x-casaos` at its top, and `meta.json` beside it in a built store. There
/// `docker-compose.arm64.yml` takes its place on a box with such a processor.
///
/// # Errors
/// Why it is not taken: no `x-casaos`, a file that cannot be read, containers that do not resolve.
pub fn read(files: &PackageFiles, store: &StoreId) -> Result<Adapted, Refused> {
    read_for(files, store, Architecture::of_this_program())
}

fn read_for(
    files: &PackageFiles,
    store: &StoreId,
    processor: Option<Architecture>,
) -> Result<Adapted, Refused> {
    let file = compose_file(files, processor);
    let compose_text = files.required(file)?;
    let compose = parse(compose_text, file)?;
    let about = &about(&compose, file, files)?;
    let id = id(&compose, file, &files.folder)?;
    let mut overlay = Overlay::default();
    for (name, service) in map(&compose, "services") {
        overlay.map_mounts(name, service, |source| moved(source, id.as_str()));
        if matches!(text(service, "network_mode").as_deref(), Some("bridge" | "default")) {
            // The engine's default bridge resolves no names; an own network does everything that it does.
            overlay.reset(name, "network_mode");
        }
    }
    let mut used = variables::used(compose_text);
    if variables::mentions(compose_text, PASSWORD) {
        used.insert(PASSWORD.to_owned());
    }
    let settings = settings(&compose, compose_text, &used);
    let mut described = describe(about, &compose, id);
    described.settings = settings;
    if variables::mentions(compose_text, PASSWORD) {
        described.default_login =
            Some(DefaultLogin { username: String::new(), password: format!("${{{PASSWORD}}}") });
    }
    let conventions = Conventions {
        overlay: overlay.text(),
        variables: store_variables(compose_text),
        data_owner: Some(Owner { uid: 1000, gid: 1000 }),
        optional_devices: map(&compose, "services").flat_map(|(_, service)| devices(service)).collect(),
        ..Conventions::default()
    };
    let seeds = files.seeds(|path| path.ends_with(".env"));
    let mut package = Package {
        store: store.clone(),
        manifest: described,
        compose: compose_text.to_owned(),
        files: seeds.texts,
        binary_files: seeds.binaries,
        conventions,
    };
    declare_permissions(&mut package, file)?;
    Ok(Adapted { package, disabled: false, notes: Vec::new(), icon: text(about, "icon") })
}

/// Returns the Compose file for a box with this processor
/// ([Build Output](https://github.com/IceWhaleTech/CasaOS-AppStore/blob/main/docs/specs/build-output.md)).
fn compose_file(files: &PackageFiles, processor: Option<Architecture>) -> &'static str {
    let special = match processor {
        Some(Architecture::Amd64) => "docker-compose.amd64.yml",
        Some(Architecture::Arm64) => "docker-compose.arm64.yml",
        Some(Architecture::Arm) => "docker-compose.arm.yml",
        None => COMPOSE,
    };
    if files.files.contains_key(special) { special } else { COMPOSE }
}

/// Returns what the package says of itself; the Compose file is stronger.
fn about(compose: &Value, file: &str, files: &PackageFiles) -> Result<Value, Refused> {
    let Some(Value::Object(own)) = compose.get("x-casaos") else {
        return Err(Refused::new(file, "it must have `x-casaos` at its top"));
    };
    let mut about = match files.text(META)? {
        Some(meta) => parse(meta, META)?,
        None => Value::Object(serde_json::Map::new()),
    };
    for (key, value) in own {
        about[key] = value.clone();
    }
    Ok(about)
}

/// Returns the app's id: the project's name, or the folder's where that cannot be one.
fn id(compose: &Value, file: &str, folder: &str) -> Result<AppId, Refused> {
    let written = text(compose, "name").unwrap_or_else(|| folder.to_owned()).to_lowercase();
    let plain: String =
        written.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    plain
        .trim_matches(['-', '_'])
        .parse()
        .map_err(|error: hearth_model::id::InvalidId| Refused::new(file, error.to_string()))
}

fn describe(about: &Value, compose: &Value, id: AppId) -> Manifest {
    let name = localised(about, "title").unwrap_or_else(|| id.to_string());
    let image_tag = || {
        let main = page::main_service(about, compose)?;
        let image = text(&compose["services"][&main], "image")?;
        let (name, tag) = image.split('@').next()?.rsplit_once(':')?;
        (!name.is_empty() && !tag.contains('/')).then(|| tag.to_owned())
    };
    Manifest {
        tagline: localised(about, "tagline").unwrap_or_default(),
        description: localised(about, "description").unwrap_or_default(),
        version: text(about, "version").or_else(image_tag).unwrap_or_else(|| "0".to_owned()),
        release_notes: localised(about, "release_notes").or_else(|| localised(about, "release_note")),
        category: category(&text(about, "category").unwrap_or_default()),
        developer: text(about, "developer").or_else(|| text(about, "author")),
        website: text(about, "website"),
        source: text(about, "repo"),
        support: text(about, "docs").or_else(|| text(about, "support")),
        tips: tips(about),
        architectures: architectures(&list(about, "architectures")),
        web: page::web(about, compose),
        requires: Requirements { memory_mb: memory(compose), disk_mb: None },
        ..Manifest::named(id, name)
    }
}

fn category(name: &str) -> Category {
    match name.to_lowercase().as_str() {
        "ai" => Category::Ai,
        "backup" | "cloud" | "storage" => Category::Files,
        "chat" | "social" => Category::Communication,
        "developer" | "coding" => Category::Developer,
        "finance" => Category::Finance,
        "gaming" | "games" => Category::Games,
        "gallery" => Category::Photos,
        "home" | "home automation" => Category::Home,
        "media" => Category::Media,
        "networking" | "network" => Category::Network,
        "productivity" => Category::Productivity,
        _ => Category::Other,
    }
}

/// Returns what the owner should read before the install; some packages leave the level `before_install` out.
fn tips(about: &Value) -> Option<String> {
    let tips = about.get("tips")?;
    localised(tips, "before_install")
        .or_else(|| localised(tips, "custom"))
        .or_else(|| localised(about, "tips"))
}

/// Returns the memory that all services reserve, in mebibytes.
fn memory(compose: &Value) -> Option<u64> {
    let reserved = map(compose, "services")
        .filter_map(|(_, service)| service.pointer("/deploy/resources/reservations/memory").and_then(scalar));
    let total: u64 = reserved.filter_map(|size| mebibytes(&size)).sum();
    (total > 0).then_some(total)
}

fn mebibytes(size: &str) -> Option<u64> {
    let size = size.to_lowercase();
    let digits = size.find(|c: char| !c.is_ascii_digit()).unwrap_or(size.len());
    let (number, unit) = size.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit.trim_end_matches('b') {
        "" => Some(number / (1024 * 1024)),
        "k" => Some(number / 1024),
        "m" => Some(number),
        "g" => number.checked_mul(1024),
        _ => None,
    }
}

/// Returns the devices of a service. CasaOS leaves out those that a box does not have, and packages name the devices of
/// several boards.
fn devices(service: &Value) -> impl Iterator<Item = String> {
    let named = list(service, "devices");
    let named = named.iter().map(|device| device.split(':').next().unwrap_or_default().to_owned());
    let runtime = (text(service, "runtime").as_deref() == Some("nvidia")).then(|| NVIDIA.to_owned());
    named.chain(runtime).collect::<Vec<_>>().into_iter()
}

/// Returns where a mount's source lies on a Hearth box: below the app's own folder, or in the library.
fn moved(source: &str, id: &str) -> Option<String> {
    for own in ["$AppID", "${AppID}", id] {
        if let Some(path) = move_path(source, &format!("/DATA/AppData/{own}"), "${APP_DATA_DIR}") {
            return Some(path);
        }
    }
    // What is written below another name is this app's as well: it never sees another app's folder.
    move_path(source, "/DATA/AppData", "${APP_DATA_DIR}").or_else(|| {
        SHARED
            .iter()
            .find_map(|name| move_path(source, &format!("/DATA/{name}"), &format!("${{LIBRARY_DIR}}/{name}")))
            .or_else(|| move_path(source, "/DATA", "${LIBRARY_DIR}"))
    })
}

/// Returns the variables that CasaOS gives every app, as far as this one uses them.
fn store_variables(compose_text: &str) -> Vec<Variable> {
    let all = [
        variables::text("AppID", "${APP_ID}"),
        variables::text("PUID", "1000"),
        variables::text("PGID", "1000"),
        variables::text("DefaultUserName", "admin"),
        variables::text("WEBUI_PORT", "${APP_WEB_PORT}"),
    ];
    all.into_iter().filter(|variable| variables::mentions(compose_text, &variable.name)).collect()
}

/// Returns what the owner is asked for: variables that nobody gives, and the generated password.
fn settings(compose: &Value, compose_text: &str, used: &BTreeSet<String>) -> Vec<Field> {
    let known: Vec<String> =
        store_variables(compose_text).into_iter().map(|variable| variable.name).collect();
    let is_open = |name: &&String| !known.contains(name) && !variables::GIVEN.contains(&name.as_str());
    used.iter()
        .filter(is_open)
        .map(|name| {
            if name == PASSWORD {
                let mut password = setting(name, "Password", FieldKind::Secret);
                password.generate = Some(PASSWORD_LENGTH);
                return password;
            }
            let upper = name.to_uppercase();
            let secret = ["KEY", "TOKEN", "PASS", "SECRET"].iter().any(|word| upper.contains(word));
            let kind = if secret { FieldKind::Secret } else { FieldKind::Text };
            let mut field = setting(name, name, kind);
            field.help = described_variable(compose, name);
            field
        })
        .collect()
}

/// Returns what a service's `x-casaos.envs` says of a variable of the container that is filled from it.
fn described_variable(compose: &Value, name: &str) -> Option<String> {
    map(compose, "services").find_map(|(_, service)| {
        let envs = service.pointer("/x-casaos/envs")?.as_array()?;
        let env = envs.iter().find(|env| text(env, "container").as_deref() == Some(name))?;
        localised(env, "description")
    })
}

#[cfg(test)]
mod tests;
