/// A command line taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words {
    /// Its words, without quotes.
    pub(crate) words: Vec<String>,
    /// What follows the first shell operator outside quotes. No shell reads a command, so Docker Compose drops this.
    pub(crate) dropped: Option<String>,
}

/// Takes a command line apart at spaces, as Docker Compose does: quotes and backslashes hold words together, `$(…)` and
/// backticks are kept as text, variables are not replaced.
///
/// # Errors
/// When a quote is not closed, or a parenthesis stands outside of quotes.
pub(crate) fn split(line: &str) -> Result<Words, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut dropped = None;
    let mut quote = Quote::None;
    let mut escaped = false;
    for (position, c) in line.char_indices() {
        if escaped {
            escaped = false;
            word.get_or_insert_default().push(c);
            continue;
        }
        match (c, quote) {
            ('\\', Quote::Single) => word.get_or_insert_default().push(c),
            ('\\', _) => escaped = true,
            (' ' | '\t' | '\r' | '\n', Quote::None) => words.extend(word.take()),
            ('"', Quote::None) => quote = Quote::Double,
            ('\'', Quote::None) => quote = Quote::Single,
            ('"', Quote::Double) | ('\'', Quote::Single) => {
                quote = Quote::None;
                word.get_or_insert_default();
            }
            ('`', Quote::None) => {
                quote = Quote::Backtick;
                word.get_or_insert_default().push(c);
            }
            ('`', Quote::Backtick) | (')', Quote::Command) => {
                quote = Quote::None;
                word.get_or_insert_default().push(c);
            }
            ('(', Quote::None) if word.as_ref().is_some_and(|word| word.ends_with('$')) => {
                quote = Quote::Command;
                word.get_or_insert_default().push(c);
            }
            ('(' | ')', Quote::None) | ('(', Quote::Command) => {
                return Err("a parenthesis stands outside of quotes");
            }
            (';' | '&' | '|' | '<' | '>', Quote::None) => {
                // `2>` names a file descriptor, which is part of the operator.
                if c == '>'
                    && word.as_ref().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()))
                {
                    word = None;
                }
                dropped = Some(line[position..].to_owned());
                break;
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    if escaped || quote != Quote::None {
        return Err("a quote is not closed");
    }
    words.extend(word);
    Ok(Words { words, dropped })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
    Backtick,
    Command,
}

#[cfg(test)]
mod tests {
    use super::split;

    fn check(line: &str, words: &[&str]) {
        assert_eq!(split(line).expect(line).words, words, "{line}");
    }

    #[test]
    fn quotes_hold_words_together() {
        check("", &[]);
        check("  a  b\tc\n", &["a", "b", "c"]);
        check(r#"sh -c "echo 'hi there'""#, &["sh", "-c", "echo 'hi there'"]);
        check(r#"a\ b "c\"d" 'e\f' ''"#, &["a b", "c\"d", r"e\f", ""]);
        check("a$(b c)d `e f`", &["a$(b c)d", "`e f`"]);
    }

    #[test]
    fn what_follows_an_operator_is_reported() {
        let split = split("a --b 2>/dev/null && c").expect("valid");
        assert_eq!(split.words, ["a", "--b"]);
        assert_eq!(split.dropped.as_deref(), Some(">/dev/null && c"));
    }

    #[test]
    fn open_quotes_are_an_error() {
        for bad in ["'a", "\"a", "a\\", "(a)", "`a"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
