use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::container::anonymous_volume_folder;
use hearth_model::desired::Settings;
use hearth_tests::client::Client;
use hearth_tests::engine::Engine;
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::TestPackage;

use crate::apps::{PATIENCE, Site, install, page};

/// Where the app keeps data: in a volume that its image declares, and in one that its Compose file gives no name.
const TARGETS: [&str; 2] = ["/kept", "/own"];

#[test]
fn data_that_nobody_named_survives_restart_update_going_back_and_an_older_hearth() -> Result<()> {
    on_a_machine(|machine| {
        let had_timezone = Path::new("/etc/timezone").exists();
        let mut site = Site::new(machine)?;
        offer(&mut site, "1")?;
        let (hearth, client) = site.set_up()?;
        install(&client, "keeper")?;
        let folder = hearth.app_folder("keeper");
        assert_logs(&folder, "1")?;
        ensure!(told(&site.engine)? == told_zone(&hearth, &client)?, "the container reads another time zone");
        ensure!(Path::new("/etc/timezone").exists() == had_timezone, "something was made on the host");

        restart(&site.engine, &client)?;
        assert_logs(&folder, "1 1")?;
        update(&mut site, &client, "2")?;
        assert_logs(&folder, "1 1 2")?;
        go_back(&client)?;
        assert_logs(&folder, "1 1 1")?;

        // A change of the zone reaches the container.
        let settings = Settings { time_zone: Some("Asia/Tokyo".to_owned()), ..Settings::default() };
        client.send_nothing_back("PATCH", "system/settings", &settings)?;
        client.wait_for_app("keeper", "running with another zone", PATIENCE, |app| {
            app.state == AppState::Running && told(&site.engine).is_ok_and(|zone| zone == "Asia/Tokyo")
        })?;
        assert_logs(&folder, "1 1 1 1")?;

        // As the version before left it: the data is in volumes of the engine, and the folder knows nothing of it.
        hearth.stop()?;
        let volumes = make_the_old_way(&site.engine)?;
        for target in TARGETS {
            fs::remove_dir_all(log(&folder, target).parent().context("a folder")?)?;
        }
        let (hearth, client) = site.start()?;
        client.wait_for_state("keeper", AppState::Running, PATIENCE)?;
        ensure!(site.engine.names("volume")? == volumes, "the container was made anew without need");

        // The first new container comes with an update: the copy before it has the data as well.
        update(&mut site, &client, "3")?;
        assert_logs(&folder, "old 3")?;
        let left = site.engine.names("volume")?;
        ensure!(volumes.iter().all(|volume| !left.contains(volume)), "the old volumes are left: {left:?}");
        go_back(&client)?;
        assert_logs(&folder, "old 1")?;

        client.act("DELETE", "apps/keeper?data=keep")?;
        client.wait_until_gone("keeper", PATIENCE)?;
        assert_logs(&folder, "old 1")?;
        ensure!(site.engine.names("volume")?.is_empty(), "records of volumes are left");
        install(&client, "keeper")?;
        assert_logs(&folder, "old 1 3")?;
        client.act("DELETE", "apps/keeper?data=delete")?;
        client.wait_until_gone("keeper", PATIENCE)?;
        ensure!(!folder.exists(), "the data was to be deleted");
        drop(hearth);
        Ok(())
    })
}

fn offer(site: &mut Site, version: &str) -> Result<()> {
    let image = site.registry.push_with_volumes("keeper", version, &["/kept"])?;
    let line = format!(
        "for at in kept own; do echo {version} >>/$$at/log; done; echo ok >/tmp/index.html; exec httpd -f -p 80 -h /tmp"
    );
    let compose = format!(
        "services:\n  web:\n    image: {image}\n    command: [sh, -c, '{line}']\n    init: true\n    \
         volumes: [/own, \"/etc/timezone:/etc/timezone:ro\", \"/etc/localtime:/etc/localtime:ro\"]\n    \
         healthcheck: {{ test: [CMD, wget, -q, -O, /dev/null, \"http://127.0.0.1/\"], interval: 1s, timeout: 2s, retries: 3 }}\n"
    );
    site.store.write(&TestPackage { id: "keeper", version, web: Some(("web", 80, 8094)), compose: &compose })
}

fn log(folder: &Path, target: &str) -> PathBuf {
    let service = "web".parse().expect("a valid name");
    folder.join("volumes").join(anonymous_volume_folder(&service, target)).join("log")
}

fn assert_logs(folder: &Path, expected: &str) -> Result<()> {
    for target in TARGETS {
        let text = fs::read_to_string(log(folder, target)).context(target)?;
        let lines = text.lines().collect::<Vec<_>>().join(" ");
        ensure!(lines == expected, "{target}: expected `{expected}`, found `{lines}`");
    }
    Ok(())
}

/// Returns the time zone that the container reads.
fn told(engine: &Engine) -> Result<String> {
    engine.docker(&["exec", "keeper-web-1", "cat", "/etc/timezone"]).map(|zone| zone.trim().to_owned())
}

/// Returns the time zone of the file that Hearth wrote for the app.
fn told_zone(hearth: &hearth_tests::hearth::Hearth, client: &Client) -> Result<String> {
    client.wait_for_state("keeper", AppState::Running, PATIENCE)?;
    let folder = hearth.app_folder("keeper").join(".hearth/timezone");
    let mut file = folder;
    while file.is_dir() {
        let entry = fs::read_dir(&file)?.next().context("a zone")??;
        file = entry.path();
    }
    Ok(fs::read_to_string(file)?.trim().to_owned())
}

fn restart(engine: &Engine, client: &Client) -> Result<()> {
    let id = || engine.docker(&["inspect", "-f", "{{.Id}}", "keeper-web-1"]);
    let before = id()?;
    client.act("POST", "apps/keeper/restart")?;
    client.wait_for_app("keeper", "running in a new container", PATIENCE, |app| {
        app.state == AppState::Running && id().is_ok_and(|now| now != before)
    })?;
    page(8094).map(drop)
}

fn update(site: &mut Site, client: &Client, to: &str) -> Result<()> {
    offer(site, to)?;
    client.act("POST", "stores/store/refresh")?;
    client.wait_for_app("keeper", "offered an update", PATIENCE, |app| app.update.is_some())?;
    client.send_nothing_back("POST", "apps/keeper/update", &serde_json::json!({}))?;
    client.wait_for_app("keeper", "updated", PATIENCE, |app| {
        app.version == to && app.state == AppState::Running && app.last_update.is_some()
    })?;
    Ok(())
}

fn go_back(client: &Client) -> Result<()> {
    client.act("POST", "apps/keeper/go-back")?;
    client.wait_for_app("keeper", "version 1 and running", PATIENCE, |app| {
        app.version == "1" && app.state == AppState::Running
    })?;
    Ok(())
}

/// Makes the app's container as the version before made it, with volumes that the engine keeps; returns their names.
fn make_the_old_way(engine: &Engine) -> Result<Vec<String>> {
    let name = "keeper-web-1";
    let containers = engine.containers()?;
    let container = containers.get(name).context("the container is there")?;
    let command: Vec<String> =
        serde_json::from_str(&engine.docker(&["inspect", "-f", "{{json .Config.Cmd}}", name])?)?;
    engine.docker(&["rm", "--force", "--volumes", name])?;
    let mut run = vec!["run".to_owned(), "--detach".to_owned(), "--init".to_owned()];
    run.extend(["--name", name, "--network", "keeper_default", "--publish", "8094:80"].map(str::to_owned));
    run.extend(
        ["--volume", "/own", "--health-cmd", "wget -q -O /dev/null http://127.0.0.1/"].map(str::to_owned),
    );
    run.extend(["--health-interval", "1s"].map(str::to_owned));
    for (label, value) in &container.labels {
        run.extend(["--label".to_owned(), format!("{label}={value}")]);
    }
    run.push(container.image.clone());
    run.extend(command.into_iter().map(|word| word.replace("echo 1", "echo old")));
    engine.docker(&run.iter().map(String::as_str).collect::<Vec<_>>())?;
    engine.names("volume")
}
