//! YAML and JSON as loose trees, for formats that are read leniently.

use serde_json::{Map, Value};

use crate::Refused;

/// Reads YAML, or JSON, which is YAML.
pub(crate) fn parse(text: &str, file: &str) -> Result<Value, Refused> {
    let value: Value = serde_saphyr::from_str(text).map_err(|error| {
        let message = error.to_string();
        let first = message.lines().next().unwrap_or_default().to_owned();
        Refused::new(file, format!("it cannot be read: {first}"))
    })?;
    if value.is_object() { Ok(value) } else { Err(Refused::new(file, "it must hold a mapping at its top")) }
}

/// Returns a scalar as text; `None` for null, lists and maps.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns a key's scalar as text; `None` where it is missing or empty.
pub(crate) fn text(tree: &Value, key: &str) -> Option<String> {
    tree.get(key).and_then(scalar).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Returns a key that is true, also where it is written as text.
pub(crate) fn flag(tree: &Value, key: &str) -> bool {
    text(tree, key).is_some_and(|text| text == "true")
}

/// Returns a key's port; `None` where it is missing or no port.
pub(crate) fn port(tree: &Value, key: &str) -> Option<u16> {
    text(tree, key)?.parse().ok().filter(|port| *port > 0)
}

/// Returns the scalars of a key's list.
pub(crate) fn list(tree: &Value, key: &str) -> Vec<String> {
    tree.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(scalar).collect()
}

/// Returns a key's map, an empty one where it is missing.
pub(crate) fn map<'a>(tree: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    tree.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// Returns an environment in either of Compose's forms, by name.
pub(crate) fn environment(service: &Value) -> Vec<(String, String)> {
    match service.get("environment") {
        Some(Value::Object(entries)) => {
            entries.iter().map(|(name, value)| (name.clone(), scalar(value).unwrap_or_default())).collect()
        }
        Some(Value::Array(entries)) => entries
            .iter()
            .filter_map(scalar)
            .map(|entry| match entry.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (entry, String::new()),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the text that a locale map has for English, or its first; a plain text as it stands.
pub(crate) fn localised(tree: &Value, key: &str) -> Option<String> {
    let Some(Value::Object(locales)) = tree.get(key) else { return text(tree, key) };
    let english = locales.iter().find(|(locale, _)| locale.to_lowercase().starts_with("en"));
    let (_, value) = english.or_else(|| locales.iter().next())?;
    scalar(value).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
