/// From one release to the next.
mod journeys;
/// What stays on offer.
mod offers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use hearth_model::api::os::{CheckOs, OsSettings, OsStatus, RestartWindow, UpdatePhase};
use hearth_model::api::system::SystemInfo;
use hearth_model::os::Channel;
use hearth_tests::client::{Client, Refused};
use hearth_tests::disk::{Disk, FileSystem};
use hearth_tests::machine::on_a_machine;
use hearth_tests::os::device::{
    Device, Publisher, ROOT_BYTES, changed_root, reason, root, status, version, wait_for_phase,
};
use hearth_tests::process::run;
use hearth_tests::wait::{Answer, wait_for};
use hearth_tests::web::Page;

/// Everything below a folder, by path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(std::result::Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap_or_default());
        }
    }
    // Where an answer is looked at before it is believed.
    found.retain(|path, _| !path.components().any(|part| part.as_os_str() == "trust.fresh"));
    found
}

fn post(client: &Client, what: &str) -> Result<OsStatus> {
    client.send("POST", &format!("os/{what}"), &serde_json::json!({}))
}

fn refusal(result: Result<OsStatus>) -> Result<Refused> {
    match result {
        Ok(status) => Err(anyhow!("it was taken: {:?}", status.update)),
        Err(error) => error.downcast::<Refused>(),
    }
}

#[test]
fn a_release_is_found_fetched_and_laid_out() -> Result<()> {
    on_a_machine(|machine| {
        let device = Device::new(machine)?;
        device.publisher.publish(version(2), Channel::Stable, &changed_root())?;
        let hearth = device.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        ensure!(client.get::<SystemInfo>("system")?.os_managed);
        let before = status(&client)?;
        ensure!(before.managed && before.version == Some(version(1)), "{before:?}");
        ensure!(before.slots.len() == 1 && before.slots[0].runs, "{:?}", before.slots);
        ensure!(before.update.state == UpdatePhase::Idle && before.checked_at.is_none());
        let refused = refusal(post(&client, "update"))?;
        ensure!(refused.status == 409 && refused.body.contains("hearth os check"), "{refused}");

        post(&client, "check")?;
        let offered = wait_for_phase(&client, UpdatePhase::Available)?;
        let release = offered.update.release.context("a release")?;
        ensure!(release.version == version(2) && release.notes == "Faster.", "{release:?}");
        ensure!(offered.checked_at.is_some());

        client.act("POST", "os/update")?;
        // There is no systemd that could write the slot.
        let ended = wait_for_phase(&client, UpdatePhase::Refused)?;
        ensure!(reason(&ended)?.contains("systemd"), "{:?}", ended.update);
        let staged = device.updates().join("staged");
        let made = device.publisher.files(version(2), &changed_root())?;
        for suffix in ["root", "verity", "efi"] {
            let name = format!("hearth_1.0.2.{suffix}");
            ensure!(fs::read(staged.join(&name))? == fs::read(made.join(&name))?, "{name}");
        }
        let described: serde_json::Value =
            serde_json::from_slice(&fs::read(staged.join("hearth_1.0.2.json"))?)?;
        ensure!(described["version"] == "1.0.2", "{described}");
        // Only what the slot that runs lacks came over the line: the pack is not asked for as a whole.
        let log = fs::read_to_string(&device.setup.log)?;
        let line = log.lines().find(|line| line.contains("bytes were fetched")).context("the log says")?;
        let fetched: usize = line
            .split_whitespace()
            .zip(line.split_whitespace().skip(1))
            .find_map(|(number, next)| (next == "of").then(|| number.parse().ok())?)
            .context("a number")?;
        ensure!(fetched < ROOT_BYTES / 10, "{line}");
        Ok(())
    })
}

#[test]
fn a_download_goes_on_after_a_kill_and_can_be_given_up() -> Result<()> {
    on_a_machine(|machine| {
        let device = Device::new(machine)?;
        device.publisher.publish(version(2), Channel::Stable, &root(2))?;
        let hearth = device.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        let slow = OsSettings { bytes_per_second: Some(400_000), ..OsSettings::default() };
        client.send_nothing_back("PUT", "os/settings", &slow)?;
        post(&client, "check")?;
        wait_for_phase(&client, UpdatePhase::Available)?;
        client.act("POST", "os/update")?;
        let fetched_more_than = |client: &Client, bytes: u64| {
            wait_for("the download to come further", Duration::from_secs(30), || {
                let seen = status(client)?.progress.map_or(0, |progress| progress.fetched_bytes);
                Ok(if seen > bytes { Answer::Is(seen) } else { Answer::NotYet(format!("{seen} bytes")) })
            })
        };
        fetched_more_than(&client, 600_000)?;
        hearth.kill()?;

        let hearth = device.setup.start()?;
        let client = hearth.client();
        client.sign_in()?;
        fetched_more_than(&client, 0)?;
        let progress = status(&client)?.progress.context("it goes on")?;
        ensure!(progress.fetch_bytes < ROOT_BYTES as u64 - 500_000, "{progress:?}");

        let given_up: OsStatus = post(&client, "cancel")?;
        ensure!(given_up.update.state == UpdatePhase::Available, "{:?}", given_up.update);
        // Without the bound what is left comes at once, and nothing twice.
        client.send_nothing_back("PUT", "os/settings", &OsSettings::default())?;
        client.act("POST", "os/update")?;
        wait_for_phase(&client, UpdatePhase::Refused)?;
        let staged = fs::read(device.updates().join("staged/hearth_1.0.2.root"))?;
        ensure!(staged == root(2), "the root is another");
        Ok(())
    })
}

#[test]
fn a_channel_that_lies_is_refused_with_the_reason_and_nothing_is_written() -> Result<()> {
    on_a_machine(|machine| {
        let device = Device::new(machine)?;
        device.publisher.publish(version(1), Channel::Stable, &root(1))?;
        let hearth = device.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        post(&client, "check")?;
        let idle = wait_for("an answer", Duration::from_secs(30), || {
            let status = status(&client)?;
            let answered = status.checked_at.is_some();
            Ok(if answered { Answer::Is(status) } else { Answer::NotYet(format!("{:?}", status.update)) })
        })?;
        ensure!(idle.update.state == UpdatePhase::Idle, "what runs is offered: {:?}", idle.update);
        let before = files(&device.updates());

        let other = Publisher::new(machine.path("other"))?;
        other.publish(version(9), Channel::Stable, &root(9))?;
        device.server.serve("/os/", Page::Folder(other.served()));
        post(&client, "check")?;
        let refused = wait_for_phase(&client, UpdatePhase::Refused)?;
        ensure!(reason(&refused)?.contains("keys that this box trusts"), "{:?}", refused.update);
        ensure!(refused.checked_at == idle.checked_at, "a lie counts as an answer");
        ensure!(files(&device.updates()) == before, "something was written");

        device.server.serve("/os/", Page::Status(404));
        post(&client, "check")?;
        wait_for("another reason", Duration::from_secs(30), || {
            let status = status(&client)?;
            Ok(Answer::when(
                status.update.reason.as_deref().is_some_and(|reason| reason.contains("has no file")),
                "the old one",
            ))
        })?;
        ensure!(files(&device.updates()) == before, "something was written");
        Ok(())
    })
}

#[test]
fn a_disk_that_is_too_full_is_said_before_anything_is_fetched() -> Result<()> {
    on_a_machine(|machine| {
        let device = Device::new(machine)?;
        device.publisher.publish(version(2), Channel::Stable, &root(2))?;
        // Less than stays free beside a download.
        let _disk = Disk::new(machine, "state", FileSystem::Ext4, 48)?;
        let hearth = device.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        post(&client, "check")?;
        wait_for_phase(&client, UpdatePhase::Available)?;
        client.act("POST", "os/update")?;
        let refused = wait_for_phase(&client, UpdatePhase::Refused)?;
        ensure!(reason(&refused)?.contains("make room"), "{:?}", refused.update);
        let asked = device.server.requests();
        ensure!(!asked.iter().any(|request| request.contains(".pack")), "{asked:?}");
        Ok(())
    })
}

#[test]
fn a_stick_is_asked_and_settings_are_kept() -> Result<()> {
    on_a_machine(|machine| {
        let device = Device::new(machine)?;
        device.publisher.publish(version(2), Channel::Beta, &changed_root())?;
        device.server.serve("/os/", Page::Status(500));
        let hearth = device.setup.start()?;
        let stick = device.publisher.served().display().to_string();
        let command = |arguments: &[&str]| -> Result<String> {
            let output = hearth.command_line(arguments)?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            Ok(text)
        };
        let nowhere = hearth.command_line(&["os", "check", "--from", &stick])?;
        ensure!(!nowhere.status.success(), "stable has nothing");
        let settings =
            command(&["os", "settings", "--channel", "beta", "--restart-window", "3-5", "--limit", "2MB"])?;
        ensure!(settings.contains("beta") && settings.contains("2 MB a second"), "{settings}");
        let found = command(&["os", "check", "--from", &stick])?;
        ensure!(found.contains("release 1.0.2 is available") && found.contains("Faster."), "{found}");
        let window = command(&["os", "settings", "--restart-window", "none", "--json"])?;
        let kept: OsSettings = serde_json::from_str(&window)?;
        ensure!(
            kept == OsSettings {
                channel: Channel::Beta,
                restart_window: None,
                bytes_per_second: Some(2_000_000)
            },
            "{window}"
        );

        let client = hearth.client();
        client.set_up()?;
        let same_hours = OsSettings {
            restart_window: Some(RestartWindow { from_hour: 5, to_hour: 5 }),
            ..OsSettings::default()
        };
        for bad in [same_hours, OsSettings { bytes_per_second: Some(1), ..OsSettings::default() }] {
            let refused = refusal(client.send("PUT", "os/settings", &bad))?;
            ensure!(refused.status == 422, "{refused}");
        }
        let refused = refusal(client.send("POST", "os/check", &CheckOs { from: Some("stick".to_owned()) }))?;
        ensure!(refused.status == 422 && refused.body.contains("/var/mnt/stick"), "{refused}");
        Ok(())
    })
}

#[test]
fn a_channel_is_uploaded_as_an_archive_of_its_folder() -> Result<()> {
    on_a_machine(|machine| {
        let device = Device::new(machine)?;
        device.publisher.publish(version(2), Channel::Stable, &changed_root())?;
        device.server.serve("/os/", Page::Status(500));
        let hearth = device.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        let archive = machine.path("channel.tar").display().to_string();
        run("tar", &["-C", &device.publisher.served().display().to_string(), "-cf", &archive, "."])?;
        let socket = device.setup.state.join("hearth.sock").display().to_string();
        let upload = |file: &str| {
            let data = format!("@{file}");
            let arguments = ["--silent", "--data-binary", &data, "--unix-socket", &socket];
            run("curl", &[&arguments[..], &["http://localhost/api/v1/os/upload"]].concat())
        };
        let refused = upload(&device.setup.log.display().to_string())?;
        ensure!(refused.contains("neither a zip nor a tar"), "{refused}");
        ensure!(!device.updates().join("uploads").exists(), "what was refused stays");

        upload(&archive)?;
        let offered = wait_for_phase(&client, UpdatePhase::Available)?;
        ensure!(offered.update.version == Some(version(2)), "{:?}", offered.update);
        post(&client, "update")?;
        wait_for_phase(&client, UpdatePhase::Refused)?;
        ensure!(fs::read(device.updates().join("staged/hearth_1.0.2.root"))? == changed_root());
        Ok(())
    })
}

#[test]
fn a_system_of_somebody_else_is_left_alone() -> Result<()> {
    on_a_machine(|machine| {
        let device = Device::new(machine)?;
        device.write("etc/os-release", b"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\n")?;
        let hearth = device.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        ensure!(!client.get::<SystemInfo>("system")?.os_managed);
        let seen = status(&client)?;
        ensure!(
            !seen.managed && seen.slots.is_empty() && seen.note.contains("does not update it"),
            "{seen:?}"
        );
        for what in ["check", "update", "cancel", "reboot"] {
            let refused = refusal(post(&client, what))?;
            ensure!(refused.status == 409 && refused.body.contains("its own tools"), "{what}: {refused}");
        }
        ensure!(!device.updates().exists(), "something was written");
        Ok(())
    })
}
