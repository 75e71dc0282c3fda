use std::collections::BTreeMap;

/// How classes of leptos's server functions begin, and the lines that dress them; the dashboard does not use them, and
/// [`bindings`](crate::bindings) takes out what they would call.
const UNUSED_CLASS: &str = "export class IntoUnderlying";
const UNUSED_CLASS_SYMBOL: &str = "if (Symbol.dispose) IntoUnderlying";

/// Renames imports by `names`, leaves out those that are not among them, and comments and indentation.
pub(crate) fn shorten(script: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(script.len());
    // Braces that are still open in an import that is left out.
    let mut open = 0;
    for text in script.lines().map(str::trim) {
        if open > 0 {
            open += braces(text);
        } else if text.starts_with(UNUSED_CLASS) {
            open = braces(text);
        } else if let Some((name, function)) = import(text) {
            match names.get(name) {
                Some(short) => out.extend([short, ":", function, "\n"]),
                None => open = braces(text),
            }
        } else if !text.is_empty() && !is_comment(text) && !text.starts_with(UNUSED_CLASS_SYMBOL) {
            out.extend([text, "\n"]);
        }
    }
    out
}

/// The name of an import and its function's beginning, on the line where it begins.
fn import(text: &str) -> Option<(&str, &str)> {
    let (name, function) = text.split_once(": ")?;
    (name.starts_with("__wb") && function.starts_with("function(")).then_some((name, function))
}

/// How many more braces a line opens than it closes; wasm-bindgen writes none in strings but in pairs.
fn braces(text: &str) -> i32 {
    text.bytes().fold(0, |open, byte| match byte {
        b'{' => open + 1,
        b'}' => open - 1,
        _ => open,
    })
}

/// In what wasm-bindgen writes, a line that begins like this is nothing else.
fn is_comment(text: &str) -> bool {
    ["//", "/*", "* ", "*/"].iter().any(|start| text.starts_with(start)) || text == "*"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_renamed_and_left_out() {
        let script = r#"// A comment.
function imports() {
    const import0 = {
        __proto__: null,
        __wbg_used_1: function(arg0) {
            // Cast.
            return arg0;
        },
        __wbg_unused_2: function() { return handleError(function (arg0) {
            const answer = (arg1) => {
                return arg1.x;
            };
            return answer(arg0);
        }, arguments); },
        __wbg_used_3: function() { return handleError(function (arg0) {
            return arg0.y;
        }, arguments); },
    };
    return import0;
}
"#;
        let names =
            [("__wbg_used_1", "i0"), ("__wbg_used_3", "i1")].map(|(long, short)| (long.into(), short.into()));
        let expected = r"function imports() {
const import0 = {
__proto__: null,
i0:function(arg0) {
return arg0;
},
i1:function() { return handleError(function (arg0) {
return arg0.y;
}, arguments); },
};
return import0;
}
";
        assert_eq!(shorten(script, &BTreeMap::from(names)), expected);
    }
}
