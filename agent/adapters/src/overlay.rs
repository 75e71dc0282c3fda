//! The second Compose file that is merged over a package's own: what its store's system would have changed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Changes to a Compose file.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    /// Keys of services and their new values; a key that is reset has `None`.
    services: BTreeMap<String, Option<BTreeMap<String, Option<Value>>>>,
    /// Networks that are taken away.
    networks: Vec<String>,
}

impl Overlay {
    /// Takes a service away.
    pub(crate) fn remove_service(&mut self, name: &str) {
        self.services.insert(name.to_owned(), None);
    }

    /// Takes a network away.
    pub(crate) fn remove_network(&mut self, name: &str) {
        self.networks.push(name.to_owned());
    }

    /// Takes a key of a service away.
    pub(crate) fn reset(&mut self, service: &str, key: &str) {
        self.put(service, key, None);
    }

    /// Merges a value into a key of a service.
    pub(crate) fn set(&mut self, service: &str, key: &str, value: Value) {
        self.put(service, key, Some(value));
    }

    fn put(&mut self, service: &str, key: &str, value: Option<Value>) {
        if let Some(keys) = self.services.entry(service.to_owned()).or_insert_with(|| Some(BTreeMap::new())) {
            keys.insert(key.to_owned(), value);
        }
    }

    /// Gives a service's mounts other sources: `source` returns the new one, or `None` for one that stays.
    pub(crate) fn map_mounts(
        &mut self,
        name: &str,
        service: &Value,
        source: impl Fn(&str) -> Option<String>,
    ) {
        let mounts = service.get("volumes").and_then(Value::as_array).into_iter().flatten();
        let changed: Vec<Value> = mounts
            .filter_map(|mount| match mount {
                // A mount of the same target takes the place of the first file's.
                Value::String(short) => {
                    let (from, rest) = split_source(short)?;
                    Some(json!(format!("{}:{rest}", source(from)?)))
                }
                Value::Object(_) => {
                    let mut changed = mount.clone();
                    let from = mount.get("source")?.as_str()?;
                    changed["source"] = json!(source(from)?);
                    // Their systems make a missing folder whatever the form of the mount.
                    changed["bind"]["create_host_path"] = json!(true);
                    Some(changed)
                }
                _ => None,
            })
            .collect();
        if !changed.is_empty() {
            self.set(name, "volumes", Value::Array(changed));
        }
    }

    /// Returns the Compose file, `None` when nothing changes.
    pub(crate) fn text(&self) -> Option<String> {
        if self.services.is_empty() && self.networks.is_empty() {
            return None;
        }
        let mut text = String::new();
        if !self.services.is_empty() {
            text.push_str("services:\n");
        }
        for (name, keys) in &self.services {
            let Some(keys) = keys else {
                text.push_str(&format!("  {}: !reset null\n", json!(name)));
                continue;
            };
            text.push_str(&format!("  {}:\n", json!(name)));
            for (key, value) in keys {
                match value {
                    None => text.push_str(&format!("    {key}: !reset null\n")),
                    Some(value) => text.push_str(&format!("    {key}: {value}\n")),
                }
            }
        }
        if !self.networks.is_empty() {
            text.push_str("networks:\n");
        }
        for name in &self.networks {
            text.push_str(&format!("  {}: !reset null\n", json!(name)));
        }
        Some(text)
    }
}

/// Splits a mount in short syntax after its source; a `:` inside of `${…}` does not count.
fn split_source(short: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in short.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return Some((&short[..at], &short[at + 1..])),
            _ => {}
        }
    }
    None
}

/// Replaces the folder at the beginning of a path: `None` when the path is not below `folder`.
pub(crate) fn move_path(path: &str, folder: &str, to: &str) -> Option<String> {
    let rest = path.strip_prefix(folder)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
}

/// Returns a path without its `..` parts, as Compose cleans paths; `None` when they lead above its first part.
pub(crate) fn cleaned(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." if parts.len() > 1 => {
                parts.pop();
            }
            ".." => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_get_other_sources_in_both_forms() {
        let service = json!({ "volumes": [
            "/DATA/${X:-a}:/a:ro",
            "named:/b",
            { "type": "bind", "source": "/DATA/c", "target": "/c" },
        ] });
        let mut overlay = Overlay::default();
        overlay.map_mounts("web", &service, |source| move_path(source, "/DATA", "/lib"));
        assert_eq!(
            overlay.text().as_deref(),
            Some(
                "services:\n  \"web\":\n    volumes: [\"/lib/${X:-a}:/a:ro\",{\"bind\":{\"create_host_path\":true},\"source\":\"/lib/c\",\"target\":\"/c\",\"type\":\"bind\"}]\n"
            )
        );
    }

    #[test]
    fn a_folder_is_moved_whole_or_not_at_all() {
        assert_eq!(move_path("/DATA/x", "/DATA", "/lib").as_deref(), Some("/lib/x"));
        assert_eq!(move_path("/DATAX/x", "/DATA", "/lib"), None);
    }

    #[test]
    fn parts_that_lead_up_stay_below_the_first() {
        assert_eq!(cleaned("${APP}/a/../b").as_deref(), Some("${APP}/b"));
        assert_eq!(cleaned("${APP}/../../b"), None);
    }
}
