use anyhow::{Result, ensure};
use hearth_model::api::os::UpdatePhase;
use hearth_model::os::Channel;
use hearth_tests::machine::on_a_machine;
use hearth_tests::os::device::{Device, changed_root, reason, status, version, wait_for_phase};
use hearth_tests::web::Page;

use super::post;

#[test]
fn an_offer_outlasts_a_channel_that_is_not_there_for_a_while() -> Result<()> {
    on_a_machine(|machine| {
        let device = Device::new(machine)?;
        device.publisher.publish(version(2), Channel::Stable, &changed_root())?;
        let hearth = device.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        post(&client, "check")?;
        let offered = wait_for_phase(&client, UpdatePhase::Available)?;

        device.server.serve("/os/", Page::Status(404));
        post(&client, "check")?;
        let unreached = wait_for_phase(&client, UpdatePhase::Available)?;
        ensure!(unreached.update.release == offered.update.release, "{:?}", unreached.update);
        ensure!(reason(&unreached)?.contains("has no file"), "{:?}", unreached.update);
        ensure!(unreached.checked_at == offered.checked_at, "silence counts as an answer");
        let asked = hearth.command_line(&["os", "check"])?;
        let said = String::from_utf8_lossy(&asked.stderr);
        ensure!(!asked.status.success() && said.contains("has no file"), "{asked:?}");

        device.server.serve("/os/", Page::Folder(device.publisher.served()));
        post(&client, "check")?;
        ensure!(wait_for_phase(&client, UpdatePhase::Available)?.update.reason.is_none());
        ensure!(status(&client)?.checked_at > offered.checked_at);
        Ok(())
    })
}
