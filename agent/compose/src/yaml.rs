//! YAML 1.2 as a tree in which each value knows its place. Everything that knows the YAML library is in this module.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use hearth_model::Bytes;

use crate::source::{At, Problems, Sources, Stop};

/// Go's way of writing numbers.
pub(crate) mod number;
/// From text.
mod parse;

pub(crate) use parse::{MAX_BYTES, location, message, options};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where it stands; of an aliased or merged value, where it was defined.
    pub(crate) at: At,
    /// Compose's own tag on it.
    pub(crate) tag: Option<Tag>,
    /// The value.
    pub(crate) value: Value,
}

/// Compose's [own tags](https://github.com/compose-spec/compose-spec/blob/main/13-merge.md#reset-value).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// Takes away what earlier files said.
    Reset,
    /// Replaces what earlier files said, instead of being merged with it.
    Override,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Map),
}

/// A mapping. The order of keys has no meaning in YAML, and none here.
pub(crate) type Map = BTreeMap<Key, Node>;

/// A key and its place; the place takes no part in comparisons.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// Where it stands.
    pub(crate) at: At,
    /// The key.
    pub(crate) text: String,
}

impl Key {
    /// Returns a key that stands at `at`.
    pub(crate) fn new(text: impl Into<String>, at: At) -> Self {
        Self { at, text: text.into() }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl Node {
    /// Returns a value that stands at `at`.
    pub(crate) fn new(value: Value, at: At) -> Self {
        Self { at, tag: None, value }
    }

    /// Returns a text that stands at `at`.
    pub(crate) fn text(text: impl Into<String>, at: At) -> Self {
        Self::new(Value::Text(text.into()), at)
    }

    /// Returns the text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the mapping, if it is one.
    pub(crate) fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the mapping, if it is one.
    pub(crate) fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the list, if it is one.
    pub(crate) fn as_list_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// Tells whether it is null.
    pub(crate) fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Returns what kind of value it is, in words that people who write YAML know.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// Tells whether the values are the same, wherever they stand.
    pub(crate) fn same_as(&self, other: &Node) -> bool {
        match (&self.value, &other.value) {
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_as(b))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && a.same_as(b))
            }
            (a, b) => a == b,
        }
    }

    /// Returns a scalar as Docker Compose writes it where a text is expected: `1.10` is `1.1`.
    pub(crate) fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(number::float(*value)),
            Value::Text(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// Adds a file to the sources and reads it.
///
/// # Errors
/// When it is too large, no YAML, or over a limit; the problem says where.
pub(crate) fn read(
    name: &str,
    text: &str,
    sources: &mut Sources,
    problems: &mut Problems,
) -> Result<Node, Stop> {
    if text.len() > MAX_BYTES {
        let file = sources.add(name, "");
        let (size, most) = (Bytes(text.len() as u64), Bytes(MAX_BYTES as u64));
        return Err(problems.stop(
            At { file, line: 0, column: 0 },
            format!("the file has {size}; a Compose file may have {most}"),
        ));
    }
    let file = sources.add(name, text);
    parse::parse(text, file).map_err(|(at, message)| problems.stop(at, message))
}
