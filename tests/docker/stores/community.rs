use std::fs;

use anyhow::{Context as _, Result, ensure};
use hearth_model::api::store::StoreSummary;
use hearth_tests::machine::on_a_machine;
use serde_json::Value;

use super::{Shop, add, packages, reason, refresh, store};

/// Writes a package in the format of umbrelOS.
fn write(folder: &std::path::Path, id: &str) -> Result<()> {
    let package = folder.join(id);
    fs::create_dir_all(&package)?;
    let about = format!(
        "manifestVersion: 1\nid: {id}\nname: {id}\nversion: '1'\nport: 8331\nbackupIgnore: [data/cache/*, ../else]\n"
    );
    fs::write(package.join("umbrel-app.yml"), about)?;
    fs::write(package.join("docker-compose.yml"), super::COMPOSE)?;
    Ok(())
}

#[test]
fn packages_of_a_community_store_bear_its_name() -> Result<()> {
    on_a_machine(|machine| {
        let shop = Shop::new(machine)?;
        let folder = machine.path("community");
        for id in ["ada-wiki", "wiki"] {
            write(&folder, id)?;
        }
        let about = folder.join("umbrel-app-store.yml");
        fs::write(&about, "id: ada\nname: Of Ada\n")?;
        let location = folder.to_str().context("text")?.to_owned();
        let hearth = shop.setup.start()?;
        let client = hearth.client();
        client.set_up()?;

        let added = add(&client, "ada", location.clone())?.store;
        ensure!(packages(&client)? == ["ada-wiki 1"], "packages are {:?}", packages(&client)?);
        let refused: Vec<&str> = added.refused.iter().map(|one| one.package.as_str()).collect();
        ensure!(refused == ["wiki"] && added.refused[0].reason.contains("begin with `ada`"), "{added:?}");

        let output = hearth.command_line(&["store", "check", &location, "--json"])?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        for (pointer, expected) in [("/totals/plans", 1), ("/totals/refused", 1)] {
            ensure!(report.pointer(pointer) == Some(&Value::from(expected)), "{pointer} of {report}");
        }
        let notes = report.to_string();
        ensure!(notes.contains("`../else` of `backupIgnore`") && !notes.contains("`data/cache"), "{notes}");

        // Without an id nobody knows what the ids begin with: the store stays as it was.
        fs::write(&about, "name: Of Ada\n")?;
        let why = reason::<StoreSummary>(refresh(&client, "ada"))?;
        ensure!(why.contains("it must name an `id`"), "{why}");
        let now = store(&client, "ada")?;
        ensure!(now.packages == 1 && now.problem.is_some(), "{now:?}");
        Ok(())
    })
}
