use std::collections::BTreeMap;

use hearth_model::form::{self, Field, FieldError};
use regex::{Regex, RegexBuilder};

/// Most bytes that a pattern may take once it is read: an answer is matched in time that grows with both.
const MAX_PROGRAM_BYTES: usize = 128 * 1024;
/// Most bytes of an answer to a field with a pattern.
const MAX_ANSWER_BYTES: usize = 8 * 1024;
/// Deepest nesting of a pattern.
const MAX_NESTING: u32 = 64;

/// Why a pattern is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is wrong, or looks around or back, which cannot be matched in linear time.
    #[error("it looks ahead or back, or is no regular expression")]
    Syntax,
    /// It is read, and its repetitions are too many.
    #[error("it repeats too much")]
    TooLarge,
}

/// Checks the owner's answers as [`form::check_all`] does, and against the fields' patterns.
///
/// A pattern that cannot be read is not checked. Meant for answers that an owner gives now: those of an app that runs already
/// stay good when its package gets another pattern.
pub fn check_answers(fields: &[Field], answers: &BTreeMap<String, String>) -> Vec<FieldError> {
    let mut errors = form::check_all(fields, answers);
    let is_wrong: Vec<String> = errors.iter().map(|error| error.field.clone()).collect();
    for field in fields.iter().filter(|field| !is_wrong.contains(&field.name)) {
        let answer = answers.get(&field.name).filter(|answer| !answer.is_empty());
        errors.extend(answer.and_then(|answer| problem(field, answer)));
    }
    errors
}

fn problem(field: &Field, answer: &str) -> Option<FieldError> {
    let pattern = field.pattern.as_ref()?;
    let regex = read(&pattern.regex).ok()?;
    if answer.len() > MAX_ANSWER_BYTES {
        return Some(FieldError::new(field, format!("must be at most {MAX_ANSWER_BYTES} bytes long")));
    }
    (!regex.is_match(answer)).then(|| FieldError::new(field, pattern.problem.clone()))
}

/// Reads a [pattern of JavaScript](https://tc39.es/ecma262/multipage/text-processing.html#sec-patterns) without flags, so that
/// it means here what it means in a browser.
///
/// # Errors
/// When it cannot be matched in linear time, is wrong, or is too large.
pub fn read(pattern: &str) -> Result<Regex, Unreadable> {
    let mut builder = RegexBuilder::new(&translate(pattern).ok_or(Unreadable::Syntax)?);
    builder.size_limit(MAX_PROGRAM_BYTES).dfa_size_limit(MAX_PROGRAM_BYTES).nest_limit(MAX_NESTING);
    builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Unreadable::TooLarge,
        _ => Unreadable::Syntax,
    })
}

/// Writes a pattern of JavaScript in the crate's syntax: `\d`, `\w` and `\b` are about ASCII there, every escaped sign is itself,
/// and a class knows neither classes within it nor operators.
fn translate(pattern: &str) -> Option<String> {
    let mut written = String::new();
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(character) = rest.next() {
        match character {
            '\\' => {
                let escaped = rest.next()?;
                match escaped {
                    'd' => written.push_str("[0-9]"),
                    'D' => written.push_str("[^0-9]"),
                    'w' => written.push_str("[0-9A-Za-z_]"),
                    'W' => written.push_str("[^0-9A-Za-z_]"),
                    's' => written.push_str(SPACES),
                    'S' => written.push_str(NO_SPACES),
                    'b' if !in_class => written.push_str(r"(?-u:\b)"),
                    'x' | 'u' if rest.peek() == Some(&'{') => return None,
                    'f' | 'n' | 'r' | 't' | 'v' | 'x' | 'u' => written.extend(['\\', escaped]),
                    sign if sign.is_ascii_punctuation() => {
                        written.push_str(&regex::escape(sign.encode_utf8(&mut [0; 4])));
                    }
                    _ => return None,
                }
            }
            '[' if in_class => written.push_str(r"\["),
            '[' => {
                in_class = true;
                written.push('[');
                written.extend(rest.next_if_eq(&'^'));
                if rest.peek() == Some(&']') {
                    return None;
                }
            }
            ']' => {
                in_class = false;
                written.push(']');
            }
            '-' if in_class && rest.peek() == Some(&'-') => return None,
            '&' | '~' if in_class => written.extend(['\\', character]),
            other => written.push(other),
        }
    }
    Some(written)
}

/// What `\s` means in JavaScript.
const SPACES: &str = r"[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]";
/// What `\S` means there.
const NO_SPACES: &str = r"[^\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]";

#[cfg(test)]
mod tests {
    use hearth_model::form::{FieldKind, Pattern, SecretEncoding};

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        read(pattern).expect(pattern).is_match(text)
    }

    #[test]
    fn a_pattern_means_what_it_means_in_a_browser() {
        for (pattern, good, wrong) in [
            ("key:[a-z]+", "my key:abc", "key:1"),
            (r"^\w[\w\-\.]*@([\w-]+\.)+[\w-]{2,}$", "a.b-c@home.example", "ä@home.example"),
            (r"^[\w-.]+$", "a-b.c", "a+b"),
            (r"^\d{3}$", "123", "١٢٣"),
            (r"^[^\d]$", "ä", "7"),
            (r"^.{3}$", "äöü", "äö"),
            (r#"^\[("[^"]*"(, ?"[^"]*")*)?\]$"#, r#"["a", "b"]"#, "[a]"),
            (r"^[[]$", "[", "]"),
            (r"^[a&&b]+$", "a&b", "c"),
            (r"^[a~~b]+$", "~", "c"),
            (r"^\<a\/b\>$", "<a/b>", "a/b"),
            (r"\bcat\b", "a cat!", "concat"),
            (r"^[^\s$]+\s[\S]+$", "a\u{a0}b", "a b $ "),
            (r"^\x41\u0042$", "AB", "ab"),
            (r"(\d+(ns|µs|h))+", "1h2µs", "1"),
        ] {
            assert!(matches(pattern, good), "{pattern} refused {good}");
            assert!(!matches(pattern, wrong), "{pattern} took {wrong}");
        }
    }

    #[test]
    fn what_cannot_be_matched_in_linear_time_is_not_read() {
        let look_around = [
            r"^(?=.*\d).+$",
            r"(?!a)",
            r"(?<=a)b",
            r"(a)\1",
            r"\B",
            r"\p{L}",
            r"\u{41}",
            "[]",
            "[^]",
            "[+--]",
        ];
        for pattern in look_around.into_iter().chain(["(", "[a", r"\", "a)", "\\A"]) {
            assert_eq!(read(pattern).unwrap_err(), Unreadable::Syntax, "{pattern}");
        }
        for pattern in ["(a{1000}){1000}", "((a{99}){99}){99}"] {
            assert_eq!(read(pattern).unwrap_err(), Unreadable::TooLarge, "{pattern}");
        }
        assert_eq!(read(&"(".repeat(10_000)).unwrap_err(), Unreadable::Syntax);
    }

    #[test]
    fn an_answer_without_the_pattern_is_told_in_the_packages_words() {
        let pattern = Pattern { regex: "^[a-z]+$".to_owned(), problem: "small letters".to_owned() };
        let mut field = Field {
            name: "CODE".to_owned(),
            label: "Code".to_owned(),
            help: None,
            kind: FieldKind::Text,
            default: None,
            required: false,
            hidden: false,
            generate: None,
            encoding: SecretEncoding::Alphanumeric,
            min: Some(2),
            max: None,
            options: Vec::new(),
            pattern: Some(pattern),
        };
        let said = |field: &Field, answer: &str| {
            let answers = BTreeMap::from([("CODE".to_owned(), answer.to_owned())]);
            let errors = check_answers(std::slice::from_ref(field), &answers);
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(said(&field, "abc"), "");
        assert_eq!(said(&field, ""), "");
        assert_eq!(said(&field, "ABC"), "Code: small letters");
        assert_eq!(said(&field, "A"), "Code: its length in characters must be at least 2");
        assert_eq!(said(&field, &"a".repeat(MAX_ANSWER_BYTES + 1)), "Code: must be at most 8192 bytes long");
        field.pattern = Some(Pattern { regex: "(?=a)".to_owned(), problem: "never said".to_owned() });
        assert_eq!(said(&field, "ABC"), "");
    }
}
