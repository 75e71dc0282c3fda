use serde_json::{Map, Value, json};

use crate::diagnostics::Diagnostics;
use crate::load::{ProjectInput, load};
use crate::project::Project;
use crate::yaml;

/// Reads Compose files and returns the project as `docker compose config --format json` prints it.
///
/// # Errors
/// The same as [`load`].
pub fn config(input: &ProjectInput<'_>) -> Result<Value, Diagnostics> {
    load(input).map(|project| config_json(&project))
}

/// Returns the project as `docker compose config --format json` prints it, dollar signs doubled: the output can be read
/// again as a Compose file.
pub fn config_json(project: &Project) -> Value {
    let mut top = Map::new();
    top.insert("name".to_owned(), json!(project.name));
    top.insert("services".to_owned(), json!(project.services));
    if !project.networks.is_empty() {
        top.insert("networks".to_owned(), json!(project.networks));
    }
    if !project.volumes.is_empty() {
        top.insert("volumes".to_owned(), json!(project.volumes));
    }
    if !project.configs.is_empty() {
        top.insert("configs".to_owned(), json!(project.configs));
    }
    if !project.secrets.is_empty() {
        top.insert("secrets".to_owned(), json!(project.secrets));
    }
    for (key, value) in &project.extensions {
        top.insert(key.clone(), plain(value));
    }
    shown(Value::Object(top))
}

fn plain(value: &yaml::Value) -> Value {
    match value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(flag) => json!(flag),
        yaml::Value::Int(number) => match i64::try_from(*number) {
            Ok(number) => json!(number),
            Err(_) => json!(u64::try_from(*number).ok()),
        },
        yaml::Value::Float(number) => json!(number),
        yaml::Value::Text(text) => json!(text),
        yaml::Value::List(items) => items.iter().map(|item| plain(&item.value)).collect(),
        yaml::Value::Map(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.text.clone(), plain(&value.value))).collect())
        }
    }
}

/// Doubles dollar signs, and writes whole numbers without a fraction.
fn shown(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('$', "$$")),
        Value::Array(items) => items.into_iter().map(shown).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(key, value)| (key.replace('$', "$$"), shown(value))).collect(),
        ),
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
            Some(float)
                if !number.is_i64() && !number.is_u64() && float.fract() == 0.0 && float.abs() < 9e15 =>
            {
                json!(float as i64)
            }
            _ => Value::Number(number),
        },
        other @ (Value::Null | Value::Bool(_)) => other,
    }
}
