use std::fs;
use std::path::PathBuf;

use hearth_model::os::Channel;
use hearth_tests::web::{Page, WebServer};
use hearth_update::Error;
use hearth_update::source::Source;

use crate::channel::{Maker, TestBox, noise, version, web};

/// An honest channel, a box that has asked it once, and a server that can lie about it.
struct Stage {
    maker: Maker,
    hearth: TestBox,
    server: WebServer,
}

impl Stage {
    fn new() -> Self {
        let maker = Maker::new();
        maker.publish(version(1), Channel::Stable, &noise(400_000, 1));
        let server = WebServer::start().expect("a server");
        server.serve("/", Page::Folder(maker.served()));
        let hearth = maker.new_box();
        hearth.ask(&web(&server.url(""))).expect("an offer");
        Self { maker, hearth, server }
    }

    /// Asks, and holds that nothing was written and the reason is for people.
    fn refused(&self) -> Error {
        let before = self.hearth.written();
        let error = self.hearth.ask(&web(&self.server.url(""))).expect_err("it is refused");
        assert!(self.hearth.written() == before, "{error}: something was written");
        assert!(error.to_string().len() > 40, "{error}");
        // Once it is honest again, everything is as before.
        self.server.serve("/", Page::Folder(self.maker.served()));
        error
    }

    fn target(&self, suffix: &str) -> PathBuf {
        let targets = fs::read_dir(self.maker.served().join("targets")).expect("targets");
        let mut paths = targets.map(|entry| entry.expect("an entry").path());
        paths.find(|path| path.to_string_lossy().ends_with(suffix)).expect("a target")
    }

    fn serve_instead(&self, path: &str, page: Page) {
        self.server.serve(path, page);
    }
}

/// Whether an error says what is wrong.
type Fits = fn(&Error) -> bool;

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

#[test]
fn keys_of_somebody_else_are_not_trusted() {
    let stage = Stage::new();
    let other = Maker::new();
    other.publish(version(9), Channel::Stable, &noise(100_000, 1));
    stage.server.serve("/", Page::Folder(other.served()));
    let error = stage.refused();
    assert!(matches!(&error, Error::Untrusted { role } if role == "timestamp"), "{error:?}");
}

#[test]
fn a_changed_file_is_not_trusted() {
    let stage = Stage::new();
    let path = stage.maker.served().join("metadata/timestamp.json");
    let text = fs::read_to_string(path).expect("a timestamp");
    // Somebody makes it count for longer.
    let changed = text.replacen("\"expires\": \"20", "\"expires\": \"21", 1);
    assert_ne!(text, changed);
    stage.serve_instead("/metadata/timestamp.json", Page::file(changed));
    let error = stage.refused();
    assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
}

#[test]
fn a_channel_that_is_held_back_is_found_out_when_it_expires() {
    let stage = Stage::new();
    stage.maker.repository().valid_for_days(0).renew().expect("signed");
    let error = stage.refused();
    assert!(matches!(&error, Error::Expired { expired_role } if expired_role == "timestamp"), "{error:?}");
    assert!(
        error.to_string().starts_with("the channel's timestamp is signed for a time that is over"),
        "{error}"
    );
}

#[test]
fn a_clock_that_is_held_back_does_not_bring_expired_metadata_back() {
    let mut stage = Stage::new();
    // As the box sees it when its clock is a day behind its image.
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    stage.hearth.trust.built_at = tomorrow;
    let error = stage.refused();
    assert!(matches!(error, Error::ClockWentBack) && error.is_passing(), "{error:?}");
    // Once the clock is right it goes on.
    stage.hearth.trust.built_at = jiff::Timestamp::now();
    stage.hearth.ask(&web(&stage.server.url(""))).expect("an offer");
}

#[test]
fn an_older_copy_of_the_channel_is_refused() {
    let stage = Stage::new();
    let old = stage.maker.dir.path().join("old");
    copy(&stage.maker.served(), &old);
    stage.maker.publish(version(2), Channel::Stable, &noise(400_000, 2));
    let offer = stage.hearth.ask(&web(&stage.server.url(""))).expect("an offer");
    assert_eq!(offer.release.version, version(2));
    stage.server.serve("/", Page::Folder(old));
    let error = stage.refused();
    assert!(matches!(error, Error::RolledBack { .. }), "{error:?}");
}

#[test]
fn files_of_two_states_of_the_channel_are_not_mixed() {
    let stage = Stage::new();
    let metadata = stage.maker.served().join("metadata");
    let old = fs::read(metadata.join("1.targets.json")).expect("targets");
    stage.maker.publish(version(2), Channel::Stable, &noise(400_000, 2));
    stage.serve_instead("/metadata/2.targets.json", Page::file(old));
    let error = stage.refused();
    assert!(matches!(&error, Error::Mixed(name) if name.contains("targets")), "{error:?}");
}

#[test]
fn what_is_cut_off_is_refused() {
    for (name, is_signed_by_size) in
        [("timestamp.json", false), ("1.snapshot.json", true), ("1.targets.json", true)]
    {
        let stage = Stage::new();
        let bytes = fs::read(stage.maker.served().join("metadata").join(name)).expect("metadata");
        stage.serve_instead(&format!("/metadata/{name}"), Page::file(&bytes[..bytes.len() / 2]));
        let error = stage.refused();
        let fits = if is_signed_by_size {
            matches!(error, Error::Mixed(_))
        } else {
            matches!(error, Error::Unreadable { .. })
        };
        assert!(fits, "{name}: {error:?}");
    }
}

#[test]
fn what_has_no_end_is_refused() {
    for name in ["timestamp.json", "1.snapshot.json", "2.root.json"] {
        let stage = Stage::new();
        stage.serve_instead(&format!("/metadata/{name}"), Page::Endless(b"{".to_vec()));
        let error = stage.refused();
        assert!(matches!(error, Error::Endless(_)), "{name}: {error:?}");
    }
}

#[test]
fn a_server_that_trickles_is_given_up() {
    let stage = Stage::new();
    stage.serve_instead("/metadata/timestamp.json", Page::Drip);
    let error = stage.refused();
    assert!(matches!(error, Error::Slow { .. }) && error.is_passing(), "{error:?}");
}

#[test]
fn a_missing_channel_is_told_from_a_lying_one() {
    let stage = Stage::new();
    stage.server.serve("/", Page::Status(404));
    let error = stage.refused();
    assert!(matches!(error, Error::Missing(_)) && error.is_passing(), "{error:?}");
    let hearth = stage.maker.new_box();
    let error = hearth.ask(&Source::Folder("/nowhere/at/all".into())).expect_err("nothing is there");
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
}

#[test]
fn a_release_for_other_boxes_is_none() {
    let stage = Stage::new();
    let mut hearth = stage.maker.new_box();
    hearth.trust.board = "raspberry-pi-5".to_owned();
    let error = hearth.ask(&Source::Folder(stage.maker.served())).expect_err("there is none");
    assert!(matches!(error, Error::NoRelease(_)), "{error:?}");
    // The other channel has nothing yet either.
    let error =
        stage.hearth.trust.ask(&Source::Folder(stage.maker.served()), Channel::Beta).expect_err("none");
    assert!(matches!(error, Error::NoRelease(_)), "{error:?}");
}

#[test]
fn a_pack_that_lies_is_refused_and_nothing_false_is_kept() {
    let stage = Stage::new();
    let offer = stage.hearth.ask(&web(&stage.server.url(""))).expect("an offer");
    let pack = stage.target(".root.pack");
    let path = format!("/targets/{}", pack.file_name().expect("a name").to_string_lossy());
    let honest = fs::read(&pack).expect("a pack");
    let mut flipped = honest.clone();
    flipped[200_000] ^= 1;
    let zeros = vec![0; honest.len()];
    let cases: [(Page, Fits); 5] = [
        (Page::file(flipped), |error| matches!(error, Error::Mixed(_))),
        (Page::file(zeros), |error| matches!(error, Error::Mixed(_))),
        (Page::Endless(Vec::new()), |error| matches!(error, Error::Mixed(_))),
        (Page::CutOff { bytes: honest[..9000].to_vec(), promised: honest.len() }, Error::is_passing),
        (Page::Drip, |error| matches!(error, Error::Slow { .. } | Error::Mixed(_))),
    ];
    for (number, (page, fits)) in cases.into_iter().enumerate() {
        let hearth = stage.maker.new_box();
        stage.serve_instead(&path, page);
        let error = hearth.download(&offer).expect_err("it is refused");
        assert!(fits(&error), "case {number}: {error:?}");
        // What is in the file is right, or a hole.
        let kept = fs::read(hearth.partial().join("hearth_1.0.1.root")).expect("a file");
        let root = noise(400_000, 1);
        assert!(kept.iter().zip(&root).all(|(kept, right)| kept == right || *kept == 0), "case {number}");
    }
}

#[test]
fn a_version_is_published_once() {
    let stage = Stage::new();
    let files = stage.maker.files(version(1), &noise(400_000, 8));
    let new = hearth_release::repository::NewRelease {
        version: version(1),
        board: crate::channel::BOARD,
        channel: Channel::Stable,
        files: &files,
        notes: "Other bits under the same number.",
        sbom: None,
        released_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let error = stage.maker.repository().publish(&new).expect_err("it is refused");
    assert!(error.to_string().contains("another number"), "{error}");
    stage.hearth.ask(&web(&stage.server.url(""))).expect("it is as it was");
}
