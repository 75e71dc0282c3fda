use std::collections::BTreeMap;

use hearth_model::conventions::{Variable, VariableValue};

use crate::templates::is_name;
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

/// Reads the lines `export NAME=value` of a script: texts, with variables in them or not, and `derive_entropy "…"`.
///
/// A value that takes more than that, and any other line, makes the script one that must run.
pub(super) fn read(script: &str) -> Exports {
    let mut exports = Exports { variables: Vec::new(), complete: true };
    for line in script.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_prefix("export ").and_then(|rest| variable(rest.trim())) {
            Some(variable) => exports.variables.push(variable),
            None => exports.complete = false,
        }
    }
    exports
}

fn variable(assignment: &str) -> Option<Variable> {
    let (name, value) = assignment.split_once('=')?;
    let value = value.trim();
    if let Some(call) =
        unquoted(value).strip_prefix("$(derive_entropy ").and_then(|rest| rest.strip_suffix(')'))
    {
        // The identifier is that of the app that the variables are for, not of the one that exports them.
        let message = unquoted(call.trim()).replace("${app_entropy_identifier}", "app-${APP_ID}-seed");
        return is_text(&message).then(|| variables::derived(name, &message));
    }
    let plain = unquoted(value);
    let fits = if value.starts_with('\'') { is_plain(plain) } else { is_text(plain) };
    (fits && (plain != value || !value.contains([' ', '#']))).then(|| variables::text(name, plain))
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

/// Tells whether a text means to a shell what it means to Compose: nothing but `$NAME` and `${NAME}` is special in it.
fn is_text(text: &str) -> bool {
    let mut parts = text.split('$');
    let first = parts.next().unwrap_or_default();
    is_plain(first)
        && parts.all(|part| {
            let (name, rest) = match part.strip_prefix('{') {
                Some(inner) => inner.split_once('}').unwrap_or_default(),
                None => {
                    let end =
                        part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
                    part.split_at(end)
                }
            };
            is_name(name) && is_plain(rest)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scripts_need_not_run() {
        let script = "# ports\nexport APP_WIKI_PORT=\"8080\"\nexport APP_WIKI_KEY=$(derive_entropy \"${app_entropy_identifier}-key\")\n";
        let exports = read(script);
        assert!(exports.complete);
        assert_eq!(
            exports.variables,
            [
                variables::text("APP_WIKI_PORT", "8080"),
                variables::derived("APP_WIKI_KEY", "app-${APP_ID}-seed-key"),
            ]
        );
    }

    #[test]
    fn earlier_variables_may_be_used() {
        let exports = read("export A_DIR=\"${EXPORTS_APP_DIR}/data\"\nexport B=$A_DIR");
        assert!(exports.complete);
        assert_eq!(
            exports.variables,
            [variables::text("A_DIR", "${EXPORTS_APP_DIR}/data"), variables::text("B", "$A_DIR")]
        );
        assert!(!read("export A=\"${B:-c}\"").complete && !read("export A=${}").complete);
    }

    #[test]
    fn anything_else_must_run() {
        for line in ["if true; then", "export A=$(hostname -I)", "export A=b; rm c", "export A=`b`", "A=b"] {
            let exports = read(line);
            assert!(!exports.complete && exports.variables.is_empty(), "{line}");
        }
    }
}
