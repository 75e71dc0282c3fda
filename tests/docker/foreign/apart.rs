use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_tests::client::Client;
use hearth_tests::machine::on_a_machine;
use hearth_tests::wait::{Answer, wait_for};

use super::{answer, install, site};
use crate::apps::{PATIENCE, Site};

/// Less than a script of an app may take: who waited for one that hangs takes longer.
const WITHOUT_WAITING: Duration = Duration::from_secs(25);

/// An app with a secret in its folder and one in its environment, behind Hearth's sign-in.
const VAULT: [(&str, &str); 2] = [
    ("vault/umbrel-app.yml", "manifestVersion: 1\nid: vault\nname: Vault\nversion: '1'\nport: 8501\n"),
    (
        "vault/docker-compose.yml",
        "services:
  app_proxy: { environment: { APP_HOST: vault_web_1, APP_PORT: 80 } }
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'SHOW']
    environment: { SECRET: $APP_PASSWORD }
    volumes: ['${APP_DATA_DIR}/data:/data']
",
    ),
];
/// An app that depends on it, whose script looks into its folder.
const FRIEND: [(&str, &str); 3] = [
    (
        "friend/umbrel-app.yml",
        "manifestVersion: 1\nid: friend\nname: Friend\nversion: '1'\nport: 8502\ndependencies: [vault]\n",
    ),
    (
        "friend/docker-compose.yml",
        "services:
  web: { image: IMAGE, init: true, command: [sh, -c, 'SHOW'], ports: ['8502:80'] }
",
    ),
    (
        "friend/hooks/pre-start",
        "#!/bin/sh\ncat \"$APP_DATA_DIR/../vault/data/word\" >\"$APP_DATA_DIR/seen\" 2>/dev/null || echo nothing >\"$APP_DATA_DIR/seen\"\n",
    ),
];
/// An app that has nothing to do with it and asks for its secrets.
const STRANGER: [(&str, &str); 3] = [
    (
        "stranger/umbrel-app.yml",
        "manifestVersion: 1\nid: stranger\nname: Stranger\nversion: '1'\nport: 8503\n",
    ),
    (
        "stranger/docker-compose.yml",
        "services:
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'SHOW']
    environment: { PLAIN: $STOLEN_PLAIN, SCRIPTED: $STOLEN_SCRIPTED }
    ports: ['8503:80']
",
    ),
    (
        "stranger/exports.sh",
        "export STOLEN_PLAIN=$(derive_entropy \"app-vault-seed-APP_PASSWORD\")\n\
         if true; then export STOLEN_SCRIPTED=$(derive_entropy \"app-vault-seed-APP_PASSWORD\"); fi\n",
    ),
];
/// An app whose script hangs once the app has its folder.
const HANGING: [(&str, &str); 3] = [
    ("hanging/umbrel-app.yml", "manifestVersion: 1\nid: hanging\nname: Hanging\nversion: '1'\nport: 8504\n"),
    (
        "hanging/docker-compose.yml",
        "services:
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'SHOW']
    ports: ['8504:80']
    volumes: ['${APP_DATA_DIR}/data:/data']
",
    ),
    ("hanging/exports.sh", "if [ -d \"${EXPORTS_APP_DIR}/.hearth\" ]; then sleep 7654321; fi\nexport A=b\n"),
];
/// What it hangs in.
const HANGS: &str = "sleep 7654321";
const QUICK: [(&str, &str); 2] = [
    ("quick/umbrel-app.yml", "manifestVersion: 1\nid: quick\nname: Quick\nversion: '1'\nport: 8505\n"),
    (
        "quick/docker-compose.yml",
        "services:\n  web: { image: IMAGE, init: true, command: [sh, -c, 'SHOW'], ports: ['8505:80'] }\n",
    ),
];

#[test]
fn an_app_reaches_no_other_that_it_does_not_depend_on() -> Result<()> {
    on_a_machine(|machine| {
        let store = [&VAULT[..], &FRIEND[..], &STRANGER[..], &HANGING[..], &QUICK[..]].concat();
        let site = site(machine, "apart", &store)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "vault")?;
        fs::write(hearth.app_folder("vault").join("data/word"), "of the vault")?;
        install(&client, "friend")?;
        install(&client, "stranger")?;
        client.wait_for_state("vault", AppState::Running, PATIENCE)?;

        let seen = fs::read_to_string(hearth.app_folder("friend").join("seen"))?;
        ensure!(seen == "nothing\n", "a script read the folder of another app: {seen}");
        secrets_differ(&site)?;
        only_the_friend_reaches(&site)?;
        a_script_that_hangs_holds_nobody_up(&client)
    })
}

/// The stranger asked for the vault's password by its name, once in a plain line and once in a script.
fn secrets_differ(site: &Site) -> Result<()> {
    let password = site.engine.docker(&["exec", "vault_web_1", "sh", "-c", "echo $SECRET"])?;
    let password = password.trim();
    ensure!(password.len() == 64, "{password}");
    let page = answer(8503)?;
    for name in ["PLAIN=", "SCRIPTED="] {
        let stolen = page.lines().find_map(|line| line.strip_prefix(name)).context("it is shown")?;
        ensure!(stolen.len() == 64 && stolen != password, "{name}{stolen}");
    }
    Ok(())
}

fn only_the_friend_reaches(site: &Site) -> Result<()> {
    let fetch = |from: &str, address: &str| {
        let script = format!(
            "timeout 3 wget -q -O /tmp/page http://{address}/; cat /tmp/page; rm -f /tmp/page; echo code=$?"
        );
        site.engine.docker(&["exec", from, "sh", "-c", &script])
    };
    // The vault is made anew once somebody depends on it.
    wait_for("the friend to reach the vault", PATIENCE, || {
        Ok(match fetch("friend_web_1", "vault_web_1") {
            Ok(page) => Answer::when(page.contains("the end"), page),
            Err(error) => Answer::NotYet(error.to_string()),
        })
    })?;
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
    let addresses = site.engine.docker(&["inspect", "--format", format, "vault_web_1"])?;
    for address in addresses.split_whitespace().chain(["vault_web_1"]) {
        let answer = fetch("stranger_web_1", address);
        let answer = answer?;
        ensure!(!answer.contains("the end"), "the stranger reaches the vault at {address}: {answer}");
    }
    Ok(())
}

fn a_script_that_hangs_holds_nobody_up(client: &Client) -> Result<()> {
    client.send_nothing_back("POST", "apps", &super::request(client, "hanging")?)?;
    wait_for("the script to hang", PATIENCE, || Ok(Answer::when(hangs()?, "it does not run")))?;
    let begun = Instant::now();
    install(client, "quick")?;
    client.act("POST", "apps/friend/restart")?;
    client.wait_for_state("friend", AppState::Running, PATIENCE)?;
    ensure!(begun.elapsed() < WITHOUT_WAITING, "it took {:?}", begun.elapsed());
    ensure!(hangs()?, "its script has ended, so nothing was shown");
    Ok(())
}

/// Tells whether the script that never ends runs.
fn hangs() -> Result<bool> {
    let list = hearth_tests::process::run("ps", &["-e", "-o", "args"])?;
    Ok(list.lines().any(|line| line == HANGS))
}
