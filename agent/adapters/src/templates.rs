use std::collections::BTreeMap;

use hearth_model::conventions::TemplateStyle;

/// Fills a package's template. A variable that nobody gives becomes nothing; what only looks like one stays.
pub fn render(style: TemplateStyle, text: &str, variables: &BTreeMap<String, String>) -> String {
    let open = match style {
        TemplateStyle::Shell => "$",
        TemplateStyle::Braces => "{{",
    };
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(open) {
        filled.push_str(&rest[..at]);
        let after = &rest[at + open.len()..];
        let reference = match style {
            TemplateStyle::Shell => shell(after),
            TemplateStyle::Braces => braces(after),
        };
        match reference {
            Some((name, length)) => {
                filled.push_str(variables.get(name).map(String::as_str).unwrap_or_default());
                rest = &after[length..];
            }
            None => {
                filled.push_str(open);
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Reads `NAME` or `{NAME}` at the beginning of a text: the name, and the length of the whole.
fn shell(text: &str) -> Option<(&str, usize)> {
    match text.strip_prefix('{') {
        Some(inner) => {
            let (name, _) = inner.split_once('}')?;
            is_name(name).then_some((name, name.len() + 2))
        }
        None => {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            is_name(&text[..end]).then_some((&text[..end], end))
        }
    }
}

/// Reads `NAME}}` at the beginning of a text, with room around the name or without.
fn braces(text: &str) -> Option<(&str, usize)> {
    let (inner, _) = text.split_once("}}")?;
    is_name(inner.trim()).then_some((inner.trim(), inner.len() + 2))
}

/// Tells whether a text can be a variable's name.
pub(crate) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(style: TemplateStyle, text: &str) -> String {
        render(style, text, &BTreeMap::from([("A".to_owned(), "one".to_owned())]))
    }

    #[test]
    fn shell_templates_are_filled_as_envsubst_does() {
        assert_eq!(
            check(TemplateStyle::Shell, "$A ${A}x $B. ${A:-b} $5 {{A}} $"),
            "one onex . ${A:-b} $5 {{A}} $"
        );
    }

    #[test]
    fn braces_are_filled_and_dollars_stay() {
        assert_eq!(
            check(TemplateStyle::Braces, "{{A}} {{ A }} {{B}}, $A {{a b}} {{"),
            "one one , $A {{a b}} {{"
        );
    }
}
