use std::fs;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::condition::{LastUpdate, ReasonCode};
use hearth_tests::client::Client;
use hearth_tests::disk::{Disk, FileSystem};
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::store::TestPackage;

use crate::apps::{PATIENCE, Site, container_ids, install, page};

#[test]
fn on_btrfs_an_update_that_does_not_get_healthy_is_taken_back() -> Result<()> {
    on_a_machine(|machine| broken_update_is_taken_back(machine, FileSystem::Btrfs))
}

#[test]
fn on_ext4_an_update_that_does_not_get_healthy_is_taken_back() -> Result<()> {
    on_a_machine(|machine| broken_update_is_taken_back(machine, FileSystem::Ext4))
}

#[test]
fn on_btrfs_the_owner_goes_back_from_a_healthy_update() -> Result<()> {
    on_a_machine(|machine| owner_goes_back(machine, FileSystem::Btrfs))
}

#[test]
fn on_ext4_the_owner_goes_back_from_a_healthy_update() -> Result<()> {
    on_a_machine(|machine| owner_goes_back(machine, FileSystem::Ext4))
}

#[test]
fn an_update_whose_image_is_missing_does_not_touch_the_running_version() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        offer(&mut site, "1", Version::Good)?;
        let (_hearth, client) = site.set_up()?;
        install(&client, "notes")?;
        let before = container_ids(&site.engine, "notes")?;

        let missing = site.registry.missing_image();
        offer_image(&site, "2", Version::Good, &missing)?;
        start_update(&client)?;

        let reverted = wait_until_reverted(&client)?;
        ensure!(reverted.reverted.is_some_and(|reason| reason.message.contains("nothing-here")));
        ensure!(container_ids(&site.engine, "notes")? == before, "the running version was touched");
        ensure!(client.apps()?["notes"].version == "1");
        Ok(())
    })
}

fn broken_update_is_taken_back(machine: &Machine, file_system: FileSystem) -> Result<()> {
    let (_disk, mut site) = site_on(machine, file_system)?;
    offer(&mut site, "1", Version::Good)?;
    let (hearth, client) = site.set_up()?;
    install(&client, "notes")?;
    let value = hearth.app_folder("notes").join("data/value");
    fs::write(&value, "written by the owner")?;
    let image_before = image_of(&site)?;

    offer(&mut site, "2", Version::SpoilsDataAndIsUnhealthy)?;
    start_update(&client)?;
    let update = wait_until_reverted(&client)?;

    let reason = update.reverted.context("the reason is told")?;
    ensure!(reason.code == ReasonCode::UpdateReverted || !reason.message.is_empty(), "{reason:?}");
    ensure!(
        reason.log.iter().any(|line| line.contains("cannot read my data")),
        "the log is not shown: {reason:?}"
    );
    ensure!(fs::read_to_string(&value)? == "written by the owner", "the old data did not come back");
    ensure!(image_of(&site)? == image_before, "the old image did not come back");
    ensure!(client.apps()?["notes"].version == "1");
    ensure!(page(8093)?.contains("it works"));
    Ok(())
}

fn owner_goes_back(machine: &Machine, file_system: FileSystem) -> Result<()> {
    let (_disk, mut site) = site_on(machine, file_system)?;
    offer(&mut site, "1", Version::Good)?;
    let (hearth, client) = site.set_up()?;
    install(&client, "notes")?;
    let value = hearth.app_folder("notes").join("data/value");
    fs::write(&value, "before the update")?;

    offer(&mut site, "2", Version::Good)?;
    start_update(&client)?;
    let updated = client.wait_for_app("notes", "version 2 and running", PATIENCE, |app| {
        app.version == "2" && app.state == AppState::Running && app.last_update.is_some()
    })?;
    ensure!(updated.last_update.is_some_and(|update| update.reverted.is_none() && update.can_go_back));
    fs::write(&value, "after the update")?;

    client.act("POST", "apps/notes/go-back")?;
    client.wait_for_app("notes", "version 1 and running", PATIENCE, |app| {
        app.version == "1" && app.state == AppState::Running
    })?;
    ensure!(
        fs::read_to_string(&value)? == "before the update",
        "the data of before the update did not come back"
    );
    Ok(())
}

/// Puts Hearth's state on a disk with this file system.
pub(crate) fn site_on(machine: &Machine, file_system: FileSystem) -> Result<(Disk, Site)> {
    let disk = Disk::new(machine, "disk", file_system, 512)?;
    let mut site = Site::new(machine)?;
    site.setup.state = disk.path().join("state");
    Ok((disk, site))
}

/// What a version of the app `notes` does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Good,
    SpoilsDataAndIsUnhealthy,
}

/// Offers the app `notes`; `tag` is both the version and the image's tag.
pub(crate) fn offer(site: &mut Site, tag: &str, version: Version) -> Result<()> {
    let image = site.registry.push("notes", tag, 0)?.to_string();
    offer_image(site, tag, version, &image)
}

fn offer_image(site: &Site, tag: &str, version: Version, image: &str) -> Result<()> {
    let (command, check) = match version {
        Version::Good => ("echo it works >/data/index.html; exec httpd -f -p 80 -h /data", "true"),
        Version::SpoilsDataAndIsUnhealthy => {
            ("echo spoiled >/data/value; echo cannot read my data; exec sleep infinity", "false")
        }
    };
    let compose = format!(
        "services:\n  web:\n    image: {image}\n    command: [sh, -c, '{command}']\n    init: true\n    \
         volumes: [\"./data:/data\"]\n    healthcheck: {{ test: [CMD, \"{check}\"], interval: 1s, timeout: 2s, retries: 2 }}\n"
    )
    .replace("\"true\"", "test, -e, /data/index.html");
    site.store.write(&TestPackage {
        id: "notes",
        version: tag,
        web: Some(("web", 80, 8093)),
        compose: &compose,
    })
}

fn start_update(client: &Client) -> Result<()> {
    client.act("POST", "stores/store/refresh")?;
    client.wait_for_app("notes", "offered an update", PATIENCE, |app| app.update.is_some())?;
    client.send_nothing_back("POST", "apps/notes/update", &serde_json::json!({}))
}

fn wait_until_reverted(client: &Client) -> Result<LastUpdate> {
    let limit = PATIENCE * 3;
    let status = client.wait_for_app("notes", "back on version 1", limit, |app| {
        app.state == AppState::Running
            && app.last_update.as_ref().is_some_and(|update| update.reverted.is_some())
    })?;
    status.last_update.context("it was just there")
}

fn image_of(site: &Site) -> Result<String> {
    site.engine.docker(&["inspect", "--format", "{{.Image}}", "notes-web-1"])
}
