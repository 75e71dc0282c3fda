use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One thing that a package asks of the owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Field {
    /// The variable of the Compose file that the answer becomes.
    pub name: String,
    /// What the owner reads.
    pub label: String,
    /// One sentence more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What kind of answer it takes.
    #[serde(rename = "type", default)]
    pub kind: FieldKind,
    /// The answer when the owner gives none; may use `${…}` of earlier fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// An empty answer is refused.
    #[serde(default)]
    pub required: bool,
    /// Not shown; its default or generated value is used.
    #[serde(default)]
    pub hidden: bool,
    /// Characters of a secret that Hearth makes when the owner gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<u16>,
    /// How a generated secret is written.
    #[serde(default)]
    pub encoding: SecretEncoding,
    /// Least number, or fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// Greatest number, or most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// Answers to choose from.
    #[serde(default)]
    pub options: Vec<Choice>,
    /// What an answer must look like; the box checks it, [`check`] does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
}

/// What kind of answer a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum FieldKind {
    /// One line.
    #[default]
    Text,
    /// A password or key; never shown in lists or logs.
    Secret,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of `options`.
    Choice,
    /// An e-mail address.
    Email,
    /// An `http` or `https` address.
    Url,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A host name with a dot.
    Domain,
    /// A host name or an address.
    Host,
}

/// How a generated secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum SecretEncoding {
    /// Letters and digits.
    #[default]
    Alphanumeric,
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
    /// The public key of a pair for web push messages ([RFC 8292](https://www.rfc-editor.org/rfc/rfc8292)): a point of
    /// P-256 in 65 bytes, URL-safe Base64.
    PushPublicKey,
    /// The private key of the same pair: 32 bytes, URL-safe Base64.
    PushPrivateKey,
}

/// One answer to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Choice {
    /// What the variable becomes.
    pub value: String,
    /// What the owner reads.
    pub label: String,
}

/// A pattern that an answer must have somewhere in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Pattern {
    /// A regular expression as browsers read it, without what looks around or back.
    pub regex: String,
    /// What the owner reads of an answer without it.
    pub problem: String,
}

/// An answer that a field does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{label}: {problem}")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// The field's label.
    pub label: String,
    /// What is wrong and what is expected.
    pub problem: String,
}

impl FieldError {
    /// Returns the error of an answer to `field`: what is wrong and what is expected.
    pub fn new(field: &Field, problem: String) -> Self {
        Self { field: field.name.clone(), label: field.label.clone(), problem }
    }
}

/// Checks one answer; an empty one is the same as none.
///
/// # Errors
/// Says what is wrong and what is expected, for the owner.
pub fn check(field: &Field, answer: &str) -> Result<(), FieldError> {
    match problem(field, answer) {
        None => Ok(()),
        Some(problem) => Err(FieldError::new(field, problem)),
    }
}

/// Checks all answers: each field, and that no answer belongs to no field.
pub fn check_all(fields: &[Field], answers: &BTreeMap<String, String>) -> Vec<FieldError> {
    let mut errors: Vec<FieldError> = fields
        .iter()
        .filter_map(|field| {
            let answer = answers.get(&field.name).map_or("", String::as_str);
            check(field, answer).err()
        })
        .collect();
    errors.extend(answers.keys().filter(|name| !fields.iter().any(|field| &field.name == *name)).map(
        |name| FieldError {
            field: name.clone(),
            label: name.clone(),
            problem: "this package has no such setting".to_owned(),
        },
    ));
    errors
}

fn problem(field: &Field, answer: &str) -> Option<String> {
    if answer.is_empty() {
        let has_other = field.default.is_some() || field.generate.is_some();
        return (field.required && !has_other).then(|| "this is needed".to_owned());
    }
    // Neither the environment of a program nor a file name can have it.
    if answer.contains('\0') {
        return Some("must not contain the character NUL".to_owned());
    }
    let may_have_lines = matches!(field.kind, FieldKind::Text | FieldKind::Secret);
    if !may_have_lines && answer.contains(['\n', '\r']) {
        return Some("must be a single line".to_owned());
    }
    match field.kind {
        FieldKind::Number => {
            let Ok(number) = answer.parse::<i64>() else {
                return Some(format!("`{answer}` is not a whole number"));
            };
            range_problem(field, number, "must be")
        }
        FieldKind::Boolean => {
            (!matches!(answer, "true" | "false")).then(|| "must be `true` or `false`".to_owned())
        }
        FieldKind::Choice => (!field.options.iter().any(|choice| choice.value == answer)).then(|| {
            let known: Vec<&str> = field.options.iter().map(|choice| choice.value.as_str()).collect();
            format!("must be one of {}", known.join(", "))
        }),
        FieldKind::Email => (!is_email(answer)).then(|| "is not an e-mail address".to_owned()),
        FieldKind::Url => {
            let rest = answer.strip_prefix("https://").or_else(|| answer.strip_prefix("http://"));
            let ok =
                rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(' '));
            (!ok).then(|| "must start with https:// or http://".to_owned())
        }
        FieldKind::Ip => (!is_ip(answer)).then(|| "is not an IP address".to_owned()),
        FieldKind::Domain => {
            (!(is_host(answer) && answer.contains('.'))).then(|| "is not a domain name".to_owned())
        }
        FieldKind::Host => (!is_host(answer) && !is_ip(answer))
            .then(|| "is neither a host name nor an IP address".to_owned()),
        FieldKind::Text | FieldKind::Secret => {
            let characters = i64::try_from(answer.chars().count()).unwrap_or(i64::MAX);
            range_problem(field, characters, "its length in characters must be")
        }
    }
}

fn range_problem(field: &Field, value: i64, what: &str) -> Option<String> {
    if let Some(min) = field.min.filter(|min| value < *min) {
        return Some(format!("{what} at least {min}"));
    }
    field.max.filter(|max| value > *max).map(|max| format!("{what} at most {max}"))
}

fn is_ip(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && is_host(host) && !text.contains([' ', '<', '>', ',', ';'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: FieldKind) -> Field {
        Field {
            name: "X".into(),
            label: "X".into(),
            help: None,
            kind,
            default: None,
            required: true,
            hidden: false,
            generate: None,
            encoding: SecretEncoding::Alphanumeric,
            min: None,
            max: None,
            options: vec![Choice { value: "a".into(), label: "A".into() }],
            pattern: None,
        }
    }

    #[test]
    fn each_kind_takes_what_it_says() {
        for (kind, good, bad) in [
            (FieldKind::Text, "two\nlines of # 'anything' $x", "\0"),
            (FieldKind::Secret, " spaces ", "a\0b"),
            (FieldKind::Number, "-12", "1.5"),
            (FieldKind::Host, "a.example", "a\nb"),
            (FieldKind::Boolean, "true", "yes"),
            (FieldKind::Choice, "a", "b"),
            (FieldKind::Email, "a@b.example", "a@"),
            (FieldKind::Url, "https://a.example/x", "ftp://a.example"),
            (FieldKind::Ip, "::1", "1.2.3"),
            (FieldKind::Domain, "a.example", "localhost"),
            (FieldKind::Host, "localhost", "-x"),
        ] {
            assert_eq!(check(&field(kind), good), Ok(()), "{kind:?} {good}");
            assert!(check(&field(kind), bad).is_err(), "{kind:?} took {bad}");
            assert!(check(&field(kind), "").is_err(), "{kind:?} took nothing");
        }
    }

    #[test]
    fn an_answer_to_no_question_is_refused() {
        let answers = BTreeMap::from([("X".to_owned(), "y".to_owned()), ("Z".to_owned(), "y".to_owned())]);
        let errors = check_all(&[field(FieldKind::Text)], &answers);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].field, "Z");
    }
}
