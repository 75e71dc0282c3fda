use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::on_a_machine;
use serde_json::Value;

use crate::apps::{PATIENCE, Site};

#[test]
fn apps_are_installed_and_removed_from_the_command_line() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("page", "1", 8090)?;
        let (hearth, client) = site.set_up()?;

        run(&hearth, &["app", "install", "page"])?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        ensure!(run(&hearth, &["app", "list"])?.to_lowercase().contains("page"), "the table has no app");
        let list: Value = serde_json::from_str(&run(&hearth, &["app", "list", "--json"])?)?;
        ensure!(list.pointer("/0/id").and_then(Value::as_str) == Some("page"), "--json printed {list}");
        run(&hearth, &["app", "stop", "page"])?;
        client.wait_for_state("page", AppState::Stopped, PATIENCE)?;
        run(&hearth, &["app", "remove", "page"])?;
        client.wait_until_gone("page", PATIENCE)?;

        let unknown = hearth.command_line(&["app", "start", "nothing-here"])?;
        ensure!(!unknown.status.success(), "an app that is not there was started");
        ensure!(
            String::from_utf8_lossy(&unknown.stderr).contains("nothing-here"),
            "the error does not name the app"
        );
        Ok(())
    })
}

#[test]
fn an_exported_document_brings_everything_back() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("page", "1", 8090)?;
        let (hearth, client) = site.set_up()?;
        run(&hearth, &["app", "install", "page"])?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        let file = machine.path("hearth.yml");
        std::fs::write(&file, run(&hearth, &["export"])?)?;
        let file = file.to_str().context("the path is text")?;

        ensure!(
            run(&hearth, &["plan", file])?.to_lowercase().contains("nothing"),
            "an equal document changes something"
        );
        run(&hearth, &["app", "remove", "page"])?;
        client.wait_until_gone("page", PATIENCE)?;
        run(&hearth, &["apply", file])?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;

        run(&hearth, &["rollback"])?;
        client.wait_until_gone("page", PATIENCE)?;
        ensure!(run(&hearth, &["generations"])?.lines().count() >= 4, "generations are missing");
        Ok(())
    })
}

/// Runs `hearth` and returns what it printed.
pub(crate) fn run(hearth: &Hearth, arguments: &[&str]) -> Result<String> {
    let output = hearth.command_line(arguments)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`hearth {}` failed: {error}", arguments.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
