use std::collections::BTreeMap;

use super::loader::Loader;
use crate::path;
use crate::source::At;
use crate::yaml::{Map, Node, Value};

/// Makes the relative paths of a file absolute, and notes those that lead out of its folder.
pub(super) fn resolve(
    model: &mut Map,
    dir: &str,
    variables: &BTreeMap<String, String>,
    loader: &mut Loader<'_>,
) {
    let mut resolver = Resolver { dir, home: variables.get("HOME").map(String::as_str), loader };
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for service in services.into_iter().flat_map(Map::values_mut).filter_map(Node::as_map_mut) {
        for file in items(service.get_mut("env_file")) {
            resolver.path(file.as_map_mut().and_then(|file| file.get_mut("path")));
        }
        for file in items(service.get_mut("label_file")) {
            resolver.path(Some(file));
        }
        for mount in items(service.get_mut("volumes")).filter_map(Node::as_map_mut) {
            if mount.get("type").and_then(Node::as_text) == Some("bind") {
                resolver.path(mount.get_mut("source"));
            }
        }
    }
    for section in ["configs", "secrets"] {
        let objects = model.get_mut(section).and_then(Node::as_map_mut);
        for object in objects.into_iter().flat_map(Map::values_mut).filter_map(Node::as_map_mut) {
            resolver.path(object.get_mut("file"));
        }
    }
    let volumes = model.get_mut("volumes").and_then(Node::as_map_mut);
    for volume in volumes.into_iter().flat_map(Map::values_mut).filter_map(Node::as_map_mut) {
        // Docker Compose does so for `driver: local` and `o: bind` alone, and hands on a relative path otherwise, which the
        // engine then looks up in a folder of its own.
        let binds = |o: &str| o.split(',').any(|word| word == "bind" || word == "rbind");
        if let Some(options) = volume.get_mut("driver_opts").and_then(Node::as_map_mut)
            && options.get("o").and_then(Node::as_text).is_some_and(binds)
        {
            resolver.path(options.get_mut("device"));
        }
    }
}

fn items(list: Option<&mut Node>) -> impl Iterator<Item = &mut Node> {
    list.and_then(Node::as_list_mut).into_iter().flatten()
}

struct Resolver<'a, 'l, 'r> {
    dir: &'a str,
    home: Option<&'a str>,
    loader: &'l mut Loader<'r>,
}

impl Resolver<'_, '_, '_> {
    fn path(&mut self, node: Option<&mut Node>) {
        let Some(node) = node else { return };
        if let Value::Text(text) = &mut node.value {
            self.text(node.at, text);
        }
    }

    fn text(&mut self, at: At, text: &mut String) {
        if let Some(rest) = text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            match self.home {
                Some(home) => *text = path::clean(&format!("{home}{rest}")),
                None => self.loader.problems.error(at, "`~` has no meaning here; write a whole path"),
            }
        }
        let declared = text.clone();
        if !declared.starts_with('/') && !declared.is_empty() {
            *text = path::join(self.dir, &declared);
            self.note_climbing(at, &declared, text);
        } else if path::climbs(&declared) {
            self.note_climbing(at, &declared, &path::clean(&declared));
        }
    }

    fn note_climbing(&mut self, at: At, declared: &str, resolved: &str) {
        if path::below(resolved, self.loader.root()).is_none() {
            self.loader.climbing.insert(at, declared.to_owned());
        }
    }
}
