//! What can be told of a package's scripts without running them.

use std::collections::BTreeSet;

use hearth_model::AppId;
use hearth_model::conventions::Need;
use hearth_model::hook::Hook;
use hearth_model::package::Package;

/// The script that works out a package's variables.
pub const EXPORTS: &str = "exports.sh";

/// Returns the points at which a package wants something run before or after. One whose variables come from a script is
/// among those that are prepared before each start.
pub fn hooks(package: &Package) -> BTreeSet<Hook> {
    let needs = &package.conventions.needs;
    if !needs.contains(&Need::Hooks) && !needs.contains(&Need::Exports) {
        return BTreeSet::new();
    }
    let own = package.files.keys().filter_map(|path| Hook::of_name(path.strip_prefix("hooks/")?));
    own.chain([Hook::PreStart]).collect()
}

/// Returns the paths of the scripts that run.
pub fn paths(package: &Package) -> Vec<String> {
    let exports = package.conventions.needs.contains(&Need::Exports).then(|| EXPORTS.to_owned());
    let hooks = hooks(package).into_iter().map(|hook| hook.path());
    exports.into_iter().chain(hooks.filter(|path| package.files.contains_key(path))).collect()
}

/// Tells whether a file of a package is the package's for good and not the app's once it is installed.
pub fn is_kept_equal(package: &Package, path: &str) -> bool {
    let has_scripts = package.conventions.needs.contains(&Need::Hooks)
        || package.conventions.needs.contains(&Need::Exports)
        || !package.conventions.exports.is_empty();
    let is_template = package.conventions.templates.contains_key(path);
    is_template || has_scripts && (path == EXPORTS || path.starts_with("hooks/"))
}

/// Returns the messages whose [derived secrets](crate::variables::derive) a script asks for with `derive_entropy`, as it
/// runs for `app`. Those that it puts together out of other variables cannot be told.
pub fn derived_messages(script: &str, app: &AppId) -> BTreeSet<String> {
    const CALL: &str = "derive_entropy ";
    let identifier = format!("app-{app}-seed");
    let mut messages = BTreeSet::new();
    for (at, _) in script.match_indices(CALL) {
        let word = script[at + CALL.len()..].trim_start();
        let end = match word.chars().next() {
            Some(quote @ ('"' | '\'')) => word[1..].find(quote).map(|end| (1, end + 1)),
            _ => word.find([' ', ')', '|', '\n', ';', '`']).map(|end| (0, end)),
        };
        let Some((start, end)) = end else { continue };
        let message = word[start..end]
            .replace("${app_entropy_identifier}", &identifier)
            .replace("$app_entropy_identifier", &identifier);
        if !message.contains(['$', '`']) {
            messages.insert(message);
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secrets_that_a_script_asks_for_are_found() {
        let script = "export A=\"$(derive_entropy \"env-${app_entropy_identifier}-A\" | head -c32)\"\n\
                      B=$(derive_entropy plain)\nC=$(derive_entropy \"x-${B}\")\n";
        let found = derived_messages(script, &"wiki".parse().expect("an id"));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["env-app-wiki-seed-A", "plain"]);
    }
}
