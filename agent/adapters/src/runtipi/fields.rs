use hearth_model::form::{Choice, Field, FieldKind, Pattern, SecretEncoding};
use serde_json::Value;

use crate::adapted::setting;
use crate::document::{flag, scalar, text};

/// Characters of a generated secret where the field does not say.
const SECRET_LENGTH: u16 = 32;
/// Most characters of a generated secret.
const MAX_SECRET_LENGTH: i64 = 512;

/// Reads the form: one setting for each field that names its variable.
pub(super) fn read(config: &Value, notes: &mut Vec<String>) -> Vec<Field> {
    let fields = config.get("form_fields").and_then(Value::as_array);
    let mut settings: Vec<Field> =
        fields.into_iter().flatten().filter_map(|field| read_one(field, notes)).collect();
    if flag(config, "generate_vapid_keys") {
        settings.extend(push_keys());
    }
    settings
}

/// Returns the key pair for web push messages, which nobody is asked for.
fn push_keys() -> [Field; 2] {
    let one = |name: &str, label: &str, encoding, characters| Field {
        hidden: true,
        generate: Some(characters),
        encoding,
        ..setting(name, label, FieldKind::Secret)
    };
    [
        one("VAPID_PUBLIC_KEY", "Public key for push messages", SecretEncoding::PushPublicKey, 87),
        one("VAPID_PRIVATE_KEY", "Private key for push messages", SecretEncoding::PushPrivateKey, 43),
    ]
}

fn read_one(field: &Value, notes: &mut Vec<String>) -> Option<Field> {
    let Some(name) = text(field, "env_variable") else {
        notes.push("a field of its form names no variable and is left out".to_owned());
        return None;
    };
    let label = text(field, "label").unwrap_or_else(|| name.clone());
    let number = |key: &str| field.get(key).and_then(Value::as_i64);
    let written = text(field, "type").unwrap_or_default();
    let options = options(field);
    let mut read = setting(&name, &label, kind(&written, !options.is_empty()));
    let example = text(field, "placeholder").map(|example| format!("For example: {example}"));
    read.help = match (text(field, "hint"), example) {
        (Some(hint), Some(example)) => Some(format!("{hint} {example}")),
        (hint, example) => hint.or(example),
    };
    read.required = flag(field, "required");
    // A default is a value, not a template.
    read.default = field.get("default").and_then(scalar).map(|value| value.replace('$', "$$"));
    read.options = options;
    if written == "random" {
        let length = number("min").filter(|length| (1..=MAX_SECRET_LENGTH).contains(length));
        read.generate = Some(length.and_then(|length| u16::try_from(length).ok()).unwrap_or(SECRET_LENGTH));
        read.hidden = true;
        read.required = false;
        read.encoding = match text(field, "encoding").as_deref() {
            Some("base64") => SecretEncoding::Base64,
            Some("hex") => SecretEncoding::Hex,
            _ => SecretEncoding::Alphanumeric,
        };
    } else {
        read.min = number("min");
        read.max = number("max");
    }
    if let Some(regex) = text(field, "regex") {
        let problem = text(field, "pattern_error").unwrap_or(format!("must match {regex}"));
        read.help = Some(read.help.map_or(problem.clone(), |help| format!("{help} ({problem})")));
        match hearth_compose::pattern::read(&regex) {
            Ok(_) => read.pattern = Some(Pattern { regex, problem }),
            Err(why) => notes.push(format!("the pattern of `{name}` is shown and not checked: {why}")),
        }
    }
    Some(read)
}

fn kind(written: &str, has_options: bool) -> FieldKind {
    match written {
        _ if has_options => FieldKind::Choice,
        "password" | "random" => FieldKind::Secret,
        "number" => FieldKind::Number,
        "boolean" => FieldKind::Boolean,
        "email" => FieldKind::Email,
        "url" => FieldKind::Url,
        "ip" => FieldKind::Ip,
        "fqdn" => FieldKind::Domain,
        "fqdnip" => FieldKind::Host,
        _ => FieldKind::Text,
    }
}

fn options(field: &Value) -> Vec<Choice> {
    let options = field.get("options").and_then(Value::as_array).into_iter().flatten();
    options
        .filter_map(|option| {
            let value = option.get("value").and_then(scalar).or_else(|| scalar(option))?;
            let label = text(option, "label").unwrap_or_else(|| value.clone());
            Some(Choice { value, label })
        })
        .collect()
}
