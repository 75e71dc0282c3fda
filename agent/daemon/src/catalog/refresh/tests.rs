use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hearth_fetch::Limits;
use hearth_model::StoreId;
use hearth_model::api::store::{StorePhase, StoreProgress};
use hearth_model::desired::DesiredStore;
use hearth_tests::git::Repository;
use hearth_tests::tarball::{Kind, Tarball};
use hearth_tests::web::{Page, WebServer};
use tempfile::TempDir;

use super::root;
use crate::catalog::Catalog;
use crate::error::Error;

const COMPOSE: &str = "services: { web: { image: nginx:1 } }\n";

fn manifest(id: &str, version: &str) -> String {
    format!("manifest: 1\nid: {id}\nname: {id}\ntagline: x\nversion: '{version}'\ncategory: other\n")
}

/// Returns an archive of a store, with the folder around everything that servers like to add.
fn archive(packages: &[(&str, &str)]) -> Tarball {
    packages.iter().fold(Tarball::default().folder("store-main/"), |tar, (id, version)| {
        tar.file(&format!("store-main/apps/{id}/app.yml"), manifest(id, version).as_bytes())
            .file(&format!("store-main/apps/{id}/compose.yml"), COMPOSE.as_bytes())
    })
}

/// A catalog with one store at an address, as a box has it.
struct Site {
    folder: TempDir,
    wanted: BTreeMap<StoreId, DesiredStore>,
}

impl Site {
    fn new(location: &str) -> Self {
        let wanted = DesiredStore { name: "Mine".to_owned(), location: location.to_owned() };
        let wanted = BTreeMap::from([(id(), wanted)]);
        Self { folder: tempfile::tempdir().expect("a folder"), wanted }
    }

    /// Starts as after a restart: nothing in memory, what is kept on the disk.
    async fn start(&self) -> Arc<Catalog> {
        let limits =
            Limits { download_bytes: 1_000_000, unpacked_bytes: 1_000_000, files: 100, ..Limits::default() };
        let catalog = Arc::new(Catalog::new(Vec::new(), self.folder.path().join("stores"), limits));
        // A store that was not fetched yet is a problem, and there all the same.
        let _ = catalog.load(|| self.wanted.clone()).await;
        catalog
    }

    async fn refresh(&self, catalog: &Arc<Catalog>) -> Result<(), String> {
        catalog.refresh(&id(), &self.wanted[&id()], |_| {}).await.map_err(|error| error.to_string())
    }
}

fn id() -> StoreId {
    "mine".parse().expect("an id")
}

fn packages(catalog: &Catalog) -> Vec<String> {
    let store = catalog.store(&id()).expect("the store");
    let version = |entry: &crate::catalog::Entry| entry.package.manifest.version.clone();
    store.packages.iter().map(|(id, entry)| format!("{id} {}", version(entry))).collect()
}

#[tokio::test]
async fn a_store_is_fetched_and_is_there_after_a_restart_without_its_server() {
    let server = WebServer::start().expect("a server");
    let page = |tar: Tarball, etag: &str| Page::File { bytes: tar.finish(), etag: Some(etag.to_owned()) };
    server.serve("/store.tar", page(archive(&[("notes", "1"), ("wiki", "1")]), "one"));
    let here = Site::new(&server.url("/store.tar"));
    let catalog = here.start().await;
    let store = catalog.store(&id()).expect("the store");
    assert!(store.record.problem.as_ref().is_some_and(|problem| problem.message.contains("not fetched yet")));

    here.refresh(&catalog).await.expect("fetched");
    assert_eq!(packages(&catalog), ["notes 1", "wiki 1"]);
    let store = catalog.store(&id()).expect("the store");
    // Everything is new in a store that was empty: that is no news.
    assert!(store.record.changes.is_none() && store.record.problem.is_none());
    here.refresh(&catalog).await.expect("unchanged");
    assert_eq!(server.requests(), ["GET /store.tar 200", "GET /store.tar 304"]);
    let again = catalog.store(&id()).expect("the store");
    assert!(again.record.refreshed_at > store.record.refreshed_at);

    server.stop();
    let catalog = here.start().await;
    assert_eq!(packages(&catalog), ["notes 1", "wiki 1"]);
    let problem = here.refresh(&catalog).await.expect_err("the server is gone");
    assert!(problem.contains("cannot be fetched"), "{problem}");
    assert_eq!(packages(&catalog), ["notes 1", "wiki 1"]);
    let record = here.start().await.store(&id()).expect("the store").record.clone();
    assert_eq!(record.refreshed_at, again.record.refreshed_at);
    assert_eq!(record.problem.map(|problem| problem.message), Some(problem));
}

#[tokio::test]
async fn what_changed_is_told_and_kept() {
    let server = WebServer::start().expect("a server");
    server.serve("/store.tar", Page::file(archive(&[("notes", "1"), ("wiki", "1")]).finish()));
    let here = Site::new(&server.url("/store.tar"));
    let catalog = here.start().await;
    here.refresh(&catalog).await.expect("fetched");
    server.serve("/store.tar", Page::file(archive(&[("notes", "2"), ("photos", "1")]).finish()));
    here.refresh(&catalog).await.expect("fetched");
    assert_eq!(packages(&catalog), ["notes 2", "photos 1"]);
    let changes = catalog.store(&id()).expect("the store").record.changes.clone().expect("changes");
    let counts = (changes.added.len(), changes.updated.len(), changes.removed.len());
    assert_eq!(counts, (1, 1, 1), "{changes:?}");
    // The same bytes under no tag change nothing, and the last changes are still told.
    here.refresh(&catalog).await.expect("unchanged");
    let kept = here.start().await.store(&id()).expect("the store").record.changes.clone();
    assert_eq!(kept, Some(changes));
}

#[tokio::test]
async fn every_refusal_leaves_the_last_good_state() {
    let server = WebServer::start().expect("a server");
    let good = archive(&[("notes", "1")]);
    server.serve("/store.tar", Page::file(good.clone().finish()));
    let here = Site::new(&server.url("/store.tar"));
    let catalog = here.start().await;
    here.refresh(&catalog).await.expect("fetched");
    let kept = fs::read_dir(here.folder.path().join("stores/mine")).expect("a folder").count();

    let many = (0..200).fold(good.clone(), |tar, number| tar.file(&format!("f{number}"), b""));
    let refused = [
        (Page::file(good.clone().file("../../outside", b"x").finish()), "leads out of its folder"),
        (Page::file(good.clone().file("/tmp/hearth-outside", b"x").finish()), "absolute path"),
        (
            Page::file(
                good.clone().file("large", &vec![b'x'; 990_000]).file("more", &[b'x'; 20_000]).finish(),
            ),
            "larger than",
        ),
        (Page::file(many.finish()), "more than the 100 files"),
        (Page::CutOff { bytes: good.clone().finish(), promised: 1_000_000 }, "broke off"),
        (Page::Endless(good.clone().finish()), "larger than"),
        (Page::file(good.finish()[..2000].to_vec()), "damaged"),
        (Page::file("<html>Sign in"), "neither a zip nor a tar"),
        (Page::Status(503), "answered 503"),
        (Page::file(Tarball::default().file("README.md", b"nothing here").finish()), "no package was found"),
        (Page::file(archive(&[("Not An Id", "1")]).finish()), "none of its 1 packages"),
        (
            Page::file(Tarball::default().entry(Kind::SymbolicLink, "apps", "/etc", b"").finish()),
            "no package was found",
        ),
    ];
    for (page, words) in refused {
        server.serve("/store.tar", page);
        let problem = here.refresh(&catalog).await.expect_err(words);
        assert!(problem.contains(words), "{problem}");
        assert_eq!(packages(&catalog), ["notes 1"], "{words}");
        assert_eq!(packages(&*here.start().await), ["notes 1"], "{words}");
        let now = fs::read_dir(here.folder.path().join("stores/mine")).expect("a folder").count();
        assert_eq!(now, kept, "something is left of: {words}");
        let problem_kept = catalog.store(&id()).expect("the store").record.problem.clone();
        assert_eq!(problem_kept.map(|problem| problem.message), Some(problem));
    }
    assert!(!here.folder.path().join("outside").exists() && !Path::new("/tmp/hearth-outside").exists());
    server.serve("/store.tar", Page::file(archive(&[("notes", "2")]).finish()));
    here.refresh(&catalog).await.expect("good again");
    assert_eq!(packages(&catalog), ["notes 2"]);
    assert_eq!(catalog.store(&id()).expect("the store").record.problem, None);
}

#[tokio::test]
async fn a_git_repository_is_followed_by_its_commits() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Repository::new(folder.path().join("store")).expect("git");
    let offer = |id: &str, version: &str| {
        let package = source.folder().join("apps").join(id);
        fs::create_dir_all(&package).expect("a folder");
        fs::write(package.join("app.yml"), manifest(id, version)).expect("app.yml");
        fs::write(package.join("compose.yml"), COMPOSE).expect("compose.yml");
        source.commit(version).expect("a commit")
    };
    let first = offer("notes", "1");
    let server = WebServer::start().expect("a server");
    server.serve("/git/", Page::Git(folder.path().to_owned()));
    let here = Site::new(&server.url("/git/store/.git#main"));
    let catalog = here.start().await;
    here.refresh(&catalog).await.expect("fetched");
    let revision = |catalog: &Catalog| {
        let record = catalog.store(&id()).expect("the store").record.clone();
        record.revision.expect("a commit").short().to_owned()
    };
    assert_eq!(revision(&catalog), first[..12]);
    let second = offer("notes", "2");
    here.refresh(&catalog).await.expect("fetched");
    assert_eq!(
        (packages(&catalog), revision(&catalog)),
        (vec!["notes 2".to_owned()], second[..12].to_owned())
    );
    let asked = server.requests().len();
    let catalog = here.start().await;
    here.refresh(&catalog).await.expect("unchanged");
    assert!(server.requests().len() - asked <= 2, "{:?}", server.requests());
}

#[tokio::test]
async fn a_folder_is_read_where_it_is_and_keeps_what_it_had_when_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let package = folder.path().join("apps/notes");
    fs::create_dir_all(&package).expect("a folder");
    fs::write(package.join("app.yml"), manifest("notes", "1")).expect("app.yml");
    fs::write(package.join("compose.yml"), COMPOSE).expect("compose.yml");
    let here = Site::new(&folder.path().display().to_string());
    let catalog = here.start().await;
    assert_eq!(packages(&catalog), ["notes 1"]);
    fs::write(package.join("app.yml"), manifest("notes", "2")).expect("app.yml");
    here.refresh(&catalog).await.expect("read");
    assert_eq!(packages(&catalog), ["notes 2"]);
    assert!(catalog.store(&id()).expect("the store").record.changes.is_some());
    fs::remove_dir_all(folder.path()).expect("removed");
    let problem = here.refresh(&catalog).await.expect_err("gone");
    assert!(problem.contains("cannot be read"), "{problem}");
    assert_eq!(packages(&catalog), ["notes 2"]);
}

#[tokio::test]
async fn a_store_is_prepared_before_it_is_wanted_and_forgotten_when_it_fails() {
    let server = WebServer::start().expect("a server");
    server.serve("/store.tar", Page::file(archive(&[("notes", "1")]).finish()));
    let here = Site::new(&server.url("/store.tar"));
    let catalog = Arc::new(Catalog::new(Vec::new(), here.folder.path().join("stores"), Limits::default()));
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = {
        let told = Arc::clone(&told);
        move |progress: StoreProgress| told.lock().expect("a list").push(progress.phase)
    };
    drop(catalog.prepare(&id(), &here.wanted[&id()], tell).await.expect("fetched"));
    assert!(catalog.stores().is_empty(), "it is not wanted yet");
    catalog.load(|| here.wanted.clone()).await.expect("it is kept");
    assert_eq!(packages(&catalog), ["notes 1"]);
    let mut phases = told.lock().expect("a list").clone();
    phases.dedup();
    assert_eq!(phases, [StorePhase::Fetching, StorePhase::Unpacking, StorePhase::Reading]);

    catalog.load(BTreeMap::new).await.expect("nothing to read");
    assert!(catalog.stores().is_empty() && !here.folder.path().join("stores/mine").exists());
    let nowhere = DesiredStore { name: "x".to_owned(), location: server.url("/gone.zip") };
    let error = catalog.prepare(&id(), &nowhere, |_| {}).await.map(drop).expect_err("nothing there");
    assert!(matches!(error, Error::Store(_)), "{error}");
    assert!(!here.folder.path().join("stores/mine").exists());
    let nonsense = DesiredStore { name: "x".to_owned(), location: "somewhere".to_owned() };
    assert!(catalog.prepare(&id(), &nonsense, |_| {}).await.is_err());
}

#[tokio::test]
async fn a_store_is_refreshed_once_at_a_time_and_can_be_given_up() {
    let server = WebServer::start().expect("a server");
    server.serve("/store.tar", Page::Drip);
    let here = Site::new(&server.url("/store.tar"));
    let catalog = here.start().await;
    let going = tokio::spawn({
        let (catalog, wanted) = (Arc::clone(&catalog), here.wanted[&id()].clone());
        async move { catalog.refresh(&id(), &wanted, |_| {}).await }
    });
    while catalog.progress(&id()).is_none() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(catalog.refresh(&id(), &here.wanted[&id()], |_| {}).await, Err(Error::Conflict(_))));
    going.abort();
    assert!(going.await.is_err_and(|error| error.is_cancelled()));
    while catalog.progress(&id()).is_some() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn one_folder_around_everything_is_taken_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path();
    fs::create_dir_all(tree.join("store-main/apps")).expect("a folder");
    assert_eq!(root(tree), tree.join("store-main"));
    assert_eq!(root(&tree.join("store-main")), tree.join("store-main"));
    fs::write(tree.join("README.md"), "x").expect("a file");
    assert_eq!(root(tree), tree);
    // A store of one package is no folder around a store.
    let one = tempfile::tempdir().expect("a folder");
    fs::create_dir(one.path().join("wiki")).expect("a folder");
    fs::write(one.path().join("wiki/umbrel-app.yml"), "x").expect("a file");
    assert_eq!(root(one.path()), one.path());
}
