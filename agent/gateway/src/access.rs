use std::collections::BTreeSet;

use hearth_model::conventions::Gate;

/// Times that a path's percent-encoding is undone at most; what is still encoded then was meant to deceive.
const DECODED_AT_MOST: usize = 4;

/// Tells whether a path of an app's page is open without a sign-in; `path` is as the request has it, without its query.
///
/// The rules are those of [umbrelOS](https://github.com/getumbrel/umbrel/blob/master/containers/app-proxy/utils/auth.js).
/// What an app might take for another path than it looks like, `/open/../closed` or `/open/%2e%2e/closed`, is open only if
/// every reading of it is.
pub fn is_open(gate: &Gate, path: &str) -> bool {
    if !gate.sign_in {
        return true;
    }
    if gate.open_paths.is_empty() {
        return false;
    }
    let Some(readings) = readings(path) else { return false };
    let is_meant = |rules: &[String], path: &str| rules.iter().any(|rule| matches(rule, path));
    // Many routers take letters of any case, so a guarded path is one in any.
    let guarded: Vec<String> = gate.guarded_paths.iter().map(|rule| rule.to_lowercase()).collect();
    readings
        .iter()
        .all(|reading| is_meant(&gate.open_paths, reading) && !is_meant(&guarded, &reading.to_lowercase()))
}

/// Tells whether a rule means a path.
fn matches(rule: &str, path: &str) -> bool {
    let path = with_slash_in_front(path);
    let path = without_slash_at_end(&path);
    let rule = normal_rule(rule);
    match rule.as_str() {
        "" => false,
        "*" | "/*" => true,
        "/" => path == "/",
        rule => {
            if let Some(base) = rule.strip_suffix("/*") {
                let base = normal_rule(base);
                let below = path.strip_prefix(base.as_str()).is_some_and(|rest| rest.starts_with('/'));
                base.is_empty() || base == "/" || below
            } else if let Some(base) = rule.strip_suffix('*') {
                let base = normal_rule(base);
                base.is_empty() || base == "/" || path.starts_with(&base)
            } else {
                path == rule
            }
        }
    }
}

fn normal_rule(rule: &str) -> String {
    let rule = rule.trim();
    if matches!(rule, "" | "*" | "/*") {
        return rule.to_owned();
    }
    without_slash_at_end(&with_slash_in_front(rule)).to_owned()
}

fn with_slash_in_front(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

fn without_slash_at_end(path: &str) -> &str {
    path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path)
}

/// What programs do differently when they follow `.` and `..`.
#[derive(Debug, Clone, Copy)]
struct Habits {
    /// Slashes in a row are one (nginx); [RFC 3986](https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4) has empty segments
    /// between them, each of which a `..` takes away.
    merges_slashes: bool,
    /// A `\` separates segments as well (browsers, Node).
    takes_backslashes: bool,
    /// What follows a `;` is taken away first (servlets).
    cuts_parameters: bool,
}

impl Habits {
    fn all() -> impl Iterator<Item = Self> {
        (0..8_u8).map(|bits| Self {
            merges_slashes: bits & 1 != 0,
            takes_backslashes: bits & 2 != 0,
            cuts_parameters: bits & 4 != 0,
        })
    }
}

/// Returns every path that an app might read a path as; `None` when there is no end to them.
fn readings(path: &str) -> Option<BTreeSet<String>> {
    let mut readings = BTreeSet::new();
    let mut decoded = path.to_owned();
    for _ in 0..DECODED_AT_MOST {
        readings.extend(Habits::all().map(|habits| resolved(&decoded, habits)));
        let again = undone(&decoded);
        let is_plain = again == decoded;
        readings.insert(decoded);
        if is_plain {
            return Some(readings);
        }
        decoded = again;
    }
    None
}

/// Follows `.` and `..`.
fn resolved(path: &str, habits: Habits) -> String {
    let Habits { merges_slashes, takes_backslashes, cuts_parameters } = habits;
    let mut parts: Vec<&str> = Vec::new();
    let path = path.strip_prefix('/').unwrap_or(path);
    for segment in path.split(|character| character == '/' || (takes_backslashes && character == '\\')) {
        let name = if cuts_parameters { segment.split(';').next().unwrap_or_default() } else { segment };
        match name {
            "" if merges_slashes => {}
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Undoes one layer of percent-encoding; what is not UTF-8 then is replaced, so that it matches no rule.
fn undone(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |offset: usize| bytes.get(at + offset).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, digit(1), digit(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
