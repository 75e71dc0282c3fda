use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use hearth_model::api::system::SystemInfo;
use hearth_tests::client::Client;
use hearth_tests::disk::{Disk, FileSystem};
use hearth_tests::machine::on_a_machine;
use hearth_tests::process::run as run_program;
use hearth_tests::wait::{Answer, wait_for};

use crate::apps::{PATIENCE, install, page};
use crate::command_line::run;
use crate::updates::{Version, offer, site_on};

#[test]
fn a_disk_in_an_apps_folder_and_a_protected_file_are_left_as_they_are_and_named() -> Result<()> {
    on_a_machine(|machine| {
        let (_disk, mut site) = site_on(machine, FileSystem::Ext4)?;
        offer(&mut site, "1", Version::Good)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "notes")?;
        let folder = hearth.app_folder("notes");
        let (value, photos) = (folder.join("data/value"), folder.join("data/photos"));
        fs::write(&value, "before the update")?;
        let mut disk = Disk::mounted_at(machine, "photos", &photos, FileSystem::Ext4, 64)?;
        fs::create_dir(photos.join("2024"))?;
        fs::write(photos.join("2024/beach"), vec![7; 100_000])?;
        fs::write(photos.join("list"), "irreplaceable")?;
        let before = files(&photos)?;
        let unmount = format!("umount {}", photos.display());

        // A removal is refused before anything is done.
        let refused = hearth.command_line(&["app", "remove", "notes", "--delete-data"])?;
        let error = String::from_utf8_lossy(&refused.stderr);
        ensure!(!refused.status.success() && error.contains(&unmount), "it did not name the mount: {error}");
        ensure!(page(8093)?.contains("it works"), "the app was stopped");
        ensure!(files(&photos)? == before, "the disk was changed");

        // An update works, and so does going back; the disk stays out of both.
        offer(&mut site, "2", Version::Good)?;
        client.act("POST", "stores/store/refresh")?;
        client.wait_for_app("notes", "offered an update", PATIENCE, |app| app.update.is_some())?;
        for command in ["update", "go-back"] {
            let done = hearth.command_line(&["app", command, "notes"])?;
            let told = String::from_utf8_lossy(&done.stderr);
            ensure!(done.status.success(), "{command} failed: {told}");
            ensure!(told.contains(&photos.display().to_string()), "{command} did not name the mount: {told}");
            ensure!(files(&photos)? == before, "{command} changed the disk");
            ensure!(client.apps()?["notes"].version == if command == "update" { "2" } else { "1" });
            if command == "update" {
                fs::write(&value, "after the update")?;
            } else {
                ensure!(fs::read_to_string(&value)? == "before the update", "the data did not come back");
            }
        }

        // Unmounted, the app's data goes, but for a file that nothing may change.
        disk.unmount()?;
        run_program("chattr", &["+i", &value.to_string_lossy()])?;
        let told = run(&hearth, &["app", "remove", "notes", "--delete-data"])?;
        ensure!(told.contains("notes is gone") && told.contains("chattr -i"), "it did not tell: {told}");
        ensure!(!folder.exists(), "the app's folder is still there");

        // That keeps neither the next start nor the dashboard away.
        hearth.kill()?;
        let (hearth, client) = site.start()?;
        let kept = protected(&client)?;
        ensure!(kept.ends_with("data/value"), "{} was named", kept.display());
        ensure!(
            run(&hearth, &["status"])?.contains(&kept.display().to_string()),
            "`hearth status` does not tell"
        );
        run_program("chattr", &["-i", &kept.to_string_lossy()])?;
        wait_for("the rest to be deleted", PATIENCE, || {
            let system: SystemInfo = client.get("system")?;
            Ok(Answer::when(system.trash.is_empty(), format!("{:?}", system.trash)))
        })?;

        disk.mount_at(&machine.path("looked-at"))?;
        ensure!(files(disk.path())? == before, "the disk was changed");
        Ok(())
    })
}

/// Returns the protected file that the box tells of.
fn protected(client: &Client) -> Result<PathBuf> {
    wait_for("the box to tell of a protected file", PATIENCE, || {
        let system: SystemInfo = client.get("system")?;
        let named = system.warnings.iter().find_map(|warning| {
            let (_, rest) = warning.split_once("chattr -i -a ")?;
            Some(PathBuf::from(rest.split('`').next()?))
        });
        Ok(named.map_or_else(|| Answer::NotYet(format!("{:?}", system.warnings)), Answer::Is))
    })
}

/// Returns the files below a folder with their content.
fn files(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let (path, name) = entry.map(|entry| (entry.path(), PathBuf::from(entry.file_name())))?;
        if path.is_dir() {
            all.extend(files(&path)?.into_iter().map(|(below, content)| (name.join(below), content)));
        } else {
            all.insert(name, fs::read(&path)?);
        }
    }
    Ok(all)
}
