use anyhow::{Result, ensure};
use hearth_model::AppState;
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::TestPackage;
use hearth_tests::wait::{Answer, wait_for};

use crate::apps::{PATIENCE, Site, container_ids, install, installed_page, page, start, stop};

#[test]
fn ctrl_c_leaves_apps_running_and_the_next_start_touches_nothing() -> Result<()> {
    on_a_machine(|machine| {
        let (site, hearth, _client) = installed_page(machine)?;
        let before = container_ids(&site.engine, "page")?;
        ensure!(before.len() == 1, "one container was expected: {before:?}");

        hearth.stop()?;
        ensure!(page(8090)?.contains("it works"));

        let (_hearth, client) = site.start()?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        ensure!(container_ids(&site.engine, "page")? == before, "containers were made again");
        Ok(())
    })
}

#[test]
fn a_killed_engine_is_named_as_the_reason_and_apps_come_back_with_it() -> Result<()> {
    on_a_machine(|machine| {
        let (mut site, _hearth, client) = installed_page(machine)?;
        let before = container_ids(&site.engine, "page")?;

        site.engine.kill()?;
        let status = client.wait_for_state("page", AppState::EngineUnreachable, PATIENCE)?;
        let reason = status.reason.map(|reason| reason.message).unwrap_or_default();
        ensure!(!reason.is_empty(), "no reason is given");

        site.engine.start_again()?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        ensure!(container_ids(&site.engine, "page")? == before, "containers were made again");
        ensure!(page(8090)?.contains("it works"));
        Ok(())
    })
}

#[test]
fn an_install_that_the_engine_left_half_way_goes_on_when_it_comes_back() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("large", "1", 100 * 1024 * 1024)?.to_string();
        let compose = format!(
            "services:\n  main:\n    image: '{image}'\n    init: true\n    healthcheck: {{ test: [CMD, test, -e, /], interval: 200ms }}\n"
        );
        site.store.write(&TestPackage { id: "large", version: "1", web: None, compose: &compose })?;
        let (_hearth, client) = site.set_up()?;

        client.install("store", "large")?;
        client.wait_for_app("large", "fetching its image", PATIENCE, |app| {
            app.progress
                .as_ref()
                .is_some_and(|progress| progress.images.values().any(|image| image.done_bytes > 0))
        })?;
        site.engine.kill()?;
        client.wait_for_app("large", "waiting for the engine", PATIENCE, |app| app.reason.is_some())?;
        site.engine.start_again()?;

        client.wait_for_state("large", AppState::Running, PATIENCE)?;
        Ok(())
    })
}

/// Engines before 25 give a name twice when two ask at once, as a Hearth that was killed and the next one may; then no
/// container of the network starts.
#[test]
fn a_network_that_is_there_twice_is_made_anew() -> Result<()> {
    on_a_machine(|machine| {
        let (site, hearth, client) = installed_page(machine)?;
        stop(&client, "page")?;
        hearth.stop()?;

        let network = site.engine.docker(&["network", "inspect", "page_default"])?;
        let network: Vec<serde_json::Value> = serde_json::from_str(&network)?;
        let twin = serde_json::json!({ "Name": "page_default", "Labels": network[0]["Labels"] });
        let made = site.engine.post("/networks/create", &twin)?;
        let twice = site.engine.names("network")?.iter().filter(|name| *name == "page_default").count();
        ensure!(twice == 2 || made.contains("already exists"), "the engine answered: {made}");

        let (_hearth, client) = site.start()?;
        start(&client, "page")?;
        ensure!(page(8090)?.contains("it works"));
        let names = site.engine.names("network")?;
        ensure!(names.iter().filter(|name| *name == "page_default").count() == 1, "networks are {names:?}");
        Ok(())
    })
}

#[test]
fn without_an_engine_an_install_is_refused_and_nothing_changes() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("page", "1", 8090)?;
        let (_hearth, client) = site.set_up()?;
        site.engine.stop()?;

        let refused = client.install("store", "page").expect_err("there is no engine");
        ensure!(refused.to_string().contains("Docker does not answer"), "{refused}");
        ensure!(client.apps()?.is_empty());
        site.engine.start_again()?;
        wait_for("an install to be taken", PATIENCE, || {
            Ok(match client.install("store", "page") {
                Ok(()) => Answer::Is(()),
                Err(error) => Answer::NotYet(error.to_string()),
            })
        })?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        Ok(())
    })
}

#[test]
fn stop_start_and_removal_do_what_they_say() -> Result<()> {
    on_a_machine(|machine| {
        let (site, hearth, client) = installed_page(machine)?;

        stop(&client, "page")?;
        ensure!(page(8090).is_err(), "a stopped app answers");
        start(&client, "page")?;

        let kept = hearth.app_folder("page").join("data/index.html");
        client.act("DELETE", "apps/page?data=keep")?;
        client.wait_until_gone("page", PATIENCE)?;
        ensure!(
            site.engine.containers()?.is_empty()
                && !site.engine.names("network")?.contains(&"page_default".to_owned())
        );
        ensure!(kept.is_file(), "data that was to be kept is gone");

        install(&client, "page")?;
        client.act("DELETE", "apps/page?data=delete")?;
        client.wait_until_gone("page", PATIENCE)?;
        ensure!(!hearth.app_folder("page").exists(), "data that was to be deleted is there");
        Ok(())
    })
}
