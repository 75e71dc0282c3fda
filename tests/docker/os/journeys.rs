//! From one release to the next and back: the engine, the bus and Hearth are real, what the boot loader does is done by the test.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::api::os::{CheckOutcome, GoBackRequest, OsStatus, UpdatePhase};
use hearth_model::os::{Channel, ReleaseVersion};
use hearth_tests::client::Client;
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::os::device::{
    Device, changed_root, reason, root, status, version, wait_for_phase, wait_for_phase_within,
};
use hearth_tests::os::systemd::{Systemd, set_entry};
use hearth_tests::wait::{Answer, wait_for};

use super::post;
use crate::apps::{PATIENCE, Site};

/// A box with an app, and everything that it takes to restart it.
struct Journey {
    /// Ends with it.
    _site: Site,
    device: Device,
    systemd: Systemd,
}

impl Journey {
    fn new(machine: &Machine) -> Result<Self> {
        let mut site = Site::new(machine)?;
        site.offer_page("page", "1", 8090)?;
        let mut device = Device::new(machine)?;
        let systemd = Systemd::start(machine, &device.root)?;
        device.setup.docker_socket = site.engine.socket();
        device.setup.stores = vec![site.store.path().to_owned()];
        device.setup.environment = vec![("DBUS_SYSTEM_BUS_ADDRESS".to_owned(), systemd.address().to_owned())];
        let assets = machine.path("assets");
        fs::create_dir(&assets)?;
        fs::write(assets.join("index.html"), "<title>Hearth</title>")?;
        device.setup.assets = Some(assets);
        device.publisher.publish(version(2), Channel::Stable, &changed_root())?;
        Ok(Self { _site: site, device, systemd })
    }

    /// Starts the box with the release that the boot loader took.
    fn boot(&self, running: ReleaseVersion, boot_id: &str) -> Result<(Hearth, Client)> {
        self.device.boots(running, boot_id)?;
        let hearth = self.device.setup.start()?;
        let client = hearth.client();
        Ok((hearth, client))
    }

    /// Brings release 1.0.2 into its slot and restarts; returns once that has begun.
    fn install_and_restart(&self, client: &Client) -> Result<()> {
        post(client, "check")?;
        wait_for_phase(client, UpdatePhase::Available)?;
        post(client, "update")?;
        let ready = wait_for_phase(client, UpdatePhase::ReadyToReboot)?;
        let slot = ready.slots.iter().find(|slot| slot.version == version(2)).context("a slot")?;
        ensure!(slot.tries_left == Some(3) && slot.installed_at.is_some() && !slot.runs, "{slot:?}");
        ensure!(slot.notes == "Faster." && slot.back.is_none(), "{slot:?}");
        post(client, "reboot")?;
        self.systemd.wait_for_reboot(1)
    }
}

#[test]
fn a_release_is_installed_tried_kept_and_left_again() -> Result<()> {
    on_a_machine(|machine| {
        let journey = Journey::new(machine)?;
        let (hearth, client) = journey.boot(version(1), "one")?;
        client.set_up()?;
        client.install("store", "page")?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        journey.install_and_restart(&client)?;
        ensure!(
            journey.systemd.asked()
                == ["hearth-slot@write:1.0.2.service", "hearth-slot@enable:1.0.2.service", "reboot"],
            "{:?}",
            journey.systemd.asked()
        );
        hearth.kill()?;

        set_entry(&journey.device.root, version(2), Some("+2-1"))?;
        let (hearth, client) = journey.boot(version(2), "two")?;
        client.sign_in()?;
        let kept = wait_for_phase(&client, UpdatePhase::Blessed)?;
        ensure!(kept.checks.iter().all(|check| check.outcome == CheckOutcome::Passed), "{:?}", kept.checks);
        ensure!(kept.checks.iter().any(|check| check.name.contains("runs as before")), "{:?}", kept.checks);
        ensure!(client.apps()?["page"].state == AppState::Running);
        ensure!(journey.device.root.join("boot/EFI/Linux/hearth_1.0.2.efi").exists(), "it is not blessed");
        // They go once the state is stored, not before.
        let staged = journey.device.updates().join("staged");
        wait_for("the files of the release to go", Duration::from_secs(30), || {
            Ok(Answer::when(!staged.exists(), "they are there"))
        })?;
        let back = kept.slots.iter().find(|slot| slot.version == version(1)).context("a slot")?;
        ensure!(back.back.is_some() && !back.runs, "{back:?}");

        let request = GoBackRequest { version: version(1), with_copy: false };
        let going: OsStatus = client.send("POST", "os/back", &request)?;
        ensure!(going.update.state == UpdatePhase::GoingBack, "{:?}", going.update);
        journey.systemd.wait_for_reboot(2)?;
        ensure!(
            journey.systemd.asked().contains(&"hearth-slot@boot:1.0.1.service".to_owned()),
            "{:?}",
            journey.systemd.asked()
        );
        hearth.kill()?;

        let (_hearth, client) = journey.boot(version(1), "three")?;
        client.sign_in()?;
        wait_for_phase(&client, UpdatePhase::Idle)?;
        client.wait_for_state("page", AppState::Running, PATIENCE)?;
        let left = status(&client)?;
        let slot = left.slots.iter().find(|slot| slot.version == version(2)).context("a slot")?;
        ensure!(slot.declined.as_deref().is_some_and(|why| why.contains("went back")), "{slot:?}");
        post(&client, "check")?;
        wait_for_phase(&client, UpdatePhase::Idle)?;
        Ok(())
    })
}

#[test]
fn a_release_that_is_not_healthy_is_given_up_with_its_reason() -> Result<()> {
    on_a_machine(|machine| {
        let journey = Journey::new(machine)?;
        let (hearth, client) = journey.boot(version(1), "one")?;
        client.set_up()?;
        journey.install_and_restart(&client)?;
        hearth.kill()?;

        // Its dashboard is broken.
        fs::remove_file(machine.path("assets/index.html"))?;
        set_entry(&journey.device.root, version(2), Some("+2-1"))?;
        let (hearth, client) = journey.boot(version(2), "two")?;
        client.sign_in()?;
        wait_for_phase(&client, UpdatePhase::Trying)?;
        // While it is on trial the other slot is the only one that is known to be good.
        let refused = super::refusal(post(&client, "check"))?;
        ensure!(refused.status == 409, "{refused}");
        let failing = wait_for_phase_within(&client, UpdatePhase::Failing, 150)?;
        ensure!(reason(&failing)?.contains("The dashboard answers"), "{:?}", failing.update);
        journey.systemd.wait_for_reboot(2)?;
        ensure!(
            journey.systemd.asked().contains(&"hearth-slot@bad:1.0.2.service".to_owned()),
            "{:?}",
            journey.systemd.asked()
        );
        hearth.kill()?;

        let (_hearth, client) = journey.boot(version(1), "three")?;
        client.sign_in()?;
        let back = wait_for_phase(&client, UpdatePhase::WentBack)?;
        ensure!(reason(&back)?.contains("The dashboard answers"), "{:?}", back.update);
        ensure!(back.checks.iter().any(|check| check.outcome == CheckOutcome::Failed), "{:?}", back.checks);
        // It is not offered again.
        post(&client, "check")?;
        wait_for_phase(&client, UpdatePhase::Idle)?;
        Ok(())
    })
}

#[test]
fn a_slot_that_cannot_be_written_and_a_change_of_mind_leave_everything_as_it_was() -> Result<()> {
    on_a_machine(|machine| {
        let journey = Journey::new(machine)?;
        let (hearth, client) = journey.boot(version(1), "one")?;
        client.set_up()?;
        post(&client, "check")?;
        wait_for_phase(&client, UpdatePhase::Available)?;
        journey.systemd.fail_next("The slot is broken.");
        post(&client, "update")?;
        let refused = wait_for_phase(&client, UpdatePhase::Refused)?;
        ensure!(reason(&refused)? == "The slot is broken.", "{:?}", refused.update);

        // What was fetched is still there.
        post(&client, "check")?;
        wait_for_phase(&client, UpdatePhase::Available)?;
        post(&client, "update")?;
        wait_for_phase(&client, UpdatePhase::ReadyToReboot)?;
        post(&client, "cancel")?;
        wait_for_phase(&client, UpdatePhase::Available)?;
        let asked = journey.systemd.asked();
        ensure!(asked.last().is_some_and(|last| last == "hearth-slot@withdraw:1.0.2.service"), "{asked:?}");
        ensure!(status(&client)?.slots.len() == 1, "the boot loader still knows it");

        post(&client, "update")?;
        wait_for_phase(&client, UpdatePhase::ReadyToReboot)?;
        hearth.kill()?;
        // Somebody pulls the plug, it is tried, and hangs three times.
        set_entry(&journey.device.root, version(2), Some("+0-3"))?;
        let (_hearth, client) = journey.boot(version(1), "two")?;
        client.sign_in()?;
        let back = wait_for_phase(&client, UpdatePhase::WentBack)?;
        ensure!(reason(&back)?.contains("did not start far enough"), "{:?}", back.update);
        let offered = root(1);
        ensure!(
            fs::read(journey.device.root.join("dev/disk/by-partlabel/hearth_1.0.1"))?.starts_with(&offered)
        );
        Ok(())
    })
}
