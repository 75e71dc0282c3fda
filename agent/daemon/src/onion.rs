//! Onion services of the Tor network, version 3: keys and addresses
//! ([rend-spec-v3](https://spec.torproject.org/rend-spec/)).
//!
//! An app's key is derived from the seed that its other secrets come from. Its address is so known before Tor has
//! started once, and stays the same for as long as the box keeps its seed.

use hearth_model::AppId;
use ring::digest::{SHA512, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha3::{Digest as _, Sha3_256};

use crate::resolve::Seeds;

/// Version of onion services.
const VERSION: u8 = 3;
/// First bytes of [Tor's key files](https://spec.torproject.org/rend-spec/encrypting-user-data.html), 32 each.
const SECRET_TAG: &[u8; 32] = b"== ed25519v1-secret: type0 ==\0\0\0";
const PUBLIC_TAG: &[u8; 32] = b"== ed25519v1-public: type0 ==\0\0\0";
/// Digits of base 32 ([RFC 4648](https://www.rfc-editor.org/rfc/rfc4648#section-6)), small as in addresses.
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The keys of an onion service.
pub(crate) struct OnionKey {
    seed: [u8; 32],
    public: [u8; 32],
}

impl OnionKey {
    /// Returns the keys of an app's onion service.
    pub(crate) fn of(app: &AppId, seeds: &Seeds) -> Self {
        let derived = seeds.of_onion(app);
        let mut seed = [0; 32];
        hex::decode_to_slice(derived, &mut seed).expect("a derived secret is 64 hexadecimal digits");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("any 32 bytes are a seed");
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Self { seed, public }
    }

    /// Returns the address, `….onion`.
    pub(crate) fn address(&self) -> String {
        let checksum = Sha3_256::new()
            .chain_update(b".onion checksum")
            .chain_update(self.public)
            .chain_update([VERSION])
            .finalize();
        let mut bytes = self.public.to_vec();
        bytes.extend([checksum[0], checksum[1], VERSION]);
        format!("{}.onion", base32(&bytes))
    }

    /// Returns the content of Tor's `hs_ed25519_secret_key`: the expanded key
    /// ([RFC 8032, section 5.1.5](https://www.rfc-editor.org/rfc/rfc8032#section-5.1.5)).
    pub(crate) fn secret_file(&self) -> Vec<u8> {
        let mut expanded = digest(&SHA512, &self.seed).as_ref().to_vec();
        expanded[0] &= 0b1111_1000;
        expanded[31] &= 0b0111_1111;
        expanded[31] |= 0b0100_0000;
        [SECRET_TAG, &expanded[..]].concat()
    }

    /// Returns the content of Tor's `hs_ed25519_public_key`.
    pub(crate) fn public_file(&self) -> Vec<u8> {
        [&PUBLIC_TAG[..], &self.public].concat()
    }
}

/// Writes bytes in base 32. Their number is a multiple of five, so that nothing is padded.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() / 5 * 8);
    for five in bytes.chunks(5) {
        let number = five.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let digits = (0..8).rev().map(|at| DIGITS[(number >> (5 * at) & 31) as usize]);
        text.extend(digits.map(char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn base_32_is_that_of_rfc_4648() {
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
    }

    #[test]
    fn a_key_is_the_apps_and_the_boxs() {
        let wiki: AppId = "wiki".parse().expect("an id");
        let blog: AppId = "blog".parse().expect("an id");
        let seeds = |seed: &str| Seeds::new(seed.to_owned(), BTreeMap::new());
        let address = OnionKey::of(&wiki, &seeds("seed")).address();
        assert_eq!(address.len(), 62);
        assert_eq!(address, OnionKey::of(&wiki, &seeds("seed")).address());
        assert_ne!(address, OnionKey::of(&wiki, &seeds("other")).address());
        assert_ne!(address, OnionKey::of(&blog, &seeds("seed")).address());
        // Version 3 is the last five bits of the last byte.
        assert!(address.ends_with("d.onion"), "{address}");
    }

    #[test]
    fn keys_are_files_of_tors_form() {
        let key = OnionKey::of(&"wiki".parse().expect("an id"), &Seeds::default());
        let (secret, public) = (key.secret_file(), key.public_file());
        assert_eq!((secret.len(), public.len()), (96, 64));
        assert_eq!((secret[32] & 7, secret[63] & 0b1100_0000), (0, 0b0100_0000));
    }
}
