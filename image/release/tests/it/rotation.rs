use std::fs;

use hearth_model::os::Channel;
use hearth_release::keys::Keys;
use hearth_release::repository::Repository;
use hearth_update::Error;
use hearth_update::source::Source;
use tough::schema::RoleType;

use crate::channel::{Maker, noise, version};

#[test]
fn a_box_follows_new_keys_of_every_role() {
    let maker = Maker::new();
    maker.publish(version(1), Channel::Stable, &noise(100_000, 1));
    // Its image has the first root of trust, and was off while all of this happened.
    let hearth = maker.new_box();
    for role in [RoleType::Timestamp, RoleType::Targets, RoleType::Snapshot, RoleType::Root, RoleType::Root] {
        maker.keys().rotate(role).expect("new keys");
        maker.repository().renew().expect("signed");
    }
    maker.keys().renew_root().expect("a new root");
    maker.publish(version(2), Channel::Stable, &noise(100_000, 2));
    let offer = hearth.ask(&Source::Folder(maker.served())).expect("an offer");
    assert_eq!(offer.release.version, version(2));
}

#[test]
fn a_key_that_was_replaced_signs_nothing_any_more() {
    let maker = Maker::new();
    maker.publish(version(1), Channel::Stable, &noise(100_000, 1));
    let hearth = maker.new_box();
    // Somebody takes the keys that are on the build machine; the root keys are elsewhere.
    let stolen = maker.dir.path().join("stolen");
    fs::create_dir(&stolen).expect("a folder");
    for entry in fs::read_dir(maker.dir.path().join("keys")).expect("keys") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, stolen.join(path.file_name().expect("a name"))).expect("copied");
    }
    maker.keys().rotate(RoleType::Timestamp).expect("new keys");
    maker.repository().renew().expect("signed");
    hearth.ask(&Source::Folder(maker.served())).expect("an offer");
    let theirs = Repository::new(&maker.served(), Keys::open(&stolen));
    let _ = theirs.renew();
    // Their metadata with our roots, as a server that they hold would have it.
    maker.keys().root_path();
    fs::copy(maker.dir.path().join("keys/2.root.json"), maker.served().join("metadata/2.root.json"))
        .expect("copied");
    let error = hearth.ask(&Source::Folder(maker.served())).expect_err("it is refused");
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
}

#[test]
fn one_root_key_may_be_lost_and_one_alone_is_not_enough() {
    let maker = Maker::new();
    maker.publish(version(1), Channel::Stable, &noise(100_000, 1));
    let hearth = maker.new_box();
    let keys = maker.dir.path().join("keys");
    fs::remove_file(keys.join("root-1.pk8")).expect("a key");
    maker.keys().rotate(RoleType::Timestamp).expect("new keys");
    maker.repository().renew().expect("signed");
    hearth.ask(&Source::Folder(maker.served())).expect("an offer");

    // Who has one more of them can neither begin nor have a box believe what the one has signed.
    fs::remove_file(keys.join("root-2.pk8")).expect("a key");
    let before = fs::read(keys.join("timestamp.pk8")).expect("a key");
    let error = maker.keys().rotate(RoleType::Timestamp).expect_err("one is not enough").to_string();
    assert!(error.contains("2 root keys are needed, and 1 are in"), "{error}");
    assert_eq!(fs::read(keys.join("timestamp.pk8")).expect("a key"), before, "a key was replaced");
    let path = maker.served().join("metadata/2.root.json");
    let mut root: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).expect("a root")).expect("JSON");
    root["signatures"].as_array_mut().expect("signatures").truncate(1);
    fs::write(&path, root.to_string()).expect("written");
    let error = maker.new_box_of(1).ask(&Source::Folder(maker.served())).expect_err("it is refused");
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
}

#[test]
fn a_release_is_promoted_as_the_same_bits() {
    let maker = Maker::new();
    maker.publish(version(1), Channel::Stable, &noise(100_000, 1));
    maker.publish(version(2), Channel::Beta, &noise(100_000, 2));
    let hearth = maker.new_box();
    let source = Source::Folder(maker.served());
    let beta = hearth.trust.ask(&source, Channel::Beta).expect("an offer").release;
    assert_eq!(hearth.ask(&source).expect("an offer").release.version, version(1));
    maker.repository().promote(crate::channel::BOARD, version(2), Channel::Stable).expect("promoted");
    assert_eq!(hearth.ask(&source).expect("an offer").release, beta);
    let error =
        maker.repository().promote(crate::channel::BOARD, version(3), Channel::Stable).expect_err("none");
    assert!(error.to_string().contains("is not published"), "{error}");
}
