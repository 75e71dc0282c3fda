use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Options, Spanned, Tagged};

use super::{Key, Map, Node, Tag, Value};
use crate::source::At;

/// Largest file in bytes.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// Deepest nesting: twice that of the deepest key, and shallow enough for the stack of any thread.
const MAX_DEPTH: usize = 24;

/// Most values in a file, with every alias followed: what an alias bomb grows into.
const MAX_NODES: usize = 20_000;

/// Returns how every YAML file is read: YAML 1.2 booleans, `0644` as the text that was written, and limits.
pub(crate) fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
        emit_comments: false,
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_depth: MAX_DEPTH,
        },
    }
}

/// Reads one document; an empty one is null.
pub(super) fn parse(text: &str, file: u32) -> Result<Node, (At, String)> {
    let mut node: Node = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let (line, column) = location(&error);
        (At { file, line, column }, message(&error))
    })?;
    set_file(&mut node, file);
    Ok(node)
}

/// Returns line and column of an error, from 1, or zeros.
pub(crate) fn location(error: &Error) -> (u32, u32) {
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    error.location().map_or((0, 0), |at| (number(at.line()), number(at.column())))
}

/// Returns what an error says, without its place, in our words where the library speaks to programmers.
pub(crate) fn message(error: &Error) -> String {
    match error.without_snippet() {
        Error::DuplicateMappingKey { key, .. } => match key {
            Some(key) => format!("the key `{key}` stands twice in one mapping; remove one"),
            None => "a key stands twice in one mapping; remove one".to_owned(),
        },
        Error::MultipleDocuments { .. } => {
            "the file holds more than one YAML document (`---`); put each into its own file".to_owned()
        }
        Error::UnknownAnchor { .. } => "this alias names an anchor that does not exist before it".to_owned(),
        Error::Budget { breach, .. } => budget(breach),
        other => said(&other.to_string()),
    }
}

/// Returns a message of the library without the places that it names; a limit broken inside of an alias has no kind of
/// its own.
fn said(text: &str) -> String {
    if text.contains("Nodes {") || text.contains("replay limit") {
        return too_many();
    }
    if text.contains("Depth {") || text.contains("recursion limit") {
        return too_deep();
    }
    let places = [" at line ", " (defined at line "].iter().filter_map(|place| text.find(place));
    text[..places.min().unwrap_or(text.len())].to_owned()
}

fn too_many() -> String {
    format!("the file holds more than {MAX_NODES} values, aliases followed")
}

fn too_deep() -> String {
    format!("the file is nested deeper than {MAX_DEPTH} levels")
}

fn budget(breach: &serde_saphyr::budget::BudgetBreach) -> String {
    use serde_saphyr::budget::BudgetBreach;
    match breach {
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => too_many(),
        BudgetBreach::Depth { .. } => too_deep(),
        other => format!("the file is over a limit of the YAML reader: {other:?}"),
    }
}

fn set_file(node: &mut Node, file: u32) {
    node.at.file = file;
    match &mut node.value {
        Value::List(list) => list.iter_mut().for_each(|item| set_file(item, file)),
        Value::Map(map) => {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(mut key, mut value)| {
                    key.at.file = file;
                    set_file(&mut value, file);
                    (key, value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

fn at<T>(spanned: &Spanned<T>) -> At {
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    At { file: 0, line: number(spanned.defined.line()), column: number(spanned.defined.column()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Tagged<Value>>::deserialize(deserializer)?;
        let at = at(&spanned);
        let Tagged(value, tag) = spanned.value;
        let tag = match tag.as_deref() {
            Some("!reset") => Some(Tag::Reset),
            Some("!override") => Some(Tag::Override),
            _ => None,
        };
        Ok(Node { at, tag, value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let key = Key::new(key.value.clone(), at(&key));
            map.insert(key, access.next_value()?);
        }
        Ok(Value::Map(map))
    }
}
