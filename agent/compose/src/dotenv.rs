//! Files of variables ([Compose env_file](https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file-format)).

use std::collections::BTreeMap;

use crate::interpolate;

/// Why a file of variables cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    /// Line, from 1.
    pub(crate) line: u32,
    /// What is wrong.
    pub(crate) message: String,
}

/// Reads `NAME=value` lines. Values are replaced with `known` variables and those that stand earlier in the file; a bare
/// `NAME` takes the known value and is left out when there is none.
///
/// # Errors
/// When a line has no name, a quote is not closed, or a value's variables cannot be replaced.
pub(crate) fn parse(text: &str, known: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    let mut found = BTreeMap::new();
    let mut visible = known.clone();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut reader = Reader { rest: &text, line: 1 };
    while let Some((name, value)) = reader.statement()? {
        let value = match value {
            Raw::Inherited => match known.get(&name) {
                Some(value) => value.clone(),
                None => continue,
            },
            Raw::Literal(value) => value,
            Raw::Expanded(value) => {
                interpolate::replace(&value, &visible).map_err(|error| reader.error(error.to_string()))?.text
            }
        };
        // What the surroundings say wins over what the file said, also inside of the file.
        visible.entry(name.clone()).or_insert_with(|| value.clone());
        found.insert(name, value);
    }
    Ok(found)
}

/// Reads a file of format `raw`: every line is taken as it is, up to its first `=`.
///
/// # Errors
/// When a line has no `=`.
pub(crate) fn parse_raw(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let mut found = BTreeMap::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(Error { line: number, message: "expected `NAME=value`".to_owned() });
        };
        found.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(found)
}

enum Raw {
    Inherited,
    Literal(String),
    Expanded(String),
}

struct Reader<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Reader<'a> {
    fn error(&self, message: impl Into<String>) -> Error {
        Error { line: self.line, message: message.into() }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += u32::try_from(taken.matches('\n').count()).unwrap_or(0);
        self.rest = rest;
        taken
    }

    fn statement(&mut self) -> Result<Option<(String, Raw)>, Error> {
        loop {
            let blank = self.rest.find(|c: char| !c.is_whitespace()).unwrap_or(self.rest.len());
            self.take(blank);
            if !self.rest.starts_with('#') {
                break;
            }
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        if let Some(after) = self.rest.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) {
            self.rest = after.trim_start_matches([' ', '\t']);
        }
        let end = self.rest.find(['=', ':', '\n']).unwrap_or(self.rest.len());
        let name = self.rest[..end].trim_end().to_owned();
        let wrong = |c: char| !(c.is_alphanumeric() || "_.-[]".contains(c));
        if name.is_empty() || name.contains(wrong) {
            return Err(self.error(format!("`{}` is not the name of a variable", name.escape_debug())));
        }
        if self.rest[end..].starts_with(['=', ':']) {
            self.take(end + 1);
            Ok(Some((name, self.value()?)))
        } else {
            self.take(end);
            Ok(Some((name, Raw::Inherited)))
        }
    }

    fn value(&mut self) -> Result<Raw, Error> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
        match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            _ => {
                let line = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
                let value = line.split_once(" #").map_or(line, |(value, _)| value);
                Ok(Raw::Expanded(value.trim_end().to_owned()))
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Raw, Error> {
        let mut value = String::new();
        let mut escaped = false;
        for (position, c) in self.rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
                if c != quote {
                    value.push('\\');
                }
                value.push(c);
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                self.take(position + c.len_utf8());
                return Ok(if quote == '"' { Raw::Expanded(unescape(&value)) } else { Raw::Literal(value) });
            } else {
                value.push(c);
            }
        }
        Err(self.error(format!("the quote `{quote}` is not closed")))
    }
}

/// Replaces the escapes that a shell knows in double quotes; `\$` becomes the `$$` that stands for a dollar sign.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let replacement = match chars.peek() {
            Some('n') => "\n",
            Some('r') => "\r",
            Some('t') => "\t",
            Some('a') => "\u{7}",
            Some('b') => "\u{8}",
            Some('f') => "\u{c}",
            Some('v') => "\u{b}",
            Some('\\') => "\\",
            Some('$') => "$$",
            _ => {
                out.push('\\');
                continue;
            }
        };
        chars.next();
        out.push_str(replacement);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{parse, parse_raw};

    fn known() -> BTreeMap<String, String> {
        BTreeMap::from([("OUT".to_owned(), "outside".to_owned())])
    }

    #[test]
    fn values_are_read_as_compose_reads_them() {
        let text = "# comment\n\nexport A=1\nB: two # note\nC='$A # x'\nD=\"a\\n$A\\$\"\nE=${A}-${OUT}\nOUT\nNONE\nF=a#b\nG=\n";
        let found = parse(text, &known()).expect("valid");
        let expected = [
            ("A", "1"),
            ("B", "two"),
            ("C", "$A # x"),
            ("D", "a\n1$"),
            ("E", "1-outside"),
            ("F", "a#b"),
            ("G", ""),
            ("OUT", "outside"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn errors_name_their_line() {
        assert_eq!(parse("A=1\n\nB C=2\n", &known()).expect_err("space").line, 3);
        assert_eq!(parse("A='x\ny\n", &known()).expect_err("open").line, 1);
        assert_eq!(parse_raw("A=1\nB\n").expect_err("no value").line, 2);
    }

    #[test]
    fn raw_values_are_left_alone() {
        let found = parse_raw("A=\"x $B\" # y\n").expect("valid");
        assert_eq!(found["A"], "\"x $B\" # y");
    }
}
