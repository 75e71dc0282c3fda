use std::collections::BTreeMap;

use hearth_model::form::{Field, SecretEncoding};

/// Returns the fields whose answer Hearth makes: those that generate, and have neither an answer nor a secret yet.
pub(crate) fn to_generate<'a>(
    fields: &'a [Field],
    answers: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, String>,
) -> Vec<&'a Field> {
    let open = |field: &&Field| {
        field.generate.is_some()
            && !secrets.contains_key(&field.name)
            && answers.get(&field.name).is_none_or(String::is_empty)
    };
    fields.iter().filter(open).collect()
}

/// Makes one secret.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn generate(field: &Field) -> Result<String, getrandom::Error> {
    let length = usize::from(field.generate.unwrap_or(32));
    let mut bytes = vec![0_u8; length];
    getrandom::fill(&mut bytes)?;
    Ok(match field.encoding {
        SecretEncoding::Hex => hex::encode(&bytes)[..length].to_owned(),
        SecretEncoding::Base64 => {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(&bytes)
        }
        SecretEncoding::Alphanumeric => alphanumeric(&mut bytes)?,
    })
}

/// Turns random bytes into letters and digits, each as likely as any other: bytes past the last full round are drawn anew.
fn alphanumeric(bytes: &mut [u8]) -> Result<String, getrandom::Error> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let full_rounds = 256 / ALPHABET.len() * ALPHABET.len();
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes.iter_mut() {
        while usize::from(*byte) >= full_rounds {
            getrandom::fill(std::slice::from_mut(byte))?;
        }
        text.push(char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    }
    Ok(text)
}

/// Returns stand-ins for secrets that are not made yet, for a look before an install.
pub(crate) fn placeholders(fields: &[Field], secrets: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = secrets.clone();
    for field in fields.iter().filter(|field| field.generate.is_some()) {
        all.entry(field.name.clone())
            .or_insert_with(|| "x".repeat(usize::from(field.generate.unwrap_or(32))));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_model::form::FieldKind;

    fn field(name: &str, generate: Option<u16>, encoding: SecretEncoding) -> Field {
        Field {
            name: name.to_owned(),
            label: name.to_owned(),
            help: None,
            kind: FieldKind::Secret,
            default: None,
            required: true,
            hidden: true,
            generate,
            encoding,
            min: None,
            max: None,
            options: Vec::new(),
        }
    }

    #[test]
    fn secrets_have_their_length_and_alphabet() {
        let hex = generate(&field("A", Some(33), SecretEncoding::Hex)).expect("random");
        assert!(hex.len() == 33 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "{hex}");
        let plain = generate(&field("A", Some(40), SecretEncoding::Alphanumeric)).expect("random");
        assert!(plain.len() == 40 && plain.bytes().all(|b| b.is_ascii_alphanumeric()), "{plain}");
        assert_ne!(plain, generate(&field("A", Some(40), SecretEncoding::Alphanumeric)).expect("random"));
    }

    #[test]
    fn a_secret_that_is_there_is_not_made_again() {
        let fields =
            [field("KEPT", Some(8), SecretEncoding::Hex), field("NEW", Some(8), SecretEncoding::Hex)];
        let secrets = BTreeMap::from([("KEPT".to_owned(), "x".to_owned())]);
        let open = to_generate(&fields, &BTreeMap::new(), &secrets);
        assert_eq!(open.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["NEW"]);
    }
}
