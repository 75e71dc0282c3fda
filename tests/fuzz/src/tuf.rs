//! A channel of releases, its files with a line `=== NAME` before each. Whatever it serves, it is refused, or offers a release
//! that is for this box.
//!
//! A fuzzer cannot sign, so two kinds of names are helped: `+metadata/…` is the signed part of a role, which is signed here
//! with the one key of the box's root of trust; `@NAME` is a target, whose hash and length the list of targets gets.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use hearth_model::os::Channel;
use hearth_update::source::Source;
use hearth_update::trust::Trust;
use jiff::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::parts;

static KEY: LazyLock<Key> = LazyLock::new(Key::new);

struct Key {
    pair: Ed25519KeyPair,
    id: String,
    root: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed of 32 bytes");
        let public = hex::encode(pair.public_key().as_ref());
        let key = json!({"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"});
        let id = hex::encode(Sha256::digest(key.to_string()));
        let role = json!({"keyids": [id], "threshold": 1});
        let roles = json!({"root": role, "snapshot": role, "targets": role, "timestamp": role});
        let signed = json!({
            "_type": "root",
            "consistent_snapshot": true,
            "expires": "2100-01-01T00:00:00Z",
            "keys": {id.clone(): key},
            "roles": roles,
            "spec_version": "1.0.0",
            "version": 1,
        });
        let mut made = Self { pair, id, root: Vec::new() };
        made.root = made.sign(&signed);
        made
    }

    fn sign(&self, signed: &Value) -> Vec<u8> {
        // `serde_json` sorts keys and leaves out spaces, which is the canonical form but for control characters.
        let signature = self.pair.sign(signed.to_string().as_bytes());
        let signatures = json!([{"keyid": self.id, "sig": hex::encode(signature)}]);
        json!({"signatures": signatures, "signed": signed}).to_string().into_bytes()
    }
}

/// Returns whether the channel offers a release.
pub fn offers_a_release(data: &[u8]) -> bool {
    let Some(parts) = parts(data) else { return false };
    let folder = tempfile::tempdir().expect("a folder");
    let channel = folder.path().join("channel");
    for name in ["metadata", "targets"] {
        fs::create_dir_all(channel.join(name)).expect("a folder");
    }
    let parts: Vec<(&str, &str)> = parts.collect();
    let mut targets = BTreeMap::new();
    for (name, content) in &parts {
        if let Some(name) = name.strip_prefix('@') {
            let sha256 = hex::encode(Sha256::digest(content));
            write(&channel.join("targets"), &format!("{sha256}.{name}"), content.as_bytes());
            targets.insert(name, json!({"hashes": {"sha256": sha256}, "length": content.len()}));
        }
    }
    for (name, content) in &parts {
        let Some(name) = name.strip_prefix('+') else {
            write(&channel, name, content.as_bytes());
            continue;
        };
        let Ok(mut signed) = serde_json::from_str::<Value>(content) else { continue };
        for (target, is) in &targets {
            if let Some(listed) = signed.pointer_mut(&format!("/targets/{target}")) {
                *listed = is.clone();
            }
        }
        write(&channel, name, &KEY.sign(&signed));
    }
    let trust = Trust {
        root: KEY.root.clone(),
        memory: folder.path().join("memory"),
        board: "x86-64".to_owned(),
        built_at: Timestamp::UNIX_EPOCH,
    };
    let source = Source::Folder(channel);
    let Ok(offer) = trust.ask(&source, Channel::Stable) else { return false };
    assert_eq!(offer.description.board, "x86-64");
    // What is remembered now does not stand in the way of the same answer.
    trust.ask(&source, Channel::Stable).expect("the same channel is trusted again");
    true
}

pub fn read(data: &[u8]) {
    let _ = offers_a_release(data);
}

/// Writes a file of the channel, in one of its two folders.
fn write(folder: &Path, name: &str, content: &[u8]) {
    if !name.split('/').any(|part| part == "..") && !name.starts_with('/') {
        // A name that cannot be one is a file that is missing.
        let _ = fs::write(folder.join(name), content);
    }
}
