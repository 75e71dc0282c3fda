use std::collections::BTreeMap;

use super::refused::Refused;
use super::similar::similar;
use crate::project::Mapping;
use crate::project::service::Float;
use crate::source::{At, Problems};
use crate::value::bytes::Bytes;
use crate::value::duration::Duration;
use crate::yaml::{Map, Node, Value};

/// One mapping: keys are taken out by name and kind, and what is left at the end is refused.
///
/// A key whose value is null counts as not written.
pub(crate) struct Fields<'p> {
    map: Map,
    what: String,
    asked: Vec<&'static str>,
    pub(super) at: At,
    pub(super) places: BTreeMap<String, At>,
    pub(super) problems: &'p mut Problems,
}

impl<'p> Fields<'p> {
    /// Takes a mapping apart; anything else is a problem, and counts as an empty one.
    pub(crate) fn new(node: Node, what: impl Into<String>, problems: &'p mut Problems) -> Self {
        let what = what.into();
        let at = node.at;
        let map = match node.value {
            Value::Map(map) => map,
            Value::Null => Map::new(),
            _ => {
                problems.error(at, format!("{what} is {}; expected a mapping", node.kind()));
                Map::new()
            }
        };
        let places = map.keys().map(|key| (key.text.clone(), key.at)).collect();
        Self { map, what, asked: Vec::new(), at, places, problems }
    }

    /// Takes a key, `None` when it was not written or is null.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.asked.push(key);
        self.map.remove(key).filter(|node| !node.is_null())
    }

    /// Returns where a key's value stands, or the mapping when the key was not written.
    pub(super) fn value_at(&self, key: &str) -> At {
        self.map.get(key).map_or(self.at, |node| node.at)
    }

    /// Refuses every key that was not taken, `x-` keys excepted.
    pub(crate) fn finish(self, refused: &[Refused]) {
        let Self { map, what, asked, problems, .. } = self;
        for key in map.keys().filter(|key| !key.text.starts_with("x-") && !key.text.starts_with('\0')) {
            let text = &key.text;
            let message = match refused.iter().find(|(name, _)| name == text) {
                Some((_, reason)) => format!("`{text}` of {what} is not supported: {reason}"),
                None => match similar(text, &asked) {
                    Some(similar) => format!("unknown key `{text}` in {what}; did you mean `{similar}`?"),
                    None => format!("unknown key `{text}` in {what}"),
                },
            };
            problems.error(key.at, message);
        }
    }

    fn wrong<T>(&mut self, node: &Node, key: &str, expected: &str) -> Option<T> {
        let found = match node.scalar() {
            Some(text) if text.chars().count() <= 60 => format!("{} `{text}`", node.kind()),
            _ => node.kind().to_owned(),
        };
        self.problems.error(node.at, format!("`{key}` of {} is {found}; expected {expected}", self.what));
        None
    }

    /// Takes a text; empty when not written.
    pub(crate) fn text(&mut self, key: &'static str) -> String {
        let Some(node) = self.take(key) else { return String::new() };
        match node.value {
            Value::Text(text) => text,
            _ => self.wrong(&node, key, "a text; put it into quotes").unwrap_or_default(),
        }
    }

    /// Takes a text or a number; empty when not written.
    pub(crate) fn text_or_number(&mut self, key: &'static str) -> String {
        let Some(node) = self.take(key) else { return String::new() };
        match node.value {
            Value::Text(_) | Value::Int(_) | Value::Float(_) => node.scalar().unwrap_or_default(),
            _ => self.wrong(&node, key, "a text or a number").unwrap_or_default(),
        }
    }

    /// Takes one of a few texts; empty when not written.
    pub(crate) fn one_of(&mut self, key: &'static str, choices: &[&str]) -> String {
        let Some(node) = self.take(key) else { return String::new() };
        match node.as_text() {
            Some(text) if choices.contains(&text) => text.to_owned(),
            _ => self.wrong(&node, key, &format!("one of `{}`", choices.join("`, `"))).unwrap_or_default(),
        }
    }

    /// Takes a boolean.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let node = self.take(key)?;
        let text = match &node.value {
            Value::Bool(flag) => return Some(*flag),
            Value::Text(text) => text.to_lowercase(),
            _ => return self.wrong(&node, key, "`true` or `false`"),
        };
        match text.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            "y" | "yes" | "on" | "n" | "no" | "off" => {
                let flag = ["y", "yes", "on"].contains(&text.as_str());
                self.problems.warning(node.at, format!("`{text}` is a text in YAML 1.2; write `{flag}`"));
                Some(flag)
            }
            _ => self.wrong(&node, key, "`true` or `false`"),
        }
    }

    /// Takes a whole number.
    pub(crate) fn integer<T: TryFrom<i128>>(&mut self, key: &'static str) -> Option<T> {
        let node = self.take(key)?;
        match integer(&node).and_then(|number| T::try_from(number).ok()) {
            Some(number) => Some(number),
            None => self.wrong(&node, key, "a whole number in range"),
        }
    }

    /// Takes a number; 0 when not written.
    #[expect(clippy::cast_possible_truncation, reason = "Docker Compose keeps these numbers in 32 bits")]
    pub(crate) fn number(&mut self, key: &'static str) -> Float {
        let Some(node) = self.take(key) else { return Float::default() };
        let number = match &node.value {
            Value::Int(number) => number.to_string().parse::<f64>().ok(),
            Value::Float(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        match number.filter(|number: &f64| number.is_finite()) {
            Some(number) => Float(number as f32),
            None => self.wrong(&node, key, "a number").unwrap_or_default(),
        }
    }

    /// Takes a size; 0 when not written.
    pub(crate) fn bytes(&mut self, key: &'static str) -> Bytes {
        let Some(node) = self.take(key) else { return Bytes::default() };
        let bytes = match &node.value {
            Value::Int(number) => i64::try_from(*number).ok().map(Bytes),
            Value::Text(text) if text == "-1" => Some(Bytes(-1)),
            _ => node.scalar().and_then(|text| Bytes::parse(&text)),
        };
        bytes.or_else(|| self.wrong(&node, key, "a size such as `512m` or `2g`")).unwrap_or_default()
    }

    /// Takes a length of time.
    pub(crate) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let node = self.take(key)?;
        let duration = node.as_text().and_then(Duration::parse);
        duration
            .or_else(|| self.wrong(&node, key, "a length of time with its unit, such as `30s` or `1m30s`"))
    }

    /// Takes a list, item by item; what `item` returns `None` for has been reported.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        mut item: impl FnMut(Node, &mut Problems) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.take(key) else { return Vec::new() };
        match node.value {
            Value::List(items) => items.into_iter().filter_map(|node| item(node, self.problems)).collect(),
            _ => self.wrong(&node, key, "a list").unwrap_or_default(),
        }
    }

    /// Takes a list of texts.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let what = self.what.clone();
        self.list(key, |node, problems| match node.value {
            Value::Text(text) => Some(text),
            _ => {
                problems.error(node.at, format!("`{key}` of {what} has {}; expected texts", node.kind()));
                None
            }
        })
    }

    /// Takes a list of texts and numbers.
    pub(crate) fn scalars(&mut self, key: &'static str) -> Vec<String> {
        let what = self.what.clone();
        self.list(key, |node, problems| {
            let text = node.scalar();
            if text.is_none() {
                problems.error(node.at, format!("`{key}` of {what} has {}; expected texts", node.kind()));
            }
            text
        })
    }

    /// Takes one text, or a list of them.
    pub(crate) fn text_or_texts(&mut self, key: &'static str) -> Vec<String> {
        match self.map.get_mut(key) {
            Some(Node { value: Value::Text(text), .. }) => {
                let text = std::mem::take(text);
                self.take(key);
                vec![text]
            }
            _ => self.texts(key),
        }
    }

    /// Takes a mapping, or a list of `name=value`; a name without a value has none.
    pub(crate) fn pairs(&mut self, key: &'static str) -> BTreeMap<String, Option<String>> {
        let Some(node) = self.take(key) else { return BTreeMap::new() };
        let mut pairs = BTreeMap::new();
        match node.value {
            Value::Map(map) => {
                for (name, value) in map {
                    match &value.value {
                        Value::Null => pairs.insert(name.text, None),
                        Value::List(_) | Value::Map(_) => {
                            self.wrong(&value, key, "texts, numbers and booleans")
                        }
                        _ => pairs.insert(name.text, value.scalar()),
                    };
                }
            }
            Value::List(items) => {
                for item in items {
                    let Value::Text(text) = &item.value else {
                        self.wrong::<()>(&item, key, "a list of `name=value`");
                        continue;
                    };
                    match text.split_once('=') {
                        Some((name, value)) => pairs.insert(name.to_owned(), Some(value.to_owned())),
                        None => pairs.insert(text.clone(), None),
                    };
                }
            }
            _ => {
                self.wrong::<()>(&node, key, "a mapping, or a list of `name=value`");
            }
        }
        pairs
    }

    /// Takes what [`Fields::pairs`] takes; a name without a value has an empty one.
    pub(crate) fn mapping(&mut self, key: &'static str) -> Mapping {
        self.pairs(key).into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
    }

    /// Takes an inner mapping.
    pub(crate) fn inner<T>(
        &mut self,
        key: &'static str,
        decode: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> Option<T> {
        let node = self.take(key)?;
        let mut fields = Fields::new(node, format!("`{key}` of {}", self.what), self.problems);
        let value = decode(&mut fields);
        fields.finish(&[]);
        Some(value)
    }

    /// Takes a list of mappings.
    pub(crate) fn mappings<T>(
        &mut self,
        key: &'static str,
        mut decode: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Vec<T> {
        let what = format!("an entry of `{key}` of {}", self.what);
        self.list(key, |node, problems| {
            let mut fields = Fields::new(node, what.clone(), problems);
            let value = decode(&mut fields);
            fields.finish(&[]);
            Some(value)
        })
    }

    /// Takes a mapping of names that the author chose.
    pub(crate) fn named<T>(
        &mut self,
        key: &'static str,
        kind: &str,
        decode: fn(Node, At, &str, &mut Problems) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let Some(node) = self.take(key) else { return BTreeMap::new() };
        let Value::Map(map) = node.value else {
            return self
                .wrong(&node, key, &format!("a mapping from each {kind}'s name to its keys"))
                .unwrap_or_default();
        };
        let mut named = BTreeMap::new();
        for (name, value) in map {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if name.text.is_empty() || !name.text.chars().all(allowed) {
                let message =
                    format!("`{}` cannot name a {kind}; use letters, digits, `.`, `_` and `-`", name.text);
                self.problems.error(name.at, message);
            } else if let Some(value) = decode(value, name.at, &name.text, self.problems) {
                named.insert(name.text, value);
            }
        }
        named
    }
}

/// Returns a whole number that may stand in quotes.
pub(super) fn integer(node: &Node) -> Option<i128> {
    match &node.value {
        Value::Int(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i128),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}
