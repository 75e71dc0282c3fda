use std::collections::{BTreeMap, BTreeSet};

use hearth_compose::InterpolationError;
use hearth_model::AppId;
use hearth_model::conventions::{Conventions, Variable, VariableValue};
use sha2::{Digest, Sha256};

/// What the box gives every package; adapters build upon these and nothing else.
///
/// `APPS_DIR` holds the apps' folders, `APP_DATA_DIR` is the app's own, `LIBRARY_DIR` the folder of files that apps share
/// with the owner's consent, `APP_WEB_PORT` the host port that the app's page got, `DEVICE_IP` the box's address in its
/// own network, `APP_ONION` the app's address in the Tor network or `not-enabled.onion`, `TOR_CONTROL_PASSWORD` opens the
/// control port of the box's Tor.
pub const GIVEN: [&str; 11] = [
    "APPS_DIR",
    "APP_DATA_DIR",
    "APP_ID",
    "APP_ONION",
    "APP_VERSION",
    "APP_WEB_PORT",
    "DEVICE_HOSTNAME",
    "DEVICE_IP",
    "LIBRARY_DIR",
    "TOR_CONTROL_PASSWORD",
    "TZ",
];

/// Size of SHA-256's blocks in bytes.
const BLOCK_BYTES: usize = 64;

/// Returns a secret: HMAC-SHA256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)) of `message`, keyed with the text of
/// the seed, as 64 hexadecimal digits.
pub fn derive(seed: &str, message: &str) -> String {
    let mut key = [0_u8; BLOCK_BYTES];
    if seed.len() > BLOCK_BYTES {
        key[..32].copy_from_slice(&Sha256::digest(seed));
    } else {
        key[..seed.len()].copy_from_slice(seed.as_bytes());
    }
    let inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    hex::encode(outer)
}

/// Works out the variables of a package: those of its store's system, then those that it exports, which never take the
/// place of one that is there. `secret` returns the derived secret of a message.
///
/// # Errors
/// The first variable whose text cannot be filled.
pub fn fill_all(
    conventions: &Conventions,
    secret: &dyn Fn(&str) -> String,
    known: &mut BTreeMap<String, String>,
) -> Result<(), InterpolationError> {
    fill(&conventions.variables, secret, known)?;
    let mut exported = known.clone();
    fill(&conventions.exports, secret, &mut exported)?;
    for (name, value) in exported {
        known.entry(name).or_insert(value);
    }
    Ok(())
}

/// Returns what the exports of an app are told of it.
pub fn of_exporter(app: &AppId, app_dir: &str) -> [(String, String); 4] {
    [
        ("EXPORTS_APP_ID", app.to_string()),
        ("EXPORTS_APP_DIR", app_dir.to_owned()),
        ("EXPORTS_APP_DATA_DIR", format!("{app_dir}/data")),
        ("EXPORTS_TOR_DATA_DIR", format!("{app_dir}/tor")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

/// Works out a package's own variables and adds them to `known`: what the box gives and the settings. `secret` returns
/// the derived secret of a message.
///
/// # Errors
/// The first variable whose text cannot be filled.
pub fn fill(
    variables: &[Variable],
    secret: &dyn Fn(&str) -> String,
    known: &mut BTreeMap<String, String>,
) -> Result<(), InterpolationError> {
    for Variable { name, value } in variables {
        let value = match value {
            VariableValue::Text(text) => hearth_compose::interpolate(text, known)?,
            VariableValue::Derived(message) => secret(&hearth_compose::interpolate(message, known)?),
        };
        known.insert(name.clone(), value);
    }
    Ok(())
}

/// Returns a variable with a text.
pub(crate) fn text(name: &str, text: &str) -> Variable {
    Variable { name: name.to_owned(), value: VariableValue::Text(text.to_owned()) }
}

/// Returns a variable with a derived secret.
pub(crate) fn derived(name: &str, message: &str) -> Variable {
    Variable { name: name.to_owned(), value: VariableValue::Derived(message.to_owned()) }
}

/// Tells whether a Compose file may use a variable, with a default of its own or without.
pub(crate) fn mentions(compose: &str, name: &str) -> bool {
    compose.contains(&format!("${name}")) || compose.contains(&format!("${{{name}"))
}

/// Returns the names of the variables that a Compose file uses, those with a default of their own excepted.
pub(crate) fn used(compose: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let lines = compose.lines().filter(|line| !line.trim_start().starts_with('#'));
    for line in lines {
        let mut rest = line;
        while let Some(at) = rest.find('$') {
            rest = &rest[at + 1..];
            if let Some(escaped) = rest.strip_prefix('$') {
                rest = escaped;
                continue;
            }
            let inner = rest.strip_prefix('{');
            let start = inner.unwrap_or(rest);
            let end = start.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(start.len());
            let (name, after) = start.split_at(end);
            let named = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if named && (inner.is_none() || after.starts_with(['}', '?']) || after.starts_with(":?")) {
                names.insert(name.to_owned());
            }
            rest = after;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_secrets_are_hmac_sha256() {
        // RFC 4231, test case 2.
        assert_eq!(
            derive("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_ne!(derive(&"a".repeat(64), "x"), derive(&"a".repeat(65), "x"));
    }

    #[test]
    fn later_variables_use_earlier_ones() {
        let mut known = BTreeMap::from([("APP_ID".to_owned(), "wiki".to_owned())]);
        let list = [text("A", "${APP_ID}-a"), derived("B", "${A}-b")];
        fill(&list, &|message| derive("seed", message), &mut known).expect("both can be filled");
        assert_eq!(known["A"], "wiki-a");
        assert_eq!(known["B"], derive("seed", "wiki-a-b"));
    }

    #[test]
    fn used_variables_are_those_without_a_default() {
        let names =
            used("a: $ONE ${TWO} ${THREE:-x} $$FOUR ${FIVE:?y} ${EIGHT:+y}\n# $SIX\nb: \"$$$SEVEN\"\n");
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["FIVE", "ONE", "SEVEN", "TWO"]);
    }
}
