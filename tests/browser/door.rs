use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::browser::Browser;
use hearth_tests::client::{PASSWORD, USERNAME};
use hearth_tests::engine::Engine;
use hearth_tests::machine::on_a_machine;
use hearth_tests::paths;
use hearth_tests::registry::Registry;
use hearth_tests::store::StoreFolder;
use hearth_tests::tarball::Tarball;
use hearth_tests::wait::{Answer, wait_for};
use hearth_tests::web::{Page, WebServer};
use serde_json::json;

use crate::person::{PATIENCE, Person, with_dashboard};

/// Returns ntfy of the starter store as a package for umbrelOS, in an archive.
fn archive(starter: &Path) -> Result<Vec<u8>> {
    let compose = std::fs::read_to_string(starter.join("apps/ntfy/compose.yml"))?;
    let image = compose.lines().find_map(|line| line.trim().strip_prefix("image:")).context("an image")?;
    let manifest = "manifestVersion: 1\nid: ntfy\nname: Notifier\ntagline: Tells you\nversion: '2'\nport: 8411\n\
                    category: social\npath: /v1/health\n";
    let compose = format!(
        "services:
  app_proxy: {{ environment: {{ APP_HOST: ntfy_server_1, APP_PORT: 8080 }} }}
  server:
    image: {image}
    environment: {{ NTFY_BASE_URL: 'http://127.0.0.1:8411' }}
    volumes: ['${{APP_DATA_DIR}}/data:/data']
    # It answers 503 until its page and its program are both up.
    healthcheck: {{ test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1:8080/v1/health'], interval: 1s, retries: 60 }}
"
    );
    Ok(Tarball::default()
        .file("shelf-main/ntfy/umbrel-app.yml", manifest.as_bytes())
        .file("shelf-main/ntfy/docker-compose.yml", compose.as_bytes())
        .finish())
}

#[test]
fn an_app_of_an_umbrel_store_answers_behind_the_sign_in() -> Result<()> {
    on_a_machine(|machine| {
        let starter = paths::starter()?;
        let shelf = archive(&starter.store)?;
        let engine = Engine::start(machine)?;
        let _registry = Registry::start_with_starter(machine, &starter)?;
        let empty = StoreFolder::new(machine, "store")?;
        let hearth = with_dashboard(machine, &engine, empty.path())?.start()?;
        let person = Person::at(machine, &hearth, "door")?;
        person.sign_up()?;
        let browser = &person.browser;
        let server = WebServer::start()?;
        server.serve("/shelf.tar", Page::file(shelf));

        person.add_store(&server.url("/shelf.tar"), "Shelf")?;
        person.install("Notifier")?;
        person.wait_for_state("Running")?;
        let page = browser.find("link", "=Open")?;
        let page = browser.attribute(&page, "href")?.context("the link leads somewhere")?;
        browser.open(&page)?;
        browser.wait_for_text("\"healthy\":true", PATIENCE)?;
        listen_and_send(browser)?;

        person.go("/apps/ntfy")?;
        browser.press("button", "=Sign out")?;
        browser.find("textbox", "Name")?;
        let bookmark = format!("{page}?from=a%20bookmark&x=/y#below");
        browser.open(&bookmark)?;
        browser.find("textbox", "Name")?;
        browser.screenshots("01-sign-in")?;
        browser.fill("Name", USERNAME)?;
        browser.fill("Password", PASSWORD)?;
        browser.press("button", "=Sign in")?;
        wait_for("the way back", PATIENCE, || {
            let address = browser.address()?;
            Ok(Answer::when(address == bookmark, address))
        })?;
        browser.wait_for_text("\"healthy\":true", PATIENCE)?;

        person.go("/apps/ntfy")?;
        browser.press("button", "=Stop")?;
        person.wait_for_state("Stopped")?;
        browser.open(&page)?;
        browser.wait_for_text("Notifier is stopped", PATIENCE)?;
        browser.screenshots("02-stopped")?;
        browser.press("link", "Open in Hearth")?;
        browser.press("button", "=Start")?;
        person.wait_for_state("Running")?;
        browser.open(&page)?;
        browser.wait_for_text("\"healthy\":true", PATIENCE)?;

        person.go("/open/nobody/%2Fx")?;
        browser.wait_for_text("not installed", PATIENCE)?;
        person.go("/open/ntfy/%2F%2Fevil.example%2F")?;
        wait_for("the app's own address", PATIENCE, || {
            let address = browser.address()?;
            Ok(Answer::when(
                address.starts_with("http://127.0.0.1:8411/") && address.contains("evil"),
                address,
            ))
        })?;
        ensure!(
            engine.docker(&["port", "ntfy_server_1"])?.trim().is_empty(),
            "the container has a port of its own"
        );
        Ok(())
    })
}

/// Subscribes to a topic over a WebSocket from the app's own page, and publishes to it.
fn listen_and_send(browser: &Browser) -> Result<()> {
    let script = "window.heard = ''; const socket = new WebSocket(`ws://${location.host}/garden/ws`);
        socket.onmessage = event => { const message = JSON.parse(event.data);
            if (message.event === 'open') fetch('/garden', { method: 'POST', body: 'the beans are up' });
            if (message.event === 'message') window.heard = message.message; };
        socket.onerror = () => { window.heard = 'an error'; };";
    browser.run(script, &json!([]))?;
    wait_for("the message", PATIENCE, || {
        let heard = browser.run("return window.heard", &json!([]))?;
        Ok(Answer::when(heard == "the beans are up", heard.to_string()))
    })
}
