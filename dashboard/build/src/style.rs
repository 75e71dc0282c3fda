use std::path::Path;

use anyhow::Context as _;

/// Joins the style sheets of a folder, sorted by name, and shortens them.
///
/// The order of the files does not matter to the result: every rule stands in a layer, and `_layers.css`, which sorts
/// first, has the layers' order.
///
/// # Errors
/// When the folder or a file cannot be read.
pub(crate) fn join(folder: &Path) -> anyhow::Result<String> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("failed to read `{}`", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "css"));
    paths.sort();
    let mut joined = String::new();
    for path in paths {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
        joined.push_str(&shorten(&text));
    }
    Ok(joined)
}

/// Leaves out comments and the white space that has no meaning. Strings stay as they are.
fn shorten(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(first) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("/*") {
            rest = after.split_once("*/").map_or("", |(_, after)| after);
        } else if first == '"' || first == '\'' {
            let end = end_of_string(rest, first);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if first.is_whitespace() {
            rest = rest.trim_start();
            // Between two words, or before a selector's dot or hash, a space has meaning; beside these it has none.
            let before_is_closed = out.is_empty() || out.ends_with(['{', '}', ';', ',', ':']);
            let comment_or_close =
                rest.is_empty() || rest.starts_with(['{', '}', ';', ',']) || rest.starts_with("/*");
            if !before_is_closed && !comment_or_close {
                out.push(' ');
            }
        } else {
            if first == '}' && out.ends_with(';') {
                out.pop();
            }
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Index after the closing quote of the string that `text` starts with.
fn end_of_string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return index + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_without_meaning_goes() {
        let css = "/* why */\n.a ,\n.b > .c {\n  color: red;\n  margin: 0 calc(1px + 2px);\n}\n";
        assert_eq!(shorten(css), ".a,.b > .c{color:red;margin:0 calc(1px + 2px)}");
    }

    #[test]
    fn space_with_meaning_stays() {
        assert_eq!(shorten(".a .b{}"), ".a .b{}");
        assert_eq!(shorten("@media (width < 40rem) { a { b: c } }"), "@media (width < 40rem){a{b:c}}");
        assert_eq!(shorten(".a { &:hover { b: c; } & .d { e: f; } }"), ".a{&:hover{b:c}& .d{e:f}}");
    }

    #[test]
    fn strings_stay_as_they_are() {
        assert_eq!(shorten(r#"a { content: "x  /* y */ \" z"; }"#), r#"a{content:"x  /* y */ \" z"}"#);
    }

    #[test]
    fn an_open_comment_ends_with_the_file() {
        assert_eq!(shorten("a{b:c}/* never closed"), "a{b:c}");
    }
}
