use std::collections::BTreeMap;

use hearth_model::conventions::{Variable, VariableValue};

use crate::variables;

/// What `exports.sh` exports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Exports {
    /// Variables that could be read, in their order.
    pub(super) variables: Vec<Variable>,
    /// Whether every line could be read, so that the script need not run.
    pub(super) complete: bool,
}

impl Exports {
    /// Returns the variables that are the same on every box.
    pub(super) fn literals(&self) -> BTreeMap<&str, &str> {
        self.variables
            .iter()
            .filter_map(|variable| match &variable.value {
                VariableValue::Text(text) if !text.contains('$') => {
                    Some((variable.name.as_str(), text.as_str()))
                }
                VariableValue::Text(_) | VariableValue::Derived(_) => None,
            })
            .collect()
    }
}

/// Reads the lines `export NAME=value` of a script: plain texts and `derive_entropy "…"`.
///
/// A value that takes more than that, and any other line, makes the script one that must run.
pub(super) fn read(script: &str, app: &str) -> Exports {
    let mut exports = Exports { variables: Vec::new(), complete: true };
    for line in script.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix("export ").and_then(|rest| variable(rest.trim(), app)) {
            Some(variable) => exports.variables.push(variable),
            None => exports.complete = false,
        }
    }
    exports
}

fn variable(assignment: &str, app: &str) -> Option<Variable> {
    let (name, value) = assignment.split_once('=')?;
    let value = value.trim();
    if let Some(call) =
        unquoted(value).strip_prefix("$(derive_entropy ").and_then(|rest| rest.strip_suffix(')'))
    {
        let identifier = format!("app-{app}-seed");
        let message = unquoted(call.trim()).replace("${app_entropy_identifier}", &identifier);
        return is_plain(&message).then(|| variables::derived(name, &message));
    }
    let plain = unquoted(value);
    (is_plain(plain) && (plain != value || !value.contains([' ', '#']))).then(|| variables::text(name, plain))
}

/// Returns a shell word without the one pair of quotes around it.
fn unquoted(word: &str) -> &str {
    let inside = |quote| word.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(word)
}

/// Tells whether a text means itself to a shell.
fn is_plain(text: &str) -> bool {
    !text.contains(['$', '`', '\\', '"', '\'', ';', '&', '|', '(', ')', '<', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scripts_need_not_run() {
        let script = "# ports\nexport APP_WIKI_PORT=\"8080\"\nexport APP_WIKI_KEY=$(derive_entropy \"${app_entropy_identifier}-key\")\n";
        let exports = read(script, "wiki");
        assert!(exports.complete);
        assert_eq!(
            exports.variables,
            [
                variables::text("APP_WIKI_PORT", "8080"),
                variables::derived("APP_WIKI_KEY", "app-wiki-seed-key"),
            ]
        );
    }

    #[test]
    fn anything_else_must_run() {
        for line in ["if true; then", "export A=$(hostname -I)", "export A=b; rm c", "export A=`b`", "A=b"] {
            let exports = read(line, "wiki");
            assert!(!exports.complete && exports.variables.is_empty(), "{line}");
        }
    }
}
