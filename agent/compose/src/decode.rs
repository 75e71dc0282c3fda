//! The tree to the typed project. Every key is taken by name; what is left over is refused by name.

use std::collections::BTreeMap;

use crate::project::Project;
use crate::source::Problems;
use crate::yaml::{Map, Node, Value};

mod deploy;
/// One mapping, key by key.
mod fields;
mod parts;
/// Keys that are known and not supported, with the reason.
pub(crate) mod refused;
mod resources;
mod service;
/// What a misspelled key was meant to be.
mod similar;

pub(crate) use fields::Fields;

/// Decodes a whole project; problems say what could not be.
pub(crate) fn project(model: Map, name: String, working_dir: String, problems: &mut Problems) -> Project {
    let mut extensions = BTreeMap::new();
    let mut known = Map::new();
    for (key, value) in model {
        if key.text.starts_with("x-") {
            extensions.insert(key.text, value.value);
        } else {
            known.insert(key, value);
        }
    }
    let at = known.keys().next().map(|key| key.at).unwrap_or_default();
    let mut fields = Fields::new(Node::new(Value::Map(known), at), "the file", problems);
    let services = fields.named("services", "service", service::decode);
    let networks = fields.named("networks", "network", resources::network);
    let volumes = fields.named("volumes", "volume", resources::volume);
    let configs = fields.named("configs", "config", resources::file_object);
    let secrets = fields.named("secrets", "secret", resources::file_object);
    fields.finish(refused::TOP);
    if services.is_empty() && !problems.has_errors() {
        problems.error(at, "the file has no services; expected `services:` with at least one");
    }
    Project {
        name,
        working_dir,
        services,
        networks,
        volumes,
        configs,
        secrets,
        disabled: BTreeMap::new(),
        warnings: crate::Diagnostics::default(),
        extensions,
        climbing: BTreeMap::new(),
        sources: crate::source::Sources::default(),
    }
}
