use std::fs;

use hearth_tests::web::{Page, WebServer};

use super::*;
use crate::{Cancel, Limits, Progress};

/// Downloads with bounds, and returns what came of it with the file's bytes.
fn get(url: &str, known: Option<&Revision>, limits: Limits) -> (Result<Answer>, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("archive");
    let job = Job::new(limits, Cancel::default(), &|_| {});
    let answer = download(url, known, &file, &job);
    (answer, fs::read(file).unwrap_or_default())
}

fn downloaded(url: &str, known: Option<&Revision>) -> Revision {
    match get(url, known, Limits::default()).0.expect("an answer") {
        Answer::Downloaded(revision) => revision,
        Answer::Unchanged(revision) => panic!("{revision:?} is what we have"),
    }
}

fn refused(url: &str, limits: Limits) -> String {
    get(url, None, limits).0.expect_err("refused").to_string()
}

#[test]
fn an_archive_is_fetched_once_and_asked_about_from_then_on() {
    let server = WebServer::start().expect("a server");
    let (url, bytes) = (server.url("/a.zip"), b"hello".to_vec());
    server.serve("/a.zip", Page::File { bytes: bytes.clone(), etag: Some("one".into()) });
    let (answer, written) = get(&url, None, Limits::default());
    assert!(matches!(answer, Ok(Answer::Downloaded(_))) && written == bytes);
    let first = downloaded(&url, None);
    assert!(
        matches!(get(&url, Some(&first), Limits::default()).0, Ok(Answer::Unchanged(same)) if same == first)
    );
    assert_eq!(server.requests(), ["GET /a.zip 200", "GET /a.zip 200", "GET /a.zip 304"]);

    // The same bytes under another tag are the same archive, and the tag is kept.
    server.serve("/a.zip", Page::File { bytes, etag: Some("two".into()) });
    let (answer, _) = get(&url, Some(&first), Limits::default());
    let Ok(Answer::Unchanged(Revision::Archive { etag, .. })) = answer else { panic!("{answer:?}") };
    assert_eq!(etag.as_deref(), Some("\"two\""));
    server.serve("/a.zip", Page::file("other"));
    assert_ne!(downloaded(&url, Some(&first)), first);
}

#[test]
fn what_goes_wrong_says_what_happened() {
    let server = WebServer::start().expect("a server");
    server.serve("/cut.zip", Page::CutOff { bytes: vec![b'x'; 100], promised: 1000 });
    server.serve("/locked.zip", Page::Status(403));
    server.serve("/away.zip", Page::Redirect("/circle.zip".into()));
    server.serve("/circle.zip", Page::Redirect("/away.zip".into()));
    for (path, words) in [
        ("/cut.zip", "broke off"),
        ("/missing.zip", "answered 404; there is nothing at that address"),
        ("/locked.zip", "answered 403"),
        ("/away.zip", "leads elsewhere"),
    ] {
        let error = refused(&server.url(path), Limits::default());
        assert!(error.contains(words) && error.contains(path), "{error}");
    }
    let url = server.url("/a.zip");
    server.stop();
    let error = refused(&url, Limits::default());
    assert!(error.contains("cannot be fetched") && error.contains("check the address"), "{error}");
    let error = refused("http://nowhere.invalid/a.zip", Limits::default());
    assert!(error.contains("nowhere.invalid"), "{error}");
}

#[test]
fn size_and_time_are_bounded() {
    let server = WebServer::start().expect("a server");
    server.serve("/large.zip", Page::file(vec![0; 2000]));
    server.serve("/endless.zip", Page::Endless(Vec::new()));
    server.serve("/drip.zip", Page::Drip);
    let limits = Limits { download_bytes: 1000, ..Limits::default() };
    for path in ["/large.zip", "/endless.zip"] {
        let error = refused(&server.url(path), limits);
        assert_eq!(error, "the archive is larger than the 1000 bytes that are taken");
    }
    let limits = Limits { time: Duration::from_millis(300), ..limits };
    let error = refused(&server.url("/drip.zip"), limits);
    assert!(error.contains("not done within"), "{error}");
}

#[test]
fn a_download_is_given_up_while_bytes_come() {
    let server = WebServer::start().expect("a server");
    server.serve("/endless.zip", Page::Endless(Vec::new()));
    let folder = tempfile::tempdir().expect("a folder");
    let cancel = Cancel::default();
    let told = |progress: Progress| {
        if progress.bytes > 0 {
            cancel.cancel();
        }
    };
    let job = Job::new(Limits::default(), cancel.clone(), &told);
    let answer = download(&server.url("/endless.zip"), None, &folder.path().join("archive"), &job);
    assert!(matches!(answer, Err(Error::Cancelled)), "{answer:?}");
}

#[test]
fn https_is_never_left() {
    let server = WebServer::start().expect("a server");
    let url = server.url("/a.zip").replace("http:", "https:");
    let error = refused(&url, Limits::default());
    // The server speaks no TLS: nothing is asked of it in the open.
    assert!(server.requests().is_empty(), "{error}");
}
