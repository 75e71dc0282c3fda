use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use super::{Account, Error};

/// Bytes that tell one browser from another.
const ID_BYTES: usize = 16;

/// What a browser keeps from its first sign-in on: it has signed in to this account before.
///
/// It opens nothing. A guesser at the same address fails under another key than a browser that shows it, so nobody can keep
/// the owner out of a browser that was in once
/// ([device cookies](https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies)). It is
/// no cookie here, since pages of apps are given those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Device(pub(super) [u8; ID_BYTES]);

impl Device {
    /// Returns a new one.
    pub(super) fn new() -> Result<Self, Error> {
        let mut id = [0; ID_BYTES];
        getrandom::fill(&mut id).map_err(|error| Error::Hash(error.to_string()))?;
        Ok(Self(id))
    }

    /// Reads what a browser shows; `None` when this box did not sign it for this account.
    pub(super) fn read(text: &str, account: &Account, secret: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, signature) = bytes.split_first_chunk::<ID_BYTES>()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, &signed(*id, account), signature).ok().map(|()| Self(*id))
    }

    /// Returns what the browser is told.
    pub(super) fn to_text(self, account: &Account, secret: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = hmac::sign(&key, &signed(self.0, account));
        URL_SAFE_NO_PAD.encode([&self.0, signature.as_ref()].concat())
    }
}

fn signed(id: [u8; ID_BYTES], account: &Account) -> Vec<u8> {
    [&id, account.id.to_be_bytes().as_slice(), account.user.username.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use hearth_model::api::session::{Role, User};

    use super::*;

    #[test]
    fn a_device_is_known_to_its_box_and_account_only() {
        let account =
            |id, name: &str| Account { id, user: User { username: name.to_owned(), role: Role::Owner } };
        let ada = account(1, "ada");
        let device = Device::new().unwrap();
        let text = device.to_text(&ada, "secret");
        assert_eq!(Device::read(&text, &ada, "secret"), Some(device));
        assert_eq!(Device::read(&text, &ada, "another box"), None);
        assert_eq!(Device::read(&text, &account(1, "grace"), "secret"), None);
        assert_eq!(Device::read(&text, &account(2, "ada"), "secret"), None);
        for bad in ["", "AAAA", &"A".repeat(64), &"A".repeat(10_000), "!"] {
            assert_eq!(Device::read(bad, &ada, "secret"), None, "{bad}");
        }
    }
}
