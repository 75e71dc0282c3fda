/// Stores of umbrelOS whose packages share the beginning of their ids.
mod community;
/// Stores behind HTTPS.
mod https;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::api::store::{AddStore, AddedStore, PackageSummary, StoreSummary};
use hearth_tests::client::{Client, Refused};
use hearth_tests::git::Repository;
use hearth_tests::hearth::HearthSetup;
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::process::run;
use hearth_tests::store::{StoreFolder, TestPackage};
use hearth_tests::tarball::{Kind, Tarball};
use hearth_tests::web::{Page, WebServer};
use serde_json::Value;

use crate::apps::{PATIENCE, Site};

const COMPOSE: &str = "services:\n  web:\n    image: busybox:1\n";

/// A server with stores, and how to start a Hearth that has none, and no engine.
struct Shop {
    server: WebServer,
    setup: HearthSetup,
}

impl Shop {
    fn new(machine: &Machine) -> Result<Self> {
        let empty = StoreFolder::new(machine, "built-in")?;
        let mut setup = HearthSetup::new(machine, machine.path("no-engine.sock"), empty.path())?;
        setup.stores.clear();
        Ok(Self { server: WebServer::start()?, setup })
    }
}

/// Writes a package into a folder of packages.
fn write(store: &StoreFolder, id: &str, version: &str) -> Result<()> {
    store.write(&TestPackage { id, version, web: None, compose: COMPOSE })
}

/// Returns a tar archive of a store with one package, in a folder as servers like to have it.
fn archive(id: &str, version: &str) -> Tarball {
    let manifest = format!(
        "manifest: 1\nid: {id}\nname: {id}\ntagline: Shows how Hearth behaves\nversion: \"{version}\"\ncategory: other\n"
    );
    Tarball::default()
        .file(&format!("store-main/apps/{id}/app.yml"), manifest.as_bytes())
        .file(&format!("store-main/apps/{id}/compose.yml"), COMPOSE.as_bytes())
}

fn add(client: &Client, id: &str, location: String) -> Result<AddedStore> {
    let request = AddStore { id: id.parse()?, name: id.to_owned(), location };
    client.send("POST", "stores", &request)
}

fn refresh(client: &Client, id: &str) -> Result<StoreSummary> {
    client.send("POST", &format!("stores/{id}/refresh"), &())
}

fn store(client: &Client, id: &str) -> Result<StoreSummary> {
    let stores: Vec<StoreSummary> = client.get("stores")?;
    stores.into_iter().find(|store| store.id.as_str() == id).context("the store is not listed")
}

/// Returns every package on offer with its version.
fn packages(client: &Client) -> Result<Vec<String>> {
    let packages: Vec<PackageSummary> = client.get("store/packages")?;
    Ok(packages.into_iter().map(|package| format!("{} {}", package.package, package.version)).collect())
}

/// Returns what the owner reads when something is refused.
fn reason<T: std::fmt::Debug>(result: Result<T>) -> Result<String> {
    let error = result.err().context("it was not refused")?;
    let refused = error.downcast::<Refused>().context("Hearth did not answer")?;
    Ok(refused.problem.context("an answer without a reason")?.detail)
}

#[test]
fn archives_of_every_kind_are_added_browsed_and_removed() -> Result<()> {
    on_a_machine(|machine| {
        let shop = Shop::new(machine)?;
        let source = StoreFolder::new(machine, "source")?;
        write(&source, "notes", "1")?;
        let folder = source.path().to_str().context("text")?;
        for (name, flag) in [("one.tar.gz", "-czf"), ("two.tar", "-cf")] {
            let file = machine.path(name);
            run("tar", &[flag, file.to_str().context("text")?, "-C", folder, "."])?;
            shop.server.serve(&format!("/{name}"), Page::file(fs::read(file)?));
        }
        let hearth = shop.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        for (id, location) in [
            ("gzip", shop.server.url("/one.tar.gz")),
            ("plain", shop.server.url("/two.tar")),
            ("here", folder.to_owned()),
        ] {
            let added = add(&client, id, location)?;
            ensure!(added.store.packages == 1 && added.store.refreshed_at.is_some(), "{added:?}");
        }
        ensure!(packages(&client)? == ["notes 1"; 3], "packages are {:?}", packages(&client)?);
        let taken = reason(add(&client, "here", folder.to_owned()))?;
        ensure!(taken.contains("there is a store `here` already"), "{taken}");
        for id in ["gzip", "plain", "here"] {
            client.act("DELETE", &format!("stores/{id}"))?;
        }
        ensure!(packages(&client)?.is_empty() && client.get::<Vec<StoreSummary>>("stores")?.is_empty());
        ensure!(
            fs::read_dir(shop.setup.state.join("stores"))?.next().is_none(),
            "files of removed stores stay"
        );
        Ok(())
    })
}

#[test]
fn a_store_outlives_its_server_and_a_kill() -> Result<()> {
    on_a_machine(|machine| {
        let shop = Shop::new(machine)?;
        let page = Page::File { bytes: archive("notes", "1").finish(), etag: Some("one".to_owned()) };
        shop.server.serve("/store.tar", page);
        let hearth = shop.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        let added = add(&client, "mine", shop.server.url("/store.tar"))?.store;
        refresh(&client, "mine")?;
        ensure!(
            shop.server.requests() == ["GET /store.tar 200", "GET /store.tar 304"],
            "it was fetched twice"
        );
        shop.server.stop();
        let gone = reason(refresh(&client, "mine"))?;
        ensure!(gone.contains("cannot be fetched") && gone.contains("check the address"), "{gone}");
        let now = store(&client, "mine")?;
        ensure!(now.packages == 1 && now.refreshed_at > added.refreshed_at, "{now:?}");
        ensure!(now.problem.as_ref().is_some_and(|problem| problem.message == gone), "{now:?}");

        hearth.kill()?;
        let hearth = shop.setup.start()?;
        let client = hearth.client();
        client.sign_in()?;
        ensure!(packages(&client)? == ["notes 1"]);
        ensure!(store(&client, "mine")? == now, "a restart forgot something");
        Ok(())
    })
}

#[test]
fn hostile_archives_change_nothing() -> Result<()> {
    on_a_machine(|machine| {
        let shop = Shop::new(machine)?;
        let good = || archive("notes", "1");
        shop.server.serve("/store.tar", Page::file(good().finish()));
        let hearth = shop.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        add(&client, "mine", shop.server.url("/store.tar"))?;
        let files = list(&shop.setup.state.join("stores"))?;

        let outside = machine.path("outside");
        let absolute = outside.to_str().context("text")?;
        let pages = [
            (Page::file(good().file("../../../../outside", b"x").finish()), "leads out of its folder"),
            (Page::file(good().file(absolute, b"x").finish()), "absolute path"),
            (Page::CutOff { bytes: good().finish(), promised: 1_000_000 }, "broke off"),
            (Page::file(good().finish()[..1300].to_vec()), "damaged or incomplete"),
            (Page::Endless(good().finish()), "larger than the"),
            (Page::file("<html>Please sign in</html>"), "neither a zip nor a tar"),
            (Page::Status(500), "answered 500"),
            (
                Page::file(Tarball::default().entry(Kind::SymbolicLink, "apps", "/etc", b"").finish()),
                "no package",
            ),
        ];
        for (page, words) in pages {
            shop.server.serve("/store.tar", page);
            let reason = reason(refresh(&client, "mine"))?;
            ensure!(reason.contains(words), "expected `{words}`: {reason}");
            ensure!(packages(&client)? == ["notes 1"], "{words}: packages changed");
            ensure!(list(&shop.setup.state.join("stores"))? == files, "{words}: files are left");
            ensure!(store(&client, "mine")?.problem.is_some_and(|problem| problem.message == reason));
        }
        ensure!(!outside.exists(), "an archive wrote outside its folder");

        // What goes through a link of the archive's own ends in the store's folder too.
        let linked = good()
            .entry(Kind::SymbolicLink, "store-main/away", absolute, b"")
            .file("store-main/away/file", b"x");
        shop.server.serve("/store.tar", Page::file(linked.finish()));
        refresh(&client, "mine")?;
        ensure!(!outside.exists() && store(&client, "mine")?.problem.is_none());
        Ok(())
    })
}

#[test]
fn a_git_store_is_followed_from_the_command_line() -> Result<()> {
    on_a_machine(|machine| {
        let shop = Shop::new(machine)?;
        let repository = Repository::new(machine.path("git/apps"))?;
        fs::create_dir(repository.folder().join("apps"))?;
        let offer = |id: &str, version: &str| -> Result<()> {
            let tar = machine.path("package.tar");
            fs::write(&tar, archive(id, version).finish())?;
            let (tar, to) = (tar.to_str().context("text")?, repository.folder().to_str().context("text")?);
            // With today's times: git looks at those before it looks at the content.
            run("tar", &["-xmf", tar, "-C", to, "--strip-components=1"])?;
            repository.commit(version).map(|_| ())
        };
        offer("notes", "1")?;
        shop.server.serve("/git/", Page::Git(machine.path("git")));
        let hearth = shop.setup.start()?;
        let both = |arguments: &[&str]| -> Result<[String; 2]> {
            let output = hearth.command_line(arguments)?;
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(output.status.success(), "`hearth {}` failed: {error}", arguments.join(" "));
            Ok([String::from_utf8(output.stdout)?, error])
        };
        let command = |arguments: &[&str]| both(arguments).map(|[output, _]| output);
        let url = shop.server.url("/git/apps/.git#main");
        let [added, notes] = both(&["store", "add", &url, "--id", "apps", "--name", "My apps"])?;
        ensure!(added.contains("apps is added: 1 package"), "{added}");
        ensure!(notes.contains("apps comes over plain http"), "{notes}");
        ensure!(command(&["store", "list"])?.contains("apps comes over plain http"));
        ensure!(command(&["store", "refresh"])?.contains("nothing changed"));
        offer("notes", "2")?;
        offer("wiki", "1")?;
        let fresh = command(&["store", "refresh", "apps"])?;
        ensure!(fresh.contains("new: wiki") && fresh.contains("updated: notes 1 → 2"), "{fresh}");
        let stores: Value = serde_json::from_str(&command(&["store", "list", "--json"])?)?;
        ensure!(stores.pointer("/0/packages") == Some(&Value::from(2)), "{stores}");
        ensure!(command(&["store", "search", "--store", "apps"])?.contains("wiki"));

        let report: Value = serde_json::from_str(&command(&["store", "check", &url, "--json"])?)?;
        ensure!(report.pointer("/totals/plans") == Some(&Value::from(2)), "{report}");
        let missing = hearth.command_line(&["store", "add", &shop.server.url("/nothing.zip")])?;
        let words = String::from_utf8_lossy(&missing.stderr).into_owned();
        ensure!(!missing.status.success() && words.contains("answered 404"), "{words}");
        command(&["store", "remove", "apps"])?;
        ensure!(command(&["store", "search"])?.contains("nothing was found"));
        Ok(())
    })
}

#[test]
fn an_app_outlives_the_store_that_it_came_from() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("page", "1", 8090)?;
        let archive = machine.path("store.tar.gz");
        let (file, folder) = (archive.to_str().context("text")?, site.store.path().to_str().context("text")?);
        run("tar", &["-czf", file, "-C", folder, "."])?;
        let server = WebServer::start()?;
        server.serve("/store.tar.gz", Page::file(fs::read(&archive)?));
        site.setup.stores.clear();
        let (_hearth, client) = site.set_up()?;
        add(&client, "mine", server.url("/store.tar.gz"))?;
        client.install("mine", "page")?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        let apps = store(&client, "mine")?.apps;
        ensure!(apps.len() == 1 && apps[0].as_str() == "page", "apps are {apps:?}");
        client.act("DELETE", "stores/mine")?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        ensure!(crate::apps::page(8090)?.contains("it works"));
        Ok(())
    })
}

/// Returns the names of everything below a folder.
fn list(folder: &Path) -> Result<Vec<String>> {
    let found = run("find", &[folder.to_str().context("text")?])?;
    let mut names: Vec<String> = found.lines().map(str::to_owned).collect();
    names.sort();
    Ok(names)
}
