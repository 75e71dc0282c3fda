use std::fs;

use anyhow::{Result, ensure};
use hearth_model::AppState;
use hearth_model::api::apps::{InstallCheck, UpdateApp};
use hearth_model::package::AccessKind;
use hearth_tests::client;
use hearth_tests::machine::on_a_machine;

use super::{answer, install, refusal, request, site, write};
use crate::apps::PATIENCE;

const COMPOSE: &str = "services:
  app_proxy: { environment: { APP_HOST: wiki_web_1, APP_PORT: 80, PROXY_AUTH_ADD: 'false' } }
  web: { image: IMAGE, init: true, command: [sh, -c, 'SHOW'], volumes: ['${APP_DATA_DIR}/data:/data'] }
";
/// Says when it ran, and whether the copy that an update makes was made by then.
const HOOK: &str = "#!/bin/sh\necho \"NAME of VERSION\" >>\"$APP_DATA_DIR/ran\"\n";

/// Returns the files of a version of a package whose files change from version to version.
fn version(version: &str) -> Vec<(String, String)> {
    let about = format!("manifestVersion: 1.1\nid: wiki\nname: Wiki\nversion: '{version}'\nport: 8331\n");
    let mut files = vec![
        ("wiki/umbrel-app.yml".to_owned(), about),
        ("wiki/docker-compose.yml".to_owned(), COMPOSE.to_owned()),
        ("wiki/data/first.conf".to_owned(), format!("first file of {version}\n")),
        ("wiki/data/once.conf".to_owned(), format!("other file of {version}\n")),
    ];
    for hook in ["pre-update", "post-update", "post-install"] {
        let text = HOOK.replace("NAME", hook).replace("VERSION", version);
        files.push((format!("wiki/hooks/{hook}"), text));
    }
    if version == "2" {
        files.push(("wiki/data/new.conf".to_owned(), "a file that is new\n".to_owned()));
    }
    files
}

fn as_text(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect()
}

#[test]
fn an_update_runs_its_scripts_and_brings_new_files_and_keeps_those_that_are_the_apps() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = site(machine, "update", &as_text(&version("1")))?;
        let (hearth, client) = site.set_up()?;
        install(&client, "wiki")?;
        let folder = hearth.app_folder("wiki");
        let ran = || fs::read_to_string(folder.join("ran")).unwrap_or_default();
        wait_until("the script after the install", || ran() == "post-install of 1\n")?;
        fs::write(folder.join("data/first.conf"), "what the owner wrote\n")?;

        let image = site.registry.push("update", "1", 0)?.to_string();
        write(site.store.path(), &image, &as_text(&version("2")))?;
        client.act("POST", "stores/store/refresh")?;
        client.send_nothing_back("POST", "apps/wiki/update", &UpdateApp::default())?;
        client.wait_for_app("wiki", "updated", PATIENCE, |app| {
            app.version == "2" && app.state == AppState::Running
        })?;
        wait_until("the script after the update", || ran().lines().count() == 3)?;
        let lines = ran();
        let (before, after) =
            (lines.lines().nth(1).unwrap_or_default(), lines.lines().nth(2).unwrap_or_default());
        ensure!(before.starts_with("pre-update") && after == "post-update of 2", "{lines}");
        let seen = answer(8331)?;
        for words in ["what the owner wrote", "other file of 1", "a file that is new"] {
            ensure!(seen.contains(words), "`{words}` is not in {seen}");
        }
        Ok(())
    })
}

fn wait_until(what: &str, holds: impl Fn() -> bool) -> Result<()> {
    hearth_tests::wait::wait_for(what, PATIENCE, || {
        Ok(hearth_tests::wait::Answer::when(holds(), "it did not come"))
    })
}

#[test]
fn an_app_in_the_hosts_network_is_agreed_to_and_answers() -> Result<()> {
    on_a_machine(|machine| {
        let files = [
            ("wiki/umbrel-app.yml", "manifestVersion: 1\nid: wiki\nname: Wiki\nversion: '1'\nport: 8341\n"),
            (
                "wiki/docker-compose.yml",
                "services:
  web:
    image: IMAGE
    init: true
    network_mode: host
    command: [sh, -c, 'echo in the network of the host >/tmp/index.html; exec httpd -f -p 8341 -h /tmp']
",
            ),
        ];
        let site = site(machine, "host", &files)?;
        let (_hearth, client) = site.set_up()?;
        let check: InstallCheck = client.send("POST", "apps/check", &client::install("store", "wiki")?)?;
        ensure!(
            check.access.iter().any(|asked| asked.access.kind == AccessKind::HostNetwork),
            "{:?}",
            check.access
        );
        let refused = refusal(client.install("store", "wiki"))?;
        ensure!(refused.contains("consent"), "{refused}");
        client.send_nothing_back("POST", "apps", &request(&client, "wiki")?)?;
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        ensure!(answer(8341)?.contains("in the network of the host"));
        let mode =
            site.engine.docker(&["inspect", "--format", "{{.HostConfig.NetworkMode}}", "wiki_web_1"])?;
        ensure!(mode.trim() == "host", "{mode}");
        Ok(())
    })
}
