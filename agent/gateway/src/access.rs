use hearth_model::conventions::Gate;

/// Times that a path's percent-encoding is undone at most; what is still encoded then was meant to deceive.
const DECODED_AT_MOST: usize = 4;

/// Tells whether a path of an app's page is open without a sign-in; `path` is as the request has it, without its query.
///
/// The rules are those of [umbrelOS](https://github.com/getumbrel/umbrel/blob/master/containers/app-proxy/utils/auth.js).
/// What an app might take for another path than it looks like, `/open/../closed` or `/open/%2e%2e/closed`, is open only if
/// every reading of it is.
pub(crate) fn is_open(gate: &Gate, path: &str) -> bool {
    if !gate.sign_in {
        return true;
    }
    if gate.open_paths.is_empty() {
        return false;
    }
    let Some(readings) = readings(path) else { return false };
    let any = |rules: &[String], reading: &str| rules.iter().any(|rule| matches(rule, reading));
    readings.iter().all(|reading| any(&gate.open_paths, reading) && !any(&gate.guarded_paths, reading))
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

/// Returns every path that an app might read a path as; `None` when there is no end to them.
fn readings(path: &str) -> Option<Vec<String>> {
    let mut readings = vec![path.to_owned()];
    let mut decoded = path.to_owned();
    for _ in 0..DECODED_AT_MOST {
        let plain = resolved(&decoded);
        if !readings.contains(&plain) {
            readings.push(plain);
        }
        let again = undone(&decoded);
        if again == decoded {
            return Some(readings);
        }
        if !readings.contains(&again) {
            readings.push(again.clone());
        }
        decoded = again;
    }
    None
}

/// Follows `.` and `..`, with either slash, and with the parameters after `;` that some servers take away first.
fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split(['/', '\\']).collect();
    for segment in &segments {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
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
