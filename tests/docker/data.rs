use std::fs;

use anyhow::{Result, ensure};
use hearth_model::AppState;
use hearth_model::condition::ReasonCode;
use hearth_tests::machine::on_a_machine;

use crate::apps::{PATIENCE, installed_page, page, stop};

#[test]
fn an_app_is_not_started_on_an_empty_folder_in_place_of_its_missing_one() -> Result<()> {
    on_a_machine(|machine| {
        let (mut site, hearth, _client) = installed_page(machine)?;
        let folder = hearth.app_folder("page");
        fs::write(folder.join("data/photo"), "irreplaceable")?;

        // The power fails, and the disk with the app's folder does not come back.
        hearth.kill()?;
        site.engine.kill()?;
        let elsewhere = machine.path("disk-that-is-unplugged");
        fs::rename(&folder, &elsewhere)?;
        site.engine.start_again()?;
        let (hearth, client) = site.start()?;

        let status = client.wait_for_app("page", "failed for want of its data", PATIENCE, |app| {
            app.reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::DataMissing)
        })?;
        ensure!(status.state == AppState::Failed, "its state is {:?}", status.state);
        ensure!(page(8090).is_err(), "the app runs without its data");
        let made: Vec<_> = fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect();
        ensure!(made.is_empty(), "an empty folder took the place of the missing one: {made:?}");

        // The disk is back.
        let _absent = fs::remove_dir(&folder);
        fs::rename(&elsewhere, &folder)?;
        client.act("POST", "apps/page/retry")?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        ensure!(fs::read_to_string(hearth.app_folder("page").join("data/photo"))? == "irreplaceable");
        Ok(())
    })
}

#[test]
fn the_owner_may_start_afresh_when_data_is_lost_for_good() -> Result<()> {
    on_a_machine(|machine| {
        let (_site, hearth, client) = installed_page(machine)?;
        stop(&client, "page")?;
        fs::remove_dir_all(hearth.app_folder("page"))?;

        client.act("POST", "apps/page/start")?;
        client.wait_for_app("page", "failed for want of its data", PATIENCE, |app| {
            app.reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::DataMissing)
        })?;
        client.act("POST", "apps/page/start-fresh")?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        ensure!(page(8090)?.contains("it works"));
        Ok(())
    })
}
