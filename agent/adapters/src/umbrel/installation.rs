//! What an umbrelOS box keeps of itself, by its files. Its data folder of
//! [1.x](https://github.com/getumbrel/umbrel/blob/master/packages/umbreld/source/index.ts) is `/home/umbrel/umbrel`; that of
//! [0.5](https://github.com/getumbrel/umbrel/tree/v0.5.4) wherever it was installed, mostly `~/umbrel`.

use std::collections::BTreeMap;

use hearth_model::AppId;
use serde_json::Value;

use crate::Refused;
use crate::document::{list, parse, scalar, text};

/// Files of the data folder that say what is installed: of 1.x, then of 0.5.
pub const RECORDS: [&str; 2] = ["umbrel.yaml", "db/user.json"];
/// File with what secrets are derived from.
pub const SEED: &str = "db/umbrel-seed/seed";
/// Folder of the apps' folders.
pub const APPS: &str = "app-data";
/// Settings of one app, in its folder; not every app has them.
pub const SETTINGS: &str = "settings.yml";
/// Folders of the files that apps share: of 1.x, and of 0.5.
pub const SHARED: [&str; 2] = ["home", "data/storage"];

/// What a box has installed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Installation {
    /// Ids of its apps, as they are written.
    pub apps: Vec<String>,
    /// Addresses of the stores that they may have come from.
    pub stores: Vec<String>,
}

/// What the owner chose for one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Apps that take the place of those that it depends on, by the one depended on.
    pub uses: BTreeMap<AppId, AppId>,
    /// Whether it runs.
    pub runs: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { uses: BTreeMap::new(), runs: true }
    }
}

/// Reads the text of one of [`RECORDS`].
///
/// # Errors
/// When it cannot be read.
pub fn installation(record: &str, file: &str) -> Result<Installation, Refused> {
    let record = parse(record, file)?;
    let either = |new: &str, old: &str| {
        let found = list(&record, new);
        if found.is_empty() { list(&record, old) } else { found }
    };
    Ok(Installation { apps: either("apps", "installedApps"), stores: either("appRepositories", "repos") })
}

/// Reads the text of an app's [`SETTINGS`].
///
/// # Errors
/// When it cannot be read.
pub fn settings(written: &str) -> Result<Settings, Refused> {
    if written.trim().is_empty() {
        return Ok(Settings::default());
    }
    let tree = parse(written, SETTINGS)?;
    let chosen = tree.get("dependencies").and_then(Value::as_object);
    let uses = chosen.into_iter().flatten().filter_map(|(package, app)| {
        let (package, app): (AppId, AppId) = (package.parse().ok()?, scalar(app)?.parse().ok()?);
        (package != app).then_some((package, app))
    });
    Ok(Settings { uses: uses.collect(), runs: text(&tree, "autoStart").as_deref() != Some("false") })
}

/// Reads the text of [`SEED`]; `None` when it cannot be one.
pub fn seed(written: &str) -> Option<String> {
    // What reads it in a shell, as scripts do, takes line breaks off its end.
    let seed = written.trim_end_matches('\n');
    (!seed.is_empty() && !seed.contains(char::is_whitespace)).then(|| seed.to_owned())
}

/// Tells whether a file of an installed app's folder, by its path in it, is the package's rather than the app's own.
pub fn is_of_package(path: &str) -> bool {
    matches!(path, super::MANIFEST | super::COMPOSE | crate::scripts::EXPORTS | "torrc")
        || path.strip_prefix("hooks/").is_some_and(|name| !name.contains('/'))
        || (!path.contains('/') && path.ends_with(".template"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(pairs: &[(&str, &str)]) -> BTreeMap<AppId, AppId> {
        let id = |text: &str| text.parse().expect("an id");
        pairs.iter().map(|(package, app)| (id(package), id(app))).collect()
    }

    #[test]
    fn both_records_are_read() {
        let new =
            "version: 1.4.2\napps: [node, explorer]\nappRepositories:\n  - https://example.org/apps.git\n";
        let old =
            r#"{"name":"ada","installedApps":["node","explorer"],"repos":["https://example.org/apps.git"]}"#;
        for (text, file) in [(new, RECORDS[0]), (old, RECORDS[1])] {
            let found = installation(text, file).expect("it can be read");
            assert_eq!(found.apps, ["node", "explorer"], "{file}");
            assert_eq!(found.stores, ["https://example.org/apps.git"], "{file}");
        }
        assert_eq!(installation("version: 1.4.2\n", "umbrel.yaml"), Ok(Installation::default()));
        assert!(installation("- a\n", "umbrel.yaml").is_err());
    }

    #[test]
    fn an_apps_settings_are_choices_that_differ() {
        let found =
            settings("dependencies: { bitcoin: bitcoin-knots, lightning: lightning }\nautoStart: false\n");
        let expected = Settings { uses: ids(&[("bitcoin", "bitcoin-knots")]), runs: false };
        assert_eq!(found, Ok(expected));
        assert_eq!(settings(""), Ok(Settings::default()));
        assert_eq!(settings("hideCredentialsBeforeOpen: true\n"), Ok(Settings::default()));
    }

    #[test]
    fn a_seed_is_one_word() {
        assert_eq!(seed("ab12\n"), Some("ab12".to_owned()));
        assert_eq!(seed("\n"), None);
        assert_eq!(seed("<html> x"), None);
    }

    #[test]
    fn files_of_the_package_are_told_from_data() {
        for path in
            ["umbrel-app.yml", "docker-compose.yml", "exports.sh", "hooks/pre-start", "torrc.template"]
        {
            assert!(is_of_package(path), "{path}");
        }
        for path in ["settings.yml", "data/x.template", "hooks/lib/x", ".env"] {
            assert!(!is_of_package(path), "{path}");
        }
    }
}
