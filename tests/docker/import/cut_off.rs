use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hearth_model::AppState;
use hearth_model::api::import::{ImportItem, ImportState, ImportStatus, ImportUmbrel};
use hearth_tests::client::Client;
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::wait::{Answer, wait_for};

use super::{EXPLORER, EXPORTS, NODE, about, command, describe, generation, write_box};
use crate::apps::{PATIENCE, Site};
use crate::foreign::{answer, site};

/// Files of the app that is being copied when the import is cut off: enough for a second or more.
const FILES: usize = 20_000;

/// Makes a site whose store has the apps of the other box, and that box, one app of which takes a while to copy.
fn site_and_box(machine: &Machine, name: &str) -> Result<(Site, PathBuf)> {
    let (node, explorer) =
        (about("node", "1", 8321, ""), about("explorer", "1", 8322, "dependencies: [node]\n"));
    let files = [
        ("node/umbrel-app.yml", node.as_str()),
        ("node/docker-compose.yml", NODE),
        ("node/exports.sh", EXPORTS),
        ("explorer/umbrel-app.yml", explorer.as_str()),
        ("explorer/docker-compose.yml", EXPLORER),
    ];
    let mut site = site(machine, name, &files)?;
    let image = site.registry.push(name, "1", 0)?.to_string();
    let umbrel = machine.path("umbrel");
    write_box(&umbrel, &image)?;
    let many = umbrel.join("app-data/node/data/many");
    fs::create_dir(&many)?;
    for number in 0..FILES {
        fs::write(many.join(number.to_string()), number.to_string())?;
    }
    chown(&many, Some(1000), Some(1000))?;
    Ok((site, umbrel))
}

fn begin(client: &Client, folder: &Path) -> Result<()> {
    let request = ImportUmbrel {
        folder: folder.to_str().context("text")?.to_owned(),
        apps: ["node".parse()?, "explorer".parse()?].into(),
        granted: Default::default(),
        without_files: true,
        copy_mounts: false,
    };
    client.send::<ImportStatus>("POST", "import/umbrel", &request).map(drop)
}

fn item(status: &ImportStatus, name: &str) -> Result<ImportItem> {
    status.items.iter().find(|item| item.name == name).cloned().context("it is not told of")
}

/// Waits until the node is half copied. Looks all the time: it does not take long.
fn half_copied(client: &Client) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let node = item(&client.get("import")?, "node")?;
        match node.state {
            ImportState::Waiting => {}
            ImportState::Copying if node.done_bytes == 0 => {}
            ImportState::Copying => return Ok(()),
            ImportState::Done | ImportState::LeftOut | ImportState::Failed | ImportState::GivenUp => {
                bail!("it was over before it could be cut off: {node:?}")
            }
        }
        ensure!(Instant::now() < until, "it does not begin: {node:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_import_that_a_kill_cut_off_is_done_again() -> Result<()> {
    on_a_machine(|machine| {
        let (site, umbrel) = site_and_box(machine, "killed")?;
        let before = describe(&umbrel)?;
        let (hearth, client) = site.set_up()?;
        begin(&client, &umbrel)?;
        half_copied(&client)?;
        hearth.kill()?;
        let apps = site.setup.state.join("apps");
        let partial = apps.join(".node.import");
        ensure!(partial.exists() && !apps.join("node").exists(), "it was not cut off half-way");

        let (hearth, client) = site.start()?;
        ensure!(!partial.exists(), "what was half copied is still there");
        ensure!(generation(&client)? == 0 && client.apps()?.is_empty(), "half an app is installed");
        let folder = umbrel.to_str().context("text")?;
        let (done, said) = command(&hearth, &["import", "umbrel", folder])?;
        ensure!(
            done.contains("node is taken over") && done.contains("explorer is taken over"),
            "{done}\n{said}"
        );
        client.wait_for_state("node", AppState::Running, PATIENCE)?;
        client.wait_for_state("explorer", AppState::Running, PATIENCE)?;
        let seen = answer(8322)?;
        ensure!(seen.contains("open") && seen.contains("words of the node"), "{seen}");
        ensure!(fs::read_dir(apps.join("node/data/many"))?.count() == FILES, "files are missing");
        ensure!(describe(&umbrel)? == before, "the other box's folder was changed");
        Ok(())
    })
}

#[test]
fn an_import_that_is_given_up_leaves_nothing_and_may_begin_again() -> Result<()> {
    on_a_machine(|machine| {
        let (site, umbrel) = site_and_box(machine, "given-up")?;
        let before = describe(&umbrel)?;
        let (hearth, client) = site.set_up()?;
        begin(&client, &umbrel)?;
        half_copied(&client)?;
        command(&hearth, &["import", "cancel"])?;
        let status: ImportStatus = wait_for("the import to end", PATIENCE, || {
            let status: ImportStatus = client.get("import")?;
            Ok(if status.is_running { Answer::NotYet(format!("{status:?}")) } else { Answer::Is(status) })
        })?;
        for name in ["node", "explorer"] {
            ensure!(item(&status, name)?.state == ImportState::GivenUp, "{status:?}");
        }
        let left: Vec<_> = fs::read_dir(site.setup.state.join("apps"))?.collect::<Result<_, _>>()?;
        ensure!(left.is_empty(), "{left:?}");
        ensure!(generation(&client)? == 0 && client.apps()?.is_empty(), "half an app is installed");
        let (told, _) = command(&hearth, &["import", "status"])?;
        ensure!(told.contains("given up"), "{told}");

        begin(&client, &umbrel)?;
        client.wait_for_state("explorer", AppState::Running, PATIENCE)?;
        ensure!(answer(8322)?.contains("open"));
        ensure!(describe(&umbrel)? == before, "the other box's folder was changed");
        Ok(())
    })
}
