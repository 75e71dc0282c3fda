use std::thread;
use std::time::Duration;

use hearth_tests::git::Repository as Source;
use hearth_tests::web::{Page, WebServer};
use tempfile::TempDir;

use super::*;
use crate::{Cancel, Limits, Outcome, Remote, Revision};

/// A repository with one commit, behind a server at `/git/apps/.git` and, as plain files, at `/files/apps/.git`.
fn source() -> (TempDir, Source, WebServer) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Source::new(folder.path().join("apps")).expect("git");
    fs::write(source.folder().join("one"), "1").expect("a file");
    source.commit("one").expect("a commit");
    let server = WebServer::start().expect("a server");
    server.serve("/git/", Page::Git(folder.path().to_owned()));
    server.serve("/files/", Page::Folder(folder.path().to_owned()));
    (folder, source, server)
}

fn get(
    url: &str,
    branch: Option<&str>,
    known: Option<&Revision>,
    limits: Limits,
) -> (TempDir, Result<Outcome>) {
    let scratch = tempfile::tempdir().expect("a folder");
    let job = Job::new(limits, Cancel::default(), &|_| {});
    let remote = Remote::Git { url: url.to_owned(), branch: branch.map(str::to_owned) };
    let outcome = crate::fetch(&remote, known, scratch.path(), &job);
    (scratch, outcome)
}

fn fetched(url: &str, branch: Option<&str>) -> (TempDir, Revision) {
    let (scratch, outcome) = get(url, branch, None, Limits::default());
    match outcome.expect("fetched") {
        Outcome::Fetched(fetched) => (scratch, fetched.revision),
        Outcome::Unchanged(revision) => panic!("{revision:?} was not known"),
    }
}

#[test]
fn a_commit_is_fetched_and_asked_about_from_then_on() {
    let (_folder, source, server) = source();
    let url = server.url("/git/apps/.git");
    let (scratch, first) = fetched(&url, None);
    assert_eq!(fs::read_to_string(scratch.path().join("tree/one")).expect("the file"), "1");
    let before = server.requests().len();
    let (_scratch, again) = get(&url, None, Some(&first), Limits::default());
    assert!(matches!(again, Ok(Outcome::Unchanged(same)) if same == first));
    // Unchanged costs two small requests: what the server can do, and where its branches stand.
    assert!(server.requests().len() - before <= 2, "{:?}", server.requests());

    fs::write(source.folder().join("two"), "2").expect("a file");
    let commit = source.commit("two").expect("a commit");
    let (scratch, outcome) = get(&url, None, Some(&first), Limits::default());
    let Ok(Outcome::Fetched(fetched)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(fetched.revision, Revision::Git { commit });
    assert!(scratch.path().join("tree/two").exists());
}

#[test]
fn a_server_that_is_a_plain_folder_serves_too() {
    let (_folder, source, server) = source();
    fs::write(source.folder().join("two"), "2").expect("a file");
    source.commit("two").expect("a commit");
    let (scratch, _) = fetched(&server.url("/files/apps/.git"), None);
    assert!(scratch.path().join("tree/two").exists());
}

#[test]
fn a_branch_or_a_tag_is_taken_where_one_is_named() {
    let (_folder, source, server) = source();
    let url = server.url("/git/apps/.git");
    source.git(&["tag", "--annotate", "--message", "first", "v1"]).expect("a tag");
    source.git(&["checkout", "--quiet", "-b", "next"]).expect("a branch");
    fs::write(source.folder().join("two"), "2").expect("a file");
    let next = source.commit("two").expect("a commit");
    source.git(&["checkout", "--quiet", "main"]).expect("main");
    let main = source.git(&["rev-parse", "main"]).expect("a commit").trim().to_owned();
    for (branch, commit, has_two) in
        [(None, &main, false), (Some("next"), &next, true), (Some("v1"), &main, false)]
    {
        let (scratch, revision) = fetched(&url, branch);
        assert_eq!(revision, Revision::Git { commit: commit.clone() }, "{branch:?}");
        assert_eq!(scratch.path().join("tree/two").exists(), has_two, "{branch:?}");
        let (_scratch, again) = get(&url, branch, Some(&revision), Limits::default());
        assert!(matches!(again, Ok(Outcome::Unchanged(_))), "{branch:?}: {again:?}");
    }
    let (_scratch, missing) = get(&url, Some("later"), None, Limits::default());
    let error = missing.expect_err("no such branch").to_string();
    assert!(error.contains("no branch or tag `later`"), "{error}");
}

#[test]
fn links_in_a_repository_are_left_out() {
    let (_folder, source, server) = source();
    std::os::unix::fs::symlink("/etc/passwd", source.folder().join("link")).expect("a link");
    source.commit("a link").expect("a commit");
    let (scratch, outcome) = get(&server.url("/git/apps/.git"), None, None, Limits::default());
    let Ok(Outcome::Fetched(fetched)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(fetched.left_out, 1);
    assert!(scratch.path().join("tree/link").symlink_metadata().is_err());
}

#[test]
fn what_is_no_repository_or_is_gone_says_so() {
    let (_folder, _source, server) = source();
    let (_scratch, outcome) = get(&server.url("/nothing"), None, None, Limits::default());
    let error = outcome.expect_err("nothing there").to_string();
    assert!(error.contains("git could not read") && error.contains("not found"), "{error}");
    let url = server.url("/git/apps/.git").replace("http://", "http://ada:secret@");
    server.stop();
    let (_scratch, outcome) = get(&url, None, None, Limits::default());
    let error = outcome.expect_err("the server is gone").to_string();
    assert!(error.contains("git could not read") && !error.contains("secret"), "{error}");
}

#[test]
fn size_and_time_are_bounded() {
    let (_folder, source, server) = source();
    let noise: Vec<u8> =
        (0..2_000_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(source.folder().join("noise"), noise).expect("a file");
    source.commit("noise").expect("a commit");
    let url = server.url("/git/apps/.git");
    let limits = Limits { download_bytes: 100_000, ..Limits::default() };
    let error = get(&url, None, None, limits).1.expect_err("too large");
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    let limits = Limits { unpacked_bytes: 100_000, ..Limits::default() };
    let error = get(&url, None, None, limits).1.expect_err("too large");
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    server.serve("/drip", Page::Drip);
    server.serve("/drip/info/refs", Page::Drip);
    let limits = Limits { time: Duration::from_millis(500), ..Limits::default() };
    let error = get(&server.url("/drip"), None, None, limits).1.expect_err("too slow");
    assert!(matches!(error, Error::TimedOut(_)), "{error}");
}

#[test]
fn a_password_reaches_its_server_and_no_list_of_processes() {
    let (folder, _source, server) = source();
    // `ada`, and a password with what addresses write as escapes.
    let page = Page::Git(folder.path().to_owned());
    server.serve("/git/", Page::Authorized("Basic YWRhOnM6ZUAgY3JldC8=".to_owned(), Box::new(page)));
    let url = server.url("/git/apps/.git").replace("http://", "http://ada:s%3Ae%40%20cret%2F@");
    let (scratch, _) = fetched(&url, None);
    assert!(scratch.path().join("tree/one").exists());

    // A server that is slow leaves time to look at everything that runs.
    server.serve("/drip/info/refs", Page::Drip);
    let url = server.url("/drip").replace("http://", "http://ada:only-the-server-knows@");
    let asks = thread::spawn(move || {
        let limits = Limits { time: Duration::from_secs(3), ..Limits::default() };
        get(&url, None, None, limits).1.expect_err("too slow")
    });
    let mut seen = String::new();
    while !asks.is_finished() {
        for line in command_lines() {
            assert!(!line.contains("only-the-server-knows"), "{line}");
            if line.contains("remote-http") && line.contains("/drip") {
                seen = line;
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    asks.join().expect("no panic");
    assert!(!seen.is_empty(), "git's helper was never seen");
}

#[test]
fn a_password_is_not_given_to_another_server() {
    let (folder, _source, server) = source();
    let other = WebServer::start().expect("a server");
    let page = Page::Git(folder.path().to_owned());
    other.serve("/git/", Page::Authorized("Basic YWRhOnNlY3JldA==".to_owned(), Box::new(page)));
    let there = other.url("/git/apps/.git/info/refs?service=git-upload-pack");
    server.serve("/moved/info/refs", Page::Redirect(there));
    let url = server.url("/moved").replace("http://", "http://ada:secret@");
    let (_scratch, outcome) = get(&url, None, None, Limits::default());
    outcome.expect_err("the other server wants a password that is not its own");
    assert!(!other.requests().is_empty(), "the way there is followed");
    assert!(other.requests().iter().all(|line| line.ends_with("401")), "{:?}", other.requests());
}

/// The command line of every process that can be seen, with spaces.
fn command_lines() -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(io::Result::ok);
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}
