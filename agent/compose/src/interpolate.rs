//! Variables in values ([Compose interpolation](https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md)).
//!
//! The YAML is read first and variables are replaced in its texts, so that no value can add keys or lists.

use std::collections::BTreeMap;

/// A text with its variables replaced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Replaced {
    /// The text.
    pub(crate) text: String,
    /// Variables without a value and without a default, for which nothing was put in.
    pub(crate) missing: Vec<String>,
}

/// Why a text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A `${` that is not followed by a variable.
    #[error("`{0}` is not a variable; write `${{NAME}}`, `${{NAME:-default}}`, or `$$` for a dollar sign")]
    Invalid(String),
    /// `${NAME:?…}` without a value.
    #[error("the variable `{name}` must be set{}", reason(.message))]
    Required {
        /// The variable.
        name: String,
        /// What the file says of it; may be empty.
        message: String,
    },
    /// Longer than any value of a Compose file.
    #[error("the text is longer than {MAX_LENGTH} bytes once its variables are replaced")]
    TooLong,
    /// Deeper than anyone writes.
    #[error("variables are nested deeper than {MAX_NESTING} levels")]
    TooDeep,
}

fn reason(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

const MAX_LENGTH: usize = 1024 * 1024;
const MAX_NESTING: usize = 32;

/// Returns `text` with its variables replaced.
///
/// # Errors
/// When a `${` names no variable, a required variable has no value, or the result is over a limit.
pub(crate) fn replace(text: &str, variables: &BTreeMap<String, String>) -> Result<Replaced, Error> {
    let mut replaced = Replaced::default();
    replaced.text = expand(text, variables, &mut replaced.missing, 0)?;
    Ok(replaced)
}

fn expand(
    text: &str,
    variables: &BTreeMap<String, String>,
    missing: &mut Vec<String>,
    depth: usize,
) -> Result<String, Error> {
    if depth > MAX_NESTING {
        return Err(Error::TooDeep);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some(tail) = after.strip_prefix('{') {
            let end = closing_brace(tail).ok_or_else(|| invalid(&rest[dollar..]))?;
            let reference =
                Reference::parse(&tail[..end]).ok_or_else(|| invalid(&rest[dollar..dollar + end + 3]))?;
            out.push_str(&reference.value(variables, missing, depth)?);
            rest = &tail[end + 1..];
        } else {
            let length = name_length(after);
            if length == 0 {
                out.push('$');
            } else {
                out.push_str(&plain(&after[..length], variables, missing));
            }
            rest = &after[length..];
        }
        if out.len() + rest.len() > MAX_LENGTH {
            return Err(Error::TooLong);
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn invalid(text: &str) -> Error {
    Error::Invalid(text.chars().take(60).collect())
}

fn plain(name: &str, variables: &BTreeMap<String, String>, missing: &mut Vec<String>) -> String {
    variables.get(name).cloned().unwrap_or_else(|| {
        missing.push(name.to_owned());
        String::new()
    })
}

/// Returns where the brace that was opened before `text` is closed; inner braces count.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some(position);
        }
    }
    None
}

fn name_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic()) {
        return 0;
    }
    text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len())
}

/// Tells whether `name` can be the name of a variable.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name_length(name) == name.len()
}

/// What stands between braces.
struct Reference<'a> {
    name: &'a str,
    operator: Option<Operator>,
    /// With `:`, an empty value counts as none.
    empty_counts_as_unset: bool,
    word: &'a str,
}

#[derive(Clone, Copy)]
enum Operator {
    Default,
    Required,
    Alternative,
}

impl<'a> Reference<'a> {
    fn parse(inner: &'a str) -> Option<Self> {
        let (name, rest) = inner.split_at(name_length(inner));
        if name.is_empty() {
            return None;
        }
        if rest.is_empty() {
            return Some(Self { name, operator: None, empty_counts_as_unset: false, word: "" });
        }
        let (empty_counts_as_unset, rest) = match rest.strip_prefix(':') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let operator = match rest.as_bytes().first()? {
            b'-' => Operator::Default,
            b'?' => Operator::Required,
            b'+' => Operator::Alternative,
            _ => return None,
        };
        Some(Self { name, operator: Some(operator), empty_counts_as_unset, word: &rest[1..] })
    }

    fn value(
        &self,
        variables: &BTreeMap<String, String>,
        missing: &mut Vec<String>,
        depth: usize,
    ) -> Result<String, Error> {
        let value =
            variables.get(self.name).filter(|value| !(self.empty_counts_as_unset && value.is_empty()));
        match (self.operator, value) {
            (None, _) => Ok(plain(self.name, variables, missing)),
            (Some(Operator::Default | Operator::Required), Some(value)) => Ok(value.clone()),
            (Some(Operator::Alternative), None) => Ok(String::new()),
            (Some(Operator::Default), None) | (Some(Operator::Alternative), Some(_)) => {
                expand(self.word, variables, missing, depth + 1)
            }
            (Some(Operator::Required), None) => Err(Error::Required {
                name: self.name.to_owned(),
                message: expand(self.word, variables, missing, depth + 1)?,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
