/// Imports that do not come to their end.
mod cut_off;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::api::apps::UpdateApp;
use hearth_model::api::import::{ImportPlan, ImportStatus};
use hearth_model::api::system::SystemInfo;
use hearth_tests::client::Client;
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::on_a_machine;
use hearth_tests::process::run;

use crate::apps::PATIENCE;
use crate::foreign::{answer, install, site};

const SEED: &str = "6f1d3c0f8a5e4b7299c1d2e3f4a5b6c7d8e9f00112233445566778899aabbccd";
/// An app whose data opens with the password that it was locked with, and no other.
const NODE: &str = "services:
  app_proxy: { environment: { APP_HOST: node_web_1, APP_PORT: 8080, PROXY_AUTH_ADD: 'false' } }
  web:
    image: IMAGE
    init: true
    user: '1000:1000'
    command:
      - sh
      - -c
      - '[ -e /data/lock ] || echo $APP_PASSWORD >/data/lock;
        { cat /data/words; if [ \"$$(cat /data/lock)\" = $APP_PASSWORD ]; then echo open; else echo locked; fi;
        echo $APP_NODE_KEY; stat -c \"%u:%g\" /data/words; } >/data/index.html; exec httpd -f -p 8080 -h /data'
    volumes: ['${APP_DATA_DIR}/data:/data']
";
/// An app that talks to the node with a key that both derive.
const EXPLORER: &str = "services:
  app_proxy: { environment: { APP_HOST: explorer_web_1, APP_PORT: 80, PROXY_AUTH_ADD: 'false' } }
  web:
    image: IMAGE
    init: true
    command:
      - sh
      - -c
      - 'until wget -q -O /tmp/seen http://node_web_1:8080/; do sleep 1; done; cat /data/notes /tmp/seen >/tmp/index.html;
        grep -q $APP_NODE_KEY /tmp/seen && echo same key >>/tmp/index.html; exec httpd -f -p 80 -h /tmp'
    volumes: ['${APP_DATA_DIR}/data:/data']
";
const EXPORTS: &str = "key=$(derive_entropy \"node-key\")\nexport APP_NODE_KEY=\"${key}\"\n";
/// An app whose page is its password.
const SAFE: &str = "services:
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'echo $APP_PASSWORD >/tmp/index.html; exec httpd -f -p 80 -h /tmp']
    ports: ['8323:80']
";

fn about(id: &str, version: &str, port: u16, more: &str) -> String {
    let name = format!("{}{}", id[..1].to_uppercase(), &id[1..]);
    format!("manifestVersion: 1\nid: {id}\nname: {name}\nversion: '{version}'\nport: {port}\n{more}")
}

/// Writes what umbrelOS 1.x keeps, with what is hard about it.
fn write_box(folder: &Path, image: &str) -> Result<()> {
    let write = |path: &str, text: &str| -> Result<()> {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
        fs::write(path, text.replace("IMAGE", image))?;
        Ok(())
    };
    write(
        "umbrel.yaml",
        "version: 1.4.2\napps: [explorer, safe, ghost, away, node, asleep]\nappRepositories: ['https://apps.example/x.git']\nuser: { name: ada }\n",
    )?;
    write("db/umbrel-seed/seed", SEED)?;
    write("app-data/node/umbrel-app.yml", &about("node", "0.9", 8321, ""))?;
    // As umbrelOS has it once the app was started.
    write(
        "app-data/node/docker-compose.yml",
        &NODE.replace("    init: true\n", "    init: true\n    container_name: node_web_1\n"),
    )?;
    write("app-data/node/exports.sh", EXPORTS)?;
    write("app-data/node/data/words", "words of the node\n")?;
    write("app-data/node/data/lock", &format!("{}\n", derived("app-node-seed-APP_PASSWORD")?))?;
    symlink("/usr/share", folder.join("app-data/node/share"))?;
    for path in ["data", "data/words", "data/lock"] {
        chown(folder.join("app-data/node").join(path), Some(1000), Some(1000))?;
    }
    for (id, port) in [("explorer", 8322), ("safe", 8323), ("asleep", 8324), ("ghost", 8325)] {
        let more = if id == "explorer" { "dependencies: [node]\n" } else { "" };
        write(&format!("app-data/{id}/umbrel-app.yml"), &about(id, "1", port, more))?;
        write(&format!("app-data/{id}/docker-compose.yml"), SAFE)?;
    }
    write("app-data/explorer/docker-compose.yml", EXPLORER)?;
    write("app-data/explorer/data/notes", "notes of the explorer\n")?;
    write("app-data/asleep/settings.yml", "autoStart: false\n")?;
    symlink("/somewhere/else", folder.join("app-data/away"))?;
    write("home/Downloads/list", "a film\n")
}

/// Derives a secret as umbrelOS does.
fn derived(message: &str) -> Result<String> {
    let script = format!("printf %s '{message}' | openssl dgst -sha256 -hmac '{SEED}' | sed 's/^.* //'");
    Ok(run("sh", &["-c", &script])?.trim().to_owned())
}

/// Everything about a folder that an import must leave as it is.
fn describe(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let there = fs::symlink_metadata(&path)?;
        let content = if there.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
            Vec::new()
        } else if there.is_symlink() {
            fs::read_link(&path)?.into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path)?
        };
        let meta = format!(
            "{:o} {}:{} {}.{} {}.{}",
            there.mode(),
            there.uid(),
            there.gid(),
            there.mtime(),
            there.mtime_nsec(),
            there.ctime(),
            there.ctime_nsec()
        );
        all.insert(path.display().to_string(), format!("{meta} {content:?}"));
    }
    Ok(all)
}

fn generation(client: &Client) -> Result<u64> {
    Ok(client.get::<SystemInfo>("system")?.generation.0)
}

fn command(hearth: &Hearth, arguments: &[&str]) -> Result<(String, String)> {
    let output = hearth.command_line(arguments)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let error = text(&output.stderr);
    ensure!(output.status.success(), "`hearth {}` failed: {error}", arguments.join(" "));
    Ok((text(&output.stdout), error))
}

#[test]
fn an_umbrel_is_taken_over_with_its_data_and_passwords() -> Result<()> {
    on_a_machine(|machine| {
        let files = [
            ("node/umbrel-app.yml", about("node", "1", 8321, "")),
            ("node/docker-compose.yml", NODE.to_owned()),
            ("node/exports.sh", EXPORTS.to_owned()),
            ("explorer/umbrel-app.yml", about("explorer", "1", 8322, "dependencies: [node]\n")),
            ("explorer/docker-compose.yml", EXPLORER.to_owned()),
            ("safe/umbrel-app.yml", about("safe", "1", 8323, "")),
            ("safe/docker-compose.yml", SAFE.to_owned()),
            ("asleep/umbrel-app.yml", about("asleep", "1", 8324, "")),
            ("asleep/docker-compose.yml", SAFE.replace("8323", "8324")),
            ("away/umbrel-app.yml", about("away", "1", 8326, "")),
            ("away/docker-compose.yml", SAFE.replace("8323", "8326")),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let mut site = site(machine, "umbrel", &files)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "safe")?;
        let (own_password, own_containers) =
            (answer(8323)?, crate::apps::container_ids(&site.engine, "safe")?);
        let umbrel = machine.path("umbrel");
        let image = site.registry.push("umbrel", "1", 0)?.to_string();
        write_box(&umbrel, &image)?;
        let before = describe(&umbrel)?;
        let folder = umbrel.to_str().context("text")?;

        let (plan, _) = command(&hearth, &["import", "umbrel", folder, "--dry-run", "--json"])?;
        let plan: ImportPlan = serde_json::from_str(&plan)?;
        let about = |id: &str| plan.apps.iter().find(|app| app.id == id).context("it is not in the plan");
        let order: Vec<&str> = plan.apps.iter().map(|app| app.id.as_str()).collect();
        ensure!(order[..3] == ["node", "explorer", "asleep"], "{order:?}");
        ensure!(about("node")?.blockers.is_empty() && about("node")?.size_bytes > 0);
        let notes = about("node")?.notes.join("; ");
        ensure!(notes.contains("stays at 0.9; its store offers 1") && notes.contains("`share`"), "{notes}");
        ensure!(about("safe")?.is_installed, "{plan:?}");
        ensure!(about("ghost")?.blockers[0].contains("no store of this box has it"), "{plan:?}");
        ensure!(about("away")?.blockers[0].contains("is a link to /somewhere/else"), "{plan:?}");
        ensure!(plan.missing_stores == ["https://apps.example/x.git"], "{plan:?}");
        ensure!(plan.files[0].folder == "home" && plan.needed_bytes < plan.free_bytes, "{plan:?}");
        ensure!(generation(&client)? == 1 && describe(&umbrel)? == before, "a dry run changed something");

        let (done, said) = command(&hearth, &["import", "umbrel", folder])?;
        for words in
            ["node is taken over", "explorer is taken over", "home is taken over", "ghost is left out"]
        {
            ensure!(done.contains(words), "`{words}`: {done}\n{said}");
        }
        ensure!(said.contains("Ghost 1 is left out") || said.contains("ghost is left out"), "{said}");
        client.wait_for_state("node", AppState::Running, PATIENCE)?;
        client.wait_for_state("explorer", AppState::Running, PATIENCE)?;
        client.wait_for_state("asleep", AppState::Stopped, PATIENCE)?;
        let seen = answer(8322)?;
        let key = derived("node-key")?;
        for words in
            ["notes of the explorer", "words of the node", "open", "1000:1000", "same key", key.as_str()]
        {
            ensure!(seen.contains(words), "`{words}` is not in {seen}");
        }
        ensure!(describe(&umbrel)? == before, "the other box's folder was changed");
        ensure!(fs::read_to_string(site.setup.state.join("library/Downloads/list"))? == "a film\n");

        // Neither the password nor the containers of an app that was here before are others now.
        ensure!(answer(8323)? == own_password);
        ensure!(crate::apps::container_ids(&site.engine, "safe")? == own_containers);

        // An app that came with its old version is updated as any other, and its password holds.
        client.send_nothing_back("POST", "apps/node/update", &UpdateApp::default())?;
        client.wait_for_app("node", "updated", PATIENCE, |app| {
            app.version == "1" && app.state == AppState::Running
        })?;
        ensure!(hearth.app_folder("node").join("data/lock").exists());

        // Done again, nothing is taken twice.
        let (again, _) = command(&hearth, &["import", "umbrel", folder, "--json"])?;
        let again: ImportStatus = serde_json::from_str(&again)?;
        let node = again.items.iter().find(|item| item.name == "node").context("it is told of")?;
        ensure!(node.message.as_deref() == Some("it is installed here already"), "{again:?}");
        let last = generation(&client)?;

        // A restart keeps the seed; what a cut-off import left goes.
        hearth.kill()?;
        let left = site.setup.state.join("apps/away/.hearth");
        fs::create_dir_all(&left)?;
        fs::write(
            left.join("app.json"),
            r#"{"app":"away","made_at":"2026-01-01T00:00:00Z","arriving":true}"#,
        )?;
        let (_hearth, client) = site.start()?;
        client.wait_for_state("node", AppState::Running, PATIENCE)?;
        ensure!(!site.setup.state.join("apps/away").exists(), "a cut-off import is still there");
        ensure!(generation(&client)? == last);
        client.act("POST", "apps/explorer/restart")?;
        client.wait_for_state("explorer", AppState::Running, PATIENCE)?;
        ensure!(answer(8322)?.contains("open"));
        Ok(())
    })
}

#[test]
fn what_is_no_umbrel_is_refused_with_what_is_missing() -> Result<()> {
    on_a_machine(|machine| {
        let site = site(
            machine,
            "none",
            &[("safe/umbrel-app.yml", &about("safe", "1", 8323, "")), ("safe/docker-compose.yml", SAFE)],
        )?;
        let (hearth, _client) = site.set_up()?;
        let folder = machine.path("umbrel");
        fs::create_dir(&folder)?;
        let refused = || -> Result<String> {
            let output = hearth.command_line(&["import", "umbrel", folder.to_str().context("text")?])?;
            ensure!(output.status.code() == Some(4), "{output:?}");
            Ok(String::from_utf8(output.stderr)?)
        };
        ensure!(refused()?.contains("holds neither umbrel.yaml nor db/user.json"));
        fs::create_dir(folder.join("db"))?;
        fs::write(folder.join("db/user.json"), r#"{"name":"ada","installedApps":["safe"],"repos":[]}"#)?;
        ensure!(refused()?.contains("no seed in db/umbrel-seed/seed"));
        Ok(())
    })
}
