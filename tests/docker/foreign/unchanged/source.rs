use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use hearth_model::api::store::PackageDetail;
use hearth_model::form::Field;
use serde_json::Value;

/// Where stores have their packages, and the file that tells what a package is.
const PLACES: [(&str, &str); 3] =
    [("", "umbrel-app.yml"), ("apps", "config.json"), ("Apps", "docker-compose.yml")];

/// A package as it stands in a store.
pub(super) struct Source {
    /// Its folder's name.
    pub(super) name: String,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Its folder's path in the store.
    pub(super) place: PathBuf,
    /// Its `umbrel-app.yml` or `config.json`; nothing for one of CasaOS.
    about: Value,
    /// Name of the file that says its containers.
    pub(super) compose: &'static str,
    /// That file's text.
    pub(super) text: String,
    tree: Value,
}

impl Source {
    /// Finds a package in a store.
    pub(super) fn find(store: &Path, name: &str) -> Result<Self> {
        let Some((place, about)) =
            PLACES.iter().find(|(place, about)| store.join(place).join(name).join(about).is_file())
        else {
            bail!("`{}` has no package `{name}`", store.display());
        };
        let folder = store.join(place).join(name);
        let about = if *place == "Apps" { Value::Null } else { read(&folder.join(about))?.1 };
        // Where a package of Runtipi has both, its YAML was made from the JSON.
        let json = folder.join("docker-compose.json").is_file();
        let compose = if json { "docker-compose.json" } else { "docker-compose.yml" };
        let (text, tree) = read(&folder.join(compose))?;
        Ok(Self {
            name: name.to_owned(),
            place: Path::new(place).join(name),
            folder,
            about,
            compose,
            text,
            tree,
        })
    }

    /// Returns the ids that it may have.
    pub(super) fn ids(&self) -> BTreeSet<String> {
        text(&self.tree, "name").into_iter().chain([self.name.clone(), self.name.to_lowercase()]).collect()
    }

    /// Returns the packages that it depends on.
    pub(super) fn dependencies(&self) -> Vec<String> {
        let list = self.about.get("dependencies").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Returns its services by name, without the one that stands for the proxy.
    pub(super) fn services(&self) -> Vec<(String, &Value)> {
        services(&self.tree).into_iter().filter(|(name, _)| name != "app_proxy").collect()
    }

    /// Returns a variable of the proxy in front of it; `None` without one.
    pub(super) fn proxy(&self, variable: &str) -> Option<String> {
        let (_, proxy) = services(&self.tree).into_iter().find(|(name, _)| name == "app_proxy")?;
        environment(proxy).into_iter().find(|(name, _)| name == variable).map(|(_, value)| value)
    }

    /// Returns the port of its page on the host, as it says it.
    pub(super) fn port(&self) -> Option<String> {
        text(&self.about, "port").or_else(|| text(self.tree.get("x-casaos")?, "port_map"))
    }

    /// Returns the names of its hooks.
    pub(super) fn hooks(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join("hooks")).into_iter().flatten().filter_map(Result::ok);
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Returns the services in which its hooks run programs, each with how and with what.
    pub(super) fn called(&self) -> Vec<Called> {
        let folder = self.folder.join("hooks");
        let texts = self.hooks().into_iter().filter_map(|hook| fs::read_to_string(folder.join(hook)).ok());
        let lines = |text: String| {
            let text = text.replace("\\\n", " ");
            text.lines().filter(|line| line.contains("compose")).filter_map(Called::read).collect::<Vec<_>>()
        };
        texts.flat_map(lines).collect()
    }

    /// Returns the variables that its `exports.sh` sets once, each to something that it spells out.
    pub(super) fn exports(&self) -> BTreeMap<String, String> {
        let script = fs::read_to_string(self.folder.join("exports.sh")).unwrap_or_default();
        let exported = script.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        let value = |value: &str| value.trim().trim_matches(['"', '\'']).to_owned();
        let said = exported.map(|(name, written)| (name.to_owned(), value(written)));
        let once = |name: &str| script.matches(&format!("{name}=")).count() == 1;
        said.filter(|(name, value)| once(name) && !value.contains(['$', '`', '"', '#', '\''])).collect()
    }

    /// Returns what it has that is not common, in words.
    pub(super) fn describe(&self, detail: &PackageDetail) -> String {
        let services = self.services();
        let with = |key: &str| services.iter().filter(|(_, service)| service.get(key).is_some()).count();
        let fixed = services.iter().filter(|(_, service)| fixed_address(service).is_some()).count();
        let host = services.iter().any(|(_, service)| is_on_host(service));
        let kinds: BTreeSet<String> = detail.manifest.settings.iter().filter_map(kind).collect();
        let mut parts = vec![format!("services {}", detail.services.join(", "))];
        let mut add = |is: bool, what: String| parts.extend(is.then_some(what));
        add(!self.dependencies().is_empty(), format!("depends on {}", self.dependencies().join(", ")));
        add(self.folder.join("exports.sh").is_file(), "exports".to_owned());
        add(!self.hooks().is_empty(), format!("hooks {}", self.hooks().join(", ")));
        let open = self.proxy("PROXY_AUTH_WHITELIST");
        add(open.is_some(), format!("whitelist {}", open.unwrap_or_default()));
        add(fixed > 0, format!("{fixed} fixed addresses"));
        add(host, "host network".to_owned());
        add(with("healthcheck") + with("healthCheck") > 0, "health checks".to_owned());
        // Which is the one thing of an image that a package may put something else in place of.
        add(with("entrypoint") > 0, "entrypoints of its own".to_owned());
        let names: Vec<String> = kinds.into_iter().collect();
        add(!names.is_empty(), format!("form of {}", names.join(", ")));
        parts.join("; ")
    }
}

/// Returns a field's kind in words.
fn kind(field: &Field) -> Option<String> {
    let kind = serde_json::to_value(field.kind).ok()?;
    let kind = kind.as_str()?;
    Some(if field.generate.is_some() { format!("{kind} (made)") } else { kind.to_owned() })
}

/// Returns a service's fixed address, as it says it.
pub(super) fn fixed_address(service: &Value) -> Option<String> {
    let networks = service.get("networks")?.as_object()?;
    networks.values().find_map(|network| text(network, "ipv4_address"))
}

/// Returns whether a service has the host's network.
pub(super) fn is_on_host(service: &Value) -> bool {
    ["network_mode", "networkMode"].iter().any(|key| text(service, key).as_deref() == Some("host"))
}

/// Returns a key's scalar.
pub(super) fn text(tree: &Value, key: &str) -> Option<String> {
    match tree.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// Returns a service's environment in either of Compose's forms, or in Runtipi's.
pub(super) fn environment(service: &Value) -> Vec<(String, String)> {
    let entry = |entry: &Value| match entry {
        Value::String(line) => line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())),
        other => Some((text(other, "key")?, text(other, "value")?)),
    };
    match service.get("environment") {
        Some(Value::Array(list)) => list.iter().filter_map(entry).collect(),
        Some(Value::Object(map)) => map
            .keys()
            .filter_map(|name| Some((name.clone(), text(service.get("environment")?, name)?)))
            .collect(),
        _ => Vec::new(),
    }
}

fn services(tree: &Value) -> Vec<(String, &Value)> {
    match tree.get("services") {
        Some(Value::Object(map)) => map.iter().map(|(name, service)| (name.clone(), service)).collect(),
        Some(Value::Array(list)) => {
            list.iter().filter_map(|service| Some((text(service, "name")?, service))).collect()
        }
        _ => Vec::new(),
    }
}

fn read(path: &Path) -> Result<(String, Value)> {
    let text = fs::read_to_string(path)?;
    let tree = serde_saphyr::from_str(&text).with_context(|| format!("failed to read {}", path.display()))?;
    Ok((text, tree))
}

/// Returns what can be told of the variables of packages without running a script.
pub(super) fn variables(trial: &[Source]) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for source in trial {
        variables.extend(source.port().map(|port| ("APP_PORT".to_owned(), port)));
        variables.extend(source.exports());
    }
    variables
}

/// Puts variables into a text; one that is not known is its default, else nothing.
pub(super) fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let Some((before, rest)) = text.split_once('$') else { return text.to_owned() };
    let (inside, after) = match rest.strip_prefix('{') {
        Some(rest) => {
            let mut open = 1_i32;
            let ends = |c: char| {
                open += i32::from(c == '{') - i32::from(c == '}');
                open == 0
            };
            let end = rest.find(ends).unwrap_or(rest.len());
            (&rest[..end], rest.get(end + 1..).unwrap_or_default())
        }
        None => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()))
        }
    };
    let (name, default) = inside.split_once(":-").or_else(|| inside.split_once('-')).unwrap_or((inside, ""));
    let value = variables.get(name).cloned().unwrap_or_else(|| expand(default, variables));
    format!("{before}{value}{}", expand(after, variables))
}

/// Returns whether a text uses variables, and none but these.
pub(super) fn uses_only(text: &str, variables: &BTreeMap<String, String>) -> bool {
    let end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let used = text.split('$').skip(1).map(|rest| rest.trim_start_matches('{').split(end).next());
    text.contains('$') && used.flatten().all(|name| variables.contains_key(name))
}

/// A program that a hook runs in a service.
pub(super) struct Called {
    pub(super) service: String,
    pub(super) program: String,
    /// In a container of its own.
    pub(super) alone: bool,
}

impl Called {
    /// Reads a line of a hook that has `exec` or `run`, their options, a service and a program.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
        let alone = words.find(|word| matches!(*word, "exec" | "run"))? == "run";
        let service = loop {
            match words.next()? {
                "-w" | "-u" | "-e" | "--workdir" | "--user" | "--env" | "--entrypoint" => drop(words.next()),
                option if option.starts_with('-') => {}
                service => break service.to_owned(),
            }
        };
        Some(Self { service, program: words.next()?.to_owned(), alone })
    }
}
