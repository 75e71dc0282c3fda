use std::collections::BTreeMap;

use super::loader::{Loader, Scope};
use crate::dotenv;
use crate::project::Project;
use crate::source::{At, Stop};
use crate::yaml::{Key, Map, Node, Value};

/// Where the value of a config's or secret's `environment` is kept until it is decoded; no key may be written so.
pub(crate) const VALUE_KEY: &str = "\u{0}value";

/// Gives names without values, in lists, the values that they have in this file's surroundings; and configs and secrets
/// the values of the variables that they name.
pub(super) fn resolve(model: &mut Map, variables: &BTreeMap<String, String>) {
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(Map::values_mut).filter_map(Node::as_map_mut) {
        let entries = service.get_mut("environment").and_then(Node::as_list_mut);
        for entry in entries.into_iter().flatten() {
            if let Value::Text(name) = &entry.value
                && let Some(value) = variables.get(name)
            {
                entry.value = Value::Text(format!("{name}={value}"));
            }
        }
    }
    for section in ["configs", "secrets"] {
        let objects = model.get_mut(section).and_then(Node::as_map_mut);
        for object in objects.into_iter().flat_map(Map::values_mut).filter_map(Node::as_map_mut) {
            let Some(name) = object.get("environment").and_then(Node::as_text) else { continue };
            if let Some(value) = variables.get(name).cloned() {
                object.insert(Key::new(VALUE_KEY, At::NOWHERE), Node::text(value, At::NOWHERE));
            }
        }
    }
}

impl Loader<'_> {
    /// Adds the variables of `env_file` and the labels of `label_file` to each service; what the service says wins.
    pub(super) fn service_files(&mut self, project: &mut Project, scope: &Scope) {
        for service in project.services.values_mut() {
            let mut variables = BTreeMap::new();
            for file in std::mem::take(&mut service.env_file) {
                let known = with(&scope.variables, &variables);
                let read = self.variables(&file.path, file.required, &file.format, &known, file.at);
                variables.extend(read.unwrap_or_default());
            }
            for (name, value) in variables {
                service.environment.entry(name).or_insert(Some(value));
            }
            let mut labels = BTreeMap::new();
            let at = service.place("label_file");
            for file in std::mem::take(&mut service.label_file) {
                labels.extend(self.variables(&file, true, "", &labels.clone(), at).unwrap_or_default());
            }
            for (name, value) in labels {
                service.labels.entry(name).or_insert(value);
            }
        }
    }

    fn variables(
        &mut self,
        location: &str,
        required: bool,
        format: &str,
        known: &BTreeMap<String, String>,
        at: At,
    ) -> Result<BTreeMap<String, String>, Stop> {
        let file = if required { Some(self.read_required(location, at)?) } else { self.read(location, at)? };
        let Some(file) = file else { return Ok(BTreeMap::new()) };
        let read = match format {
            "" => dotenv::parse(&file.text, known),
            "raw" => dotenv::parse_raw(&file.text),
            other => {
                return Err(self
                    .problems
                    .stop(at, format!("`{other}` is not a format of variables; use `raw`")));
            }
        };
        read.map_err(|error| {
            self.problems.stop(at, format!("`{}`, line {}: {}", file.path, error.line, error.message))
        })
    }
}

fn with(outer: &BTreeMap<String, String>, inner: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = outer.clone();
    all.extend(inner.clone());
    all
}
