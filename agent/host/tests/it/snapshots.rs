use std::fs;
use std::os::unix::fs::MetadataExt;

use hearth_host::data::Error;
use hearth_model::observed::DataState;
use rustix::fs::{CWD, RenameFlags};

use crate::support::{State, app, describe, fill};

#[test]
fn a_snapshot_is_like_the_original_and_stays_so() {
    for state in State::each() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        let dir = state.folder(&blog);
        fill(&dir);
        let before = describe(&dir);
        state.data.snapshot(&blog, "s1").expect("copied");
        let copy = state.snapshots(&blog).join("s1");
        assert_eq!(describe(&copy), before);
        assert_eq!(
            fs::metadata(copy.join("same-table")).expect("there").ino(),
            fs::metadata(copy.join("db/deep/table")).expect("there").ino(),
        );
        fs::write(dir.join("db/deep/table"), "changed").expect("written");
        fs::remove_file(dir.join("old")).expect("removed");
        state.data.snapshot(&blog, "s1").expect("there already");
        assert_eq!(describe(&copy), before, "a second call changed the copy");
        assert_eq!(state.names_of_snapshots(&blog), ["s1"]);
    }
}

#[test]
fn a_restore_brings_everything_back_and_keeps_what_was_there() {
    for state in State::each() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        let dir = state.folder(&blog);
        fill(&dir);
        let before = describe(&dir);
        state.data.snapshot(&blog, "s1").expect("copied");
        assert_eq!(state.data.restored_from(&blog).expect("read"), None);
        fs::write(dir.join("db/deep/table"), "migrated").expect("written");
        for _ in 0..2 {
            state.data.restore(&blog, "s1").expect("restored");
            assert_eq!(describe(&dir), before);
            assert_eq!(state.data.restored_from(&blog).expect("read").as_deref(), Some("s1"));
            assert_eq!(state.data.state(&blog, true).expect("read"), DataState::Present);
            assert!(state.names_of_snapshots(&blog).is_empty());
            let replaced = state.snapshots(&blog).join("s1.failed/db/deep/table");
            assert_eq!(fs::read_to_string(replaced).expect("kept"), "migrated");
        }
        // The next update keeps its own copy, and no longer what was replaced.
        state.data.snapshot(&blog, "s2").expect("copied");
        assert_eq!(state.names_of_snapshots(&blog), ["s2"]);
        assert!(!state.snapshots(&blog).join("s1.failed").exists());
        fs::write(dir.join("new"), "x").expect("written");
        state.data.restore(&blog, "s2").expect("restored");
        assert_eq!(describe(&dir), before);
        assert_eq!(state.data.restored_from(&blog).expect("read").as_deref(), Some("s2"));
    }
}

#[test]
fn a_restore_killed_after_the_exchange_goes_on_from_there() {
    for state in State::each() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        let dir = state.folder(&blog);
        fs::write(dir.join("f"), "old").expect("written");
        state.data.snapshot(&blog, "s1").expect("copied");
        fs::write(dir.join("f"), "new").expect("written");
        let place = state.snapshots(&blog).join("s1");
        rustix::fs::renameat_with(CWD, &dir, CWD, &place, RenameFlags::EXCHANGE).expect("exchanged");
        assert!(state.names_of_snapshots(&blog).is_empty(), "replaced data was taken for the snapshot");
        state.data.restore(&blog, "s1").expect("goes on");
        assert_eq!(fs::read_to_string(dir.join("f")).expect("there"), "old");
        assert_eq!(fs::read_to_string(state.snapshots(&blog).join("s1.failed/f")).expect("kept"), "new");
    }
}

#[test]
fn a_snapshot_killed_half_way_is_made_anew() {
    for state in State::each() {
        let blog = app("blog");
        state.data.create(&blog).expect("made");
        fs::write(state.folder(&blog).join("f"), "whole").expect("written");
        let half = state.snapshots(&blog).join(".s1.new");
        fs::create_dir_all(half.join("some/of/it")).expect("made");
        assert!(state.names_of_snapshots(&blog).is_empty());
        state.data.snapshot(&blog, "s1").expect("made anew");
        assert_eq!(fs::read_to_string(state.snapshots(&blog).join("s1/f")).expect("there"), "whole");
        assert!(!half.exists());
        assert!(!state.snapshots(&blog).join("s1/some").exists());
    }
}

#[test]
fn a_folder_that_was_no_subvolume_becomes_one_by_its_copy() {
    let Some(state) = State::on("btrfs", "256M") else { return };
    let blog = app("blog");
    // As a folder that was copied to the disk by hand.
    fs::create_dir(state.folder(&blog)).expect("made");
    fs::write(state.folder(&blog).join("f"), "x").expect("written");
    state.data.create(&blog).expect("its marker");
    state.data.snapshot(&blog, "s1").expect("copied");
    state.data.restore(&blog, "s1").expect("restored");
    let top_of_subvolume = 256;
    assert_eq!(fs::metadata(state.folder(&blog)).expect("there").ino(), top_of_subvolume);
    assert_eq!(fs::read_to_string(state.folder(&blog).join("f")).expect("there"), "x");
}

#[test]
fn a_snapshot_on_btrfs_takes_no_room_and_no_time() {
    let Some(state) = State::on("btrfs", "512M") else { return };
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    fs::write(state.folder(&blog).join("big"), vec![7; 200 << 20]).expect("written");
    // Two copies would not fit.
    state.data.snapshot(&blog, "s1").expect("shared");
    state.data.snapshot(&blog, "s2").expect("shared");
    assert_eq!(state.names_of_snapshots(&blog), ["s1", "s2"]);
    state.data.remove_snapshot(&blog, "s1").expect("removed");
    state.data.remove_snapshot(&blog, "s1").expect("not there");
    assert_eq!(state.names_of_snapshots(&blog), ["s2"]);
}

#[test]
fn what_is_not_there_is_not_copied_and_not_put_back() {
    let state = State::here();
    let blog = app("blog");
    assert!(matches!(state.data.snapshot(&blog, "s1"), Err(Error::Missing { .. })));
    state.data.create(&blog).expect("made");
    assert!(matches!(state.data.restore(&blog, "s1"), Err(Error::Missing { .. })));
    assert_eq!(state.data.state(&blog, true).expect("read"), DataState::Present);
}

#[test]
fn a_restore_into_the_place_of_a_lost_folder_works() {
    let state = State::here();
    let blog = app("blog");
    state.data.create(&blog).expect("made");
    fs::write(state.folder(&blog).join("f"), "x").expect("written");
    state.data.snapshot(&blog, "s1").expect("copied");
    fs::remove_dir_all(state.folder(&blog)).expect("lost");
    state.data.restore(&blog, "s1").expect("restored");
    assert_eq!(fs::read_to_string(state.folder(&blog).join("f")).expect("there"), "x");
}
