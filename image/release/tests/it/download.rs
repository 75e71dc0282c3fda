use std::fs;
use std::time::{Duration, Instant};

use hearth_fetch::Cancel;
use hearth_model::os::Channel;
use hearth_tests::web::{Page, WebServer};
use hearth_update::Error;
use hearth_update::chunk::BLOCK_BYTES;
use hearth_update::release::FileRole;
use hearth_update::source::Source;

use crate::channel::{Maker, noise, version, web};

const ROOT_BYTES: usize = 6_000_000;

#[test]
fn a_release_comes_over_the_web_and_from_a_stick_as_the_same_bytes() {
    let maker = Maker::new();
    let root = noise(ROOT_BYTES, 1);
    maker.publish(version(1), Channel::Stable, &root);
    let server = WebServer::start().expect("a server");
    server.serve("/os/", Page::Folder(maker.served()));
    for source in [web(&server.url("/os/")), Source::Folder(maker.served())] {
        let hearth = maker.new_box();
        let offer = hearth.ask(&source).expect("an offer");
        assert_eq!((offer.release.version, offer.release.notes.as_str()), (version(1), "Faster."));
        let done = hearth.download(&offer).expect("a download");
        assert_eq!(fs::read(&done.files[0]).expect("the root"), root);
        let made = maker.dir.path().join("1.0.1/hearth_1.0.1.efi");
        assert_eq!(fs::read(&done.files[2]).expect("the kernel"), fs::read(made).expect("the kernel"));
        assert_eq!(done.progress.done_bytes, done.progress.total_bytes);
        assert_eq!(done.progress.fetched_bytes, done.progress.fetch_bytes);
        // What is whole is not fetched again.
        assert_eq!(hearth.download(&offer).expect("a download").progress.fetched_bytes, 0);
    }
}

#[test]
fn only_what_the_slot_that_runs_lacks_is_fetched() {
    let maker = Maker::new();
    let old = noise(ROOT_BYTES, 1);
    // Something grew in the middle, and all behind it moved by some blocks, as erofs has it.
    let (cut, grown) = (488 * BLOCK_BYTES, 12 * BLOCK_BYTES);
    let new = [&old[..cut], &noise(grown, 2)[..], &old[cut + 2 * BLOCK_BYTES..]].concat();
    maker.publish(version(2), Channel::Stable, &new);
    let mut hearth = maker.new_box();
    // A slot is larger than what is in it.
    let slot = hearth.dir.path().join("slot");
    fs::write(&slot, [&old[..], &vec![0; 2_000_000]].concat()).expect("a slot");
    hearth.have.insert(FileRole::Root, slot);
    hearth.have.insert(FileRole::Uki, maker.files(version(1), &old).join("hearth_1.0.1.efi"));
    let offer = hearth.ask(&Source::Folder(maker.served())).expect("an offer");
    let done = hearth.download(&offer).expect("a download");
    assert_eq!(fs::read(&done.files[0]).expect("the root"), new);
    let fetched = done.progress.fetched_bytes;
    assert!(fetched < 350_000, "{fetched} of {} bytes", done.progress.total_bytes);
}

#[test]
fn a_download_goes_on_after_a_cut_at_any_byte() {
    let maker = Maker::new();
    let root = noise(ROOT_BYTES, 3);
    maker.publish(version(1), Channel::Stable, &root);
    let server = WebServer::start().expect("a server");
    let hearth = maker.new_box();
    server.serve("/", Page::Folder(maker.served()));
    let offer = hearth.ask(&web(&server.url(""))).expect("an offer");
    let mut fetched = 0;
    let mut cuts = 0;
    let done = loop {
        // Never the same place, never a boundary.
        server.serve("/", Page::BreakingFolder(maker.served(), 300_001 + 77_777 * cuts));
        let progress = std::cell::Cell::new(0);
        let job = hearth_update::download::Job {
            offer: &offer,
            folder: &hearth.partial(),
            have: &hearth.have,
            rate: None,
            cancel: Cancel::default(),
            progress: &|now| progress.set(now.fetched_bytes),
        };
        let ended = hearth_update::download::download(&job);
        fetched += progress.get();
        match ended {
            Ok(done) => break done,
            Err(error) => assert!(error.is_passing(), "{error}"),
        }
        cuts += 1;
        assert!(cuts < 60, "it goes on");
    };
    assert!(cuts > 3, "{cuts} cuts");
    assert_eq!(fs::read(&done.files[0]).expect("the root"), root);
    let total = done.progress.total_bytes;
    assert!(fetched < total + total / 10, "{fetched} bytes for {total}: what was there was fetched again");
}

#[test]
fn what_a_cut_left_half_written_is_fetched_again() {
    let maker = Maker::new();
    let root = noise(ROOT_BYTES, 4);
    maker.publish(version(1), Channel::Stable, &root);
    let hearth = maker.new_box();
    let offer = hearth.ask(&Source::Folder(maker.served())).expect("an offer");
    let whole = hearth.download(&offer).expect("a download").files[0].clone();
    for damage in [0, 1_234_567, ROOT_BYTES - 1] {
        let mut bytes = fs::read(&whole).expect("the root");
        bytes[damage] ^= 1;
        fs::write(&whole, &bytes[..bytes.len() - 5]).expect("damaged");
        let done = hearth.download(&offer).expect("a download");
        assert_eq!(fs::read(&whole).expect("the root"), root);
        assert!(done.progress.fetched_bytes < 800_000, "{}", done.progress.fetched_bytes);
    }
}

#[test]
fn a_server_without_ranges_serves_as_well() {
    let maker = Maker::new();
    let old = noise(2_000_000, 1);
    let new = [&old[..1_000_000], &noise(900_000, 2)[..]].concat();
    maker.publish(version(2), Channel::Stable, &new);
    let server = WebServer::start().expect("a server");
    server.serve("/", Page::Folder(maker.served()));
    let mut hearth = maker.new_box();
    let slot = hearth.dir.path().join("slot");
    fs::write(&slot, &old).expect("a slot");
    hearth.have.insert(FileRole::Root, slot);
    let offer = hearth.ask(&web(&server.url(""))).expect("an offer");
    // Each file by itself is served whole, whatever part is asked for.
    for entry in fs::read_dir(maker.served().join("targets")).expect("targets") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        server.serve(&format!("/targets/{name}"), Page::file(fs::read(&path).expect("a target")));
    }
    server.serve("/", Page::Status(500));
    let done = hearth.download(&offer).expect("a download");
    assert_eq!(fs::read(&done.files[0]).expect("the root"), new);
}

#[test]
fn the_rate_is_kept_and_a_download_is_given_up_at_once() {
    let maker = Maker::new();
    maker.publish(version(1), Channel::Stable, &noise(1_000_000, 5));
    let hearth = maker.new_box();
    let offer = hearth.ask(&Source::Folder(maker.served())).expect("an offer");
    let start = Instant::now();
    hearth.download_at(&offer, Some(1_000_000), &Cancel::default()).expect("a download");
    assert!(start.elapsed() > Duration::from_millis(1100), "{:?}", start.elapsed());

    let hearth = maker.new_box();
    let cancel = Cancel::default();
    let stop = cancel.clone();
    let start = Instant::now();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        stop.cancel();
    });
    let ended = hearth.download_at(&offer, Some(10_000), &cancel);
    assert!(matches!(ended, Err(Error::Cancelled)), "{ended:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn files_of_another_release_are_removed() {
    let maker = Maker::new();
    maker.publish(version(2), Channel::Stable, &noise(100_000, 1));
    let hearth = maker.new_box();
    fs::create_dir_all(hearth.partial()).expect("a folder");
    fs::write(hearth.partial().join("hearth_1.0.1.root"), b"half").expect("a file");
    let offer = hearth.ask(&Source::Folder(maker.served())).expect("an offer");
    hearth.download(&offer).expect("a download");
    assert!(!hearth.partial().join("hearth_1.0.1.root").exists());
}
