//! What the fuzzers begin with, and what they found: each seed is read as the fuzzers read it.

use std::path::Path;

/// What strangers send.
#[expect(unreachable_pub, reason = "the fuzzers use it as a library")]
#[path = "fuzz/src/lib.rs"]
mod fuzz;

/// Largest seed, in bytes.
const LARGEST_SEED_BYTES: u64 = 4096;

/// Reads every seed of a target.
fn read_seeds(target: &str, read: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("each target has seeds") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        assert!(bytes.len() as u64 <= LARGEST_SEED_BYTES, "{} is large", path.display());
        // Shown only when the seed panics.
        eprintln!("{}", path.display());
        read(&bytes);
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn seeds_of_adapters() {
    read_seeds("adapters", fuzz::adapters::read);
}

#[test]
fn seeds_of_archives() {
    read_seeds("archives", fuzz::archives::read);
}

#[test]
fn seeds_of_compose() {
    read_seeds("compose", fuzz::compose::read);
}

#[test]
fn seeds_of_gateway() {
    read_seeds("gateway", fuzz::gateway::read);
}

#[test]
fn seeds_of_releases() {
    read_seeds("releases", fuzz::releases::read);
}

#[test]
fn seeds_of_tuf() {
    read_seeds("tuf", fuzz::tuf::read);
}

/// Without a channel that is good, the fuzzer would never get behind the signatures.
#[test]
fn one_channel_of_the_seeds_offers_a_release() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/tuf/release.txt");
    assert!(fuzz::tuf::offers_a_release(&std::fs::read(seed).expect("a file")));
}
