use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hearth_model::form::{Field, SecretEncoding};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

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

/// Makes the secrets of fields, by name.
///
/// # Errors
/// When the system gives no random numbers.
pub(crate) fn generate(fields: &[&Field]) -> Result<BTreeMap<String, String>, getrandom::Error> {
    let mut pair = None;
    let mut made = BTreeMap::new();
    for field in fields {
        let value = match field.encoding {
            SecretEncoding::PushPublicKey => push_keys(&mut pair)?.public.clone(),
            SecretEncoding::PushPrivateKey => push_keys(&mut pair)?.private.clone(),
            SecretEncoding::Hex | SecretEncoding::Base64 | SecretEncoding::Alphanumeric => one(field)?,
        };
        made.insert(field.name.clone(), value);
    }
    Ok(made)
}

/// A pair of keys for web push messages, each in URL-safe Base64.
#[derive(Debug)]
struct PushKeys {
    public: String,
    private: String,
}

/// Returns the pair, made when it is first asked for.
fn push_keys(pair: &mut Option<PushKeys>) -> Result<&PushKeys, getrandom::Error> {
    if pair.is_none() {
        *pair = Some(new_push_keys()?);
    }
    pair.as_ref().ok_or(getrandom::Error::UNEXPECTED)
}

fn new_push_keys() -> Result<PushKeys, getrandom::Error> {
    /// Where PKCS #8 of [`ring`] has the private key and its end, and the public one behind it
    /// ([RFC 5958](https://www.rfc-editor.org/rfc/rfc5958), [RFC 5915](https://www.rfc-editor.org/rfc/rfc5915)).
    const PRIVATE: std::ops::Range<usize> = 36..68;
    const PUBLIC: std::ops::RangeFrom<usize> = 73..;
    let random = ring::rand::SystemRandom::new();
    let whole = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .map_err(|_| getrandom::Error::UNEXPECTED)?;
    let part = |bytes: Option<&[u8]>| Some(URL_SAFE_NO_PAD.encode(bytes?));
    let whole = whole.as_ref();
    match (part(whole.get(PUBLIC)), part(whole.get(PRIVATE))) {
        (Some(public), Some(private)) => Ok(PushKeys { public, private }),
        _ => Err(getrandom::Error::UNEXPECTED),
    }
}

fn one(field: &Field) -> Result<String, getrandom::Error> {
    let length = usize::from(field.generate.unwrap_or(32));
    let mut bytes = vec![0_u8; length];
    getrandom::fill(&mut bytes)?;
    Ok(match field.encoding {
        SecretEncoding::Hex => hex::encode(&bytes)[..length].to_owned(),
        SecretEncoding::Base64 => STANDARD.encode(&bytes),
        SecretEncoding::Alphanumeric | SecretEncoding::PushPublicKey | SecretEncoding::PushPrivateKey => {
            alphanumeric(&mut bytes)?
        }
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
            pattern: None,
        }
    }

    #[test]
    fn secrets_have_their_length_and_alphabet() {
        let generate = |field: Field| one(&field);
        let hex = generate(field("A", Some(33), SecretEncoding::Hex)).expect("random");
        assert!(hex.len() == 33 && hex.bytes().all(|b| b.is_ascii_hexdigit()), "{hex}");
        let plain = generate(field("A", Some(40), SecretEncoding::Alphanumeric)).expect("random");
        assert!(plain.len() == 40 && plain.bytes().all(|b| b.is_ascii_alphanumeric()), "{plain}");
        assert_ne!(plain, generate(field("A", Some(40), SecretEncoding::Alphanumeric)).expect("random"));
    }

    #[test]
    fn keys_for_push_messages_are_a_pair() {
        let fields = [
            field("PUBLIC", Some(87), SecretEncoding::PushPublicKey),
            field("PRIVATE", Some(43), SecretEncoding::PushPrivateKey),
            field("OTHER", Some(8), SecretEncoding::Hex),
        ];
        let made = generate(&fields.iter().collect::<Vec<_>>()).expect("random");
        assert_eq!((made["PUBLIC"].len(), made["PRIVATE"].len(), made["OTHER"].len()), (87, 43, 8));
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(&made[name]).expect("Base64");
        let random = ring::rand::SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &bytes("PRIVATE"),
            &bytes("PUBLIC"),
            &random,
        );
        assert!(pair.is_ok(), "the two belong together: {:?}", pair.err());
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
