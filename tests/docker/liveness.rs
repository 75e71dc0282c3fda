use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_tests::client::Client;
use hearth_tests::engine::Engine;
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::TestPackage;
use hearth_tests::wait::{Answer, wait_for};

use crate::apps::{PATIENCE, Site, page, start, stop};

/// What the engine tells is acted on within so long, on a slow machine too; the clock alone may take a minute.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// Serves a page and nothing else.
const SERVES: &str = "echo it works >/index.html; exec httpd -f -p 80 -h /";
/// Stays up and serves nothing.
const SILENT: &str = "exec sleep infinity";
/// Serves a page for five seconds, and stays up.
const FIVE_SECONDS: &str =
    "echo it works >/index.html; httpd -f -p 80 -h / & sleep 5; kill $!; exec sleep infinity";

/// One engine for all of them, since starting one takes longer than most of what is asked of it here.
#[test]
fn an_app_runs_when_its_page_answers_and_comes_back_when_its_network_goes() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        // A new version has so long to answer, rather than ten minutes.
        site.setup.environment.push(("HEARTH_UPDATE_PATIENCE".to_owned(), "15".to_owned()));
        let image = site.registry.push("liveness", "1", 0)?.to_string();
        let ends = format!(
            "services:\n  main: {{ image: '{image}', restart: unless-stopped, command: [sh, -c, 'echo I end; exit 3'] }}\n"
        );
        site.store.write(&TestPackage { id: "ends", version: "1", web: None, compose: &ends })?;
        offer(&site, &image, "silent", "1", 8101, SILENT)?;
        offer(&site, &image, "hushed", "1", 8102, SERVES)?;
        offer(&site, &image, "brief", "1", 8103, SERVES)?;
        offer(&site, &image, "page", "1", 8104, SERVES)?;
        let vpn = format!(
            "services:\n  tunnel: {{ image: '{image}', restart: unless-stopped, init: true }}\n  \
             web:\n    image: '{image}'\n    restart: unless-stopped\n    init: true\n    network_mode: service:tunnel\n"
        );
        site.store.write(&TestPackage { id: "vpn", version: "1", web: None, compose: &vpn })?;
        let (hearth, client) = site.set_up()?;
        for app in ["silent", "hushed", "brief", "page", "vpn"] {
            client.install("store", app)?;
        }

        a_program_that_ends_at_once_is_no_success(&hearth)?;
        for app in ["hushed", "brief", "page", "vpn"] {
            client.wait_for_state(app, AppState::Running, PATIENCE)?;
        }
        offer(&site, &image, "hushed", "2", 8102, SILENT)?;
        offer(&site, &image, "brief", "2", 8103, FIVE_SECONDS)?;
        client.act("POST", "stores/store/refresh")?;
        for app in ["hushed", "brief"] {
            client.wait_for_app(app, "offered an update", PATIENCE, |app| app.update.is_some())?;
            client.send_nothing_back("POST", &format!("apps/{app}/update"), &serde_json::json!({}))?;
        }

        what_shares_a_network_is_started_with_it(&site.engine, &client)?;
        a_network_that_was_removed_is_made_again(&site.engine, &client)?;

        let silent = client.app("silent")?;
        ensure!(silent.state == AppState::Starting, "a silent page is called {:?}", silent.state);
        let reason = silent.reason.context("it says what it waits for")?.message;
        ensure!(reason.contains("does not answer yet"), "{reason}");
        for (app, port) in [("hushed", 8102), ("brief", 8103)] {
            let status = client.wait_for_app(app, "back on version 1", PATIENCE, |app| {
                app.state == AppState::Running
                    && app.last_update.as_ref().is_some_and(|update| update.reverted.is_some())
            })?;
            ensure!(status.version == "1", "{app} is at {}", status.version);
            ensure!(page(port)?.contains("it works"));
        }
        Ok(())
    })
}

fn offer(site: &Site, image: &str, id: &str, version: &str, host_port: u16, program: &str) -> Result<()> {
    let compose = format!(
        "services:\n  web:\n    image: '{image}'\n    init: true\n    command: [sh, -c, '{program}']\n"
    )
    .replace("$!", "$$!");
    site.store.write(&TestPackage { id, version, web: Some(("web", 80, host_port)), compose: &compose })
}

fn a_program_that_ends_at_once_is_no_success(hearth: &Hearth) -> Result<()> {
    let output = hearth.command_line(&["app", "install", "ends"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "the install of a program that ends at once is a success: {said}");
    ensure!(said.contains("ends soon after each start") && said.contains("I end"), "{said}");
    Ok(())
}

fn what_shares_a_network_is_started_with_it(engine: &Engine, client: &Client) -> Result<()> {
    let inspect = |what: &str, container: &str| engine.docker(&["inspect", "--format", what, container]);
    let web = inspect("{{.Id}}", "vpn-web-1")?;
    for harm in [["restart", "--time=0"], ["kill", "--signal=KILL"]] {
        let before = inspect("{{.State.StartedAt}}", "vpn-web-1")?;
        engine.docker(&[harm[0], harm[1], "vpn-tunnel-1"])?;
        wait_for("the network to be shared again", PATIENCE, || {
            let network =
                |container| engine.docker(&["exec", container, "busybox", "readlink", "/proc/self/ns/net"]);
            Ok(match (network("vpn-tunnel-1"), network("vpn-web-1")) {
                (Ok(tunnel), Ok(web)) if tunnel == web => Answer::Is(()),
                other => Answer::NotYet(format!("{other:?}")),
            })
        })?;
        ensure!(inspect("{{.State.StartedAt}}", "vpn-web-1")? != before, "it was not started again");
        ensure!(inspect("{{.Id}}", "vpn-web-1")? == web, "it was made anew");
    }
    client.wait_for_state("vpn", AppState::Running, PATIENCE)?;
    Ok(())
}

fn a_network_that_was_removed_is_made_again(engine: &Engine, client: &Client) -> Result<()> {
    stop(client, "page")?;
    engine.docker(&["network", "prune", "--force"])?;
    ensure!(!engine.names("network")?.contains(&"page_default".to_owned()), "the network was not removed");
    start(client, "page")?;
    ensure!(page(8104)?.contains("it works"));

    engine.docker(&["network", "disconnect", "--force", "page_default", "page-web-1"])?;
    engine.docker(&["network", "rm", "page_default"])?;
    ensure!(page(8104).is_err(), "it answers without a network");
    wait_for("the page", TOLD_WITHIN, || Ok(Answer::when(page(8104).is_ok(), "no answer")))?;
    client.wait_for_state("page", AppState::Running, PATIENCE)?;
    Ok(())
}
