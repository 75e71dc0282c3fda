use std::cell::Cell;
use std::fs;
use std::os::unix::fs::symlink;

use hearth_host::data::{Borders, Error, look};
use hearth_model::observed::DataState;

use crate::support::{State, app, describe, fill};

#[test]
fn a_folder_of_another_box_becomes_an_apps_and_the_source_stays_as_it_is() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let source = elsewhere.path().join("blog");
    fill(&source);
    let before = describe(&source);
    for state in State::each() {
        let blog = app("blog");
        let told = Cell::new(0);
        let watch = |bytes: u64| {
            told.set(told.get() + bytes);
            true
        };
        state.data.import(&blog, &source, Borders::Refuse, &watch).expect("copied");
        assert!(told.get() >= 4096, "only {} bytes were told of", told.get());
        assert_eq!(state.data.state(&blog, true).expect("read"), DataState::Present);
        assert_eq!(state.data.arriving().expect("read"), std::slice::from_ref(&blog));
        state.data.settle(&blog).expect("settled");
        assert!(state.data.arriving().expect("read").is_empty());
        assert_eq!(describe(&state.folder(&blog)), before);
        assert_eq!(describe(&source), before, "the source was changed");
        assert!(matches!(
            state.data.import(&blog, &source, Borders::Refuse, &watch),
            Err(Error::Taken { .. })
        ));
        state.data.turn_back(&blog).expect("nothing to do");
        assert_eq!(state.data.state(&blog, true).expect("read"), DataState::Present, "a settled app stays");
    }
}

#[test]
fn an_import_that_is_given_up_or_cut_off_leaves_nothing_and_can_be_done_again() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let source = elsewhere.path().join("blog");
    fill(&source);
    let state = State::here();
    let blog = app("blog");
    let given_up = state.data.import(&blog, &source, Borders::Refuse, &|_| false);
    assert!(matches!(given_up, Err(Error::GivenUp { .. })), "{given_up:?}");
    assert_eq!(fs::read_dir(state.dir.join("apps")).expect("there").count(), 0, "something was left");
    // As a kill in the middle of a copy leaves it.
    fs::create_dir(state.dir.join("apps/.blog.import")).expect("made");
    fs::write(state.dir.join("apps/.blog.import/half"), "x").expect("written");
    assert_eq!(state.data.arriving().expect("read"), std::slice::from_ref(&blog));
    state.data.import(&blog, &source, Borders::Refuse, &|_| true).expect("copied");
    assert!(!state.folder(&blog).join("half").exists());
    state.data.turn_back(&blog).expect("deleted");
    assert_eq!(state.data.state(&blog, false).expect("read"), DataState::New);
    assert_eq!(fs::read_dir(state.dir.join("apps")).expect("there").count(), 0, "something was left");
}

#[test]
fn an_import_that_would_fill_the_disk_is_not_begun() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let source = elsewhere.path().join("blog");
    fs::create_dir(&source).expect("made");
    fs::write(source.join("big"), vec![7; 80 << 20]).expect("written");
    let Some(state) = State::on("ext4", "64M") else { return };
    let error = state.data.import(&app("blog"), &source, Borders::Refuse, &|_| true).expect_err("too big");
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert_eq!(fs::read_dir(state.dir.join("apps")).expect("there").count(), 0, "something was left");
    let error =
        state.data.import_beside("library", &source, Borders::Refuse, &|_| true).expect_err("too big");
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert_eq!(fs::read_dir(state.dir.join("library")).expect("there").count(), 0, "something was left");
}

#[test]
fn files_are_brought_beside_those_that_are_there() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let source = elsewhere.path().join("home");
    fs::create_dir_all(source.join("Downloads/films")).expect("made");
    fs::write(source.join("Downloads/films/one"), "theirs").expect("written");
    fs::write(source.join("Downloads/list"), "theirs").expect("written");
    symlink("/etc", source.join("Downloads/out")).expect("linked");
    for state in State::each() {
        let library = state.dir.join("library");
        fs::create_dir_all(library.join("Downloads")).expect("made");
        fs::write(library.join("Downloads/list"), "ours").expect("written");
        assert_eq!(
            state.data.import_beside("library", &source, Borders::Refuse, &|_| true).expect("copied").0,
            1
        );
        let read = |name: &str| fs::read_to_string(library.join(name)).expect("there");
        assert_eq!(read("Downloads/list"), "ours");
        assert_eq!(read("Downloads/films/one"), "theirs");
        assert_eq!(
            fs::read_link(library.join("Downloads/out")).expect("a link"),
            std::path::Path::new("/etc")
        );
        assert_eq!(
            state.data.import_beside("library", &source, Borders::Refuse, &|_| true).expect("nothing new").0,
            3
        );
        assert_eq!(fs::read_dir(&library).expect("there").count(), 1, "something was left");
    }
}

#[test]
fn a_folder_is_measured_without_following_links() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(elsewhere.path().join("data")).expect("made");
    fs::write(elsewhere.path().join("data/file"), vec![7; 100_000]).expect("written");
    symlink("/usr", elsewhere.path().join("data/usr")).expect("linked");
    symlink("file", elsewhere.path().join("data/same")).expect("linked");
    let found = look::measure(elsewhere.path()).expect("measured");
    assert!((100_000..300_000).contains(&found.size_bytes), "{found:?}");
    assert_eq!(found.links_out, [std::path::Path::new("data/usr")]);
    let text = |name: &str, max| look::text_below(elsewhere.path(), std::path::Path::new(name), max);
    assert!(text("data/usr/bin/env", 10).is_err(), "it lies outside");
    assert!(text("data/file", 10).is_err(), "it is too large");
    assert_eq!(text("data/none", 10).expect("read"), None);
}
