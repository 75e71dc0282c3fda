use std::fs;

use anyhow::{Context as _, Result, ensure};
use hearth_model::api::apps::ConfigureApp;
use hearth_model::api::generations::Proposal;
use hearth_model::api::store::PackageDetail;
use hearth_model::form::FieldKind;
use hearth_model::{AppState, Desired};
use hearth_tests::client::Client;
use hearth_tests::machine::on_a_machine;

use super::{answer, refusal, request, site};
use crate::apps::PATIENCE;

const ABOUT: &str = r#"{
  "id": "wiki", "name": "Wiki", "available": true, "port": 8331, "version": "1", "uid": 1000, "gid": 1000,
  "form_fields": [
    { "type": "random", "label": "Key", "env_variable": "F_RANDOM", "min": 24, "encoding": "hex" },
    { "type": "text", "label": "Word", "env_variable": "F_TEXT", "default": "costs 5$" },
    { "type": "password", "label": "Password", "env_variable": "F_PASSWORD", "required": true, "min": 4 },
    { "type": "email", "label": "Mail", "env_variable": "F_EMAIL" },
    { "type": "number", "label": "Users", "env_variable": "F_NUMBER", "min": 1, "max": 9, "default": 3 },
    { "type": "boolean", "label": "Open", "env_variable": "F_BOOLEAN", "default": true },
    { "type": "url", "label": "Page", "env_variable": "F_URL" },
    { "type": "ip", "label": "Address", "env_variable": "F_IP" },
    { "type": "fqdn", "label": "Domain", "env_variable": "F_FQDN" },
    { "type": "fqdnip", "label": "Host", "env_variable": "F_FQDNIP" },
    { "type": "text", "label": "Code", "env_variable": "F_CODE", "regex": "^[a-z]{3}-\\d+$", "pattern_error": "three letters and a number" },
    { "type": "text", "label": "Riddle", "env_variable": "F_RIDDLE", "regex": "^(?=.*[0-9]).{4,}$", "pattern_error": "with a digit" },
    { "type": "text", "label": "Mode", "env_variable": "F_MODE", "options": [{ "label": "A", "value": "a" }, { "label": "B", "value": "b" }] }
  ] }"#;
const SERVICES: &str = r#"{ "schemaVersion": 2, "services": [
  { "name": "wiki", "image": "IMAGE", "isMain": true, "internalPort": 80, "command": ["sh", "-c", "SHOW"],
    "environment": [
      { "key": "F_RANDOM", "value": "${F_RANDOM}" }, { "key": "F_TEXT", "value": "${F_TEXT}" },
      { "key": "F_PASSWORD", "value": "${F_PASSWORD}" }, { "key": "F_EMAIL", "value": "${F_EMAIL}" },
      { "key": "F_NUMBER", "value": "${F_NUMBER}" }, { "key": "F_BOOLEAN", "value": "${F_BOOLEAN}" },
      { "key": "F_URL", "value": "${F_URL}" }, { "key": "F_IP", "value": "${F_IP}" },
      { "key": "F_FQDN", "value": "${F_FQDN}" }, { "key": "F_FQDNIP", "value": "${F_FQDNIP}" },
      { "key": "F_CODE", "value": "${F_CODE}" }, { "key": "F_RIDDLE", "value": "${F_RIDDLE}" },
      { "key": "F_MODE", "value": "${F_MODE:-none}" }, { "key": "PORT", "value": "${APP_PORT}" }
    ],
    "volumes": [{ "hostPath": "${APP_DATA_DIR}/data", "containerPath": "/data" }] } ] }"#;

/// An answer for each field that takes one, and one that the field must refuse.
const ANSWERS: [(&str, &str, &str); 10] = [
    // Everything that has a meaning somewhere on the way reaches the container as it was typed.
    ("F_PASSWORD", " $x ${F_TEXT} $$ 'q\" # \\n \\ 🔥\nsecond line ", "no"),
    ("F_EMAIL", "ada@home.example", "nobody"),
    ("F_NUMBER", "7", "12"),
    ("F_BOOLEAN", "false", "perhaps"),
    ("F_URL", "https://home.example/", "home"),
    ("F_IP", "192.0.2.7", "192.0.2.700"),
    ("F_FQDN", "home.example", "not a name"),
    ("F_FQDNIP", "192.0.2.8", "neither nor"),
    ("F_CODE", "abc-12", "abc-x"),
    ("F_MODE", "b", "c"),
];

#[test]
fn a_package_of_runtipi_asks_checks_and_runs() -> Result<()> {
    on_a_machine(|machine| {
        let files = [
            ("apps/wiki/config.json", ABOUT),
            ("apps/wiki/docker-compose.json", SERVICES),
            ("apps/wiki/data/wiki.conf.template", "mail={{F_EMAIL}} port={{APP_PORT}} ${kept}\n"),
        ];
        let site = site(machine, "runtipi", &files)?;
        let (hearth, client) = site.set_up()?;
        let detail: PackageDetail = client.get("store/packages/store/wiki")?;
        let kinds: Vec<FieldKind> = detail.manifest.settings.iter().map(|field| field.kind).collect();
        use FieldKind::{Boolean, Choice, Domain, Email, Host, Ip, Number, Secret, Text, Url};
        ensure!(
            kinds
                == [Secret, Text, Secret, Email, Number, Boolean, Url, Ip, Domain, Host, Text, Text, Choice],
            "{kinds:?}"
        );

        let refused = refusal(client.install("store", "wiki"))?;
        ensure!(refused.contains("F_PASSWORD"), "it is required: {refused}");
        let mut wanted = request(&client, "wiki")?;
        for (name, good, wrong) in ANSWERS {
            wanted.settings.insert(name.to_owned(), good.to_owned());
            let mut mistaken = wanted.clone();
            mistaken.settings.insert(name.to_owned(), wrong.to_owned());
            let refused = refusal(client.send_nothing_back("POST", "apps", &mistaken))?;
            ensure!(refused.contains(name), "`{wrong}` for {name}: {refused}");
        }
        // What a pattern that nobody can check in time asks for stays a hint.
        wanted.settings.insert("F_RIDDLE".to_owned(), "no".to_owned());
        client.send_nothing_back("POST", "apps", &wanted)?;
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        let seen = answer(8331)?;
        for (name, good, _) in ANSWERS {
            ensure!(seen.contains(&format!("{name}={good}\n")), "{name} is not {good} in {seen}");
        }
        ensure!(seen.contains("F_RIDDLE=no\n"), "{seen}");
        let mut mistaken =
            ConfigureApp { settings: Some(wanted.settings.clone()), ..ConfigureApp::default() };
        mistaken.settings.get_or_insert_default().insert("F_CODE".to_owned(), "ABC-12".to_owned());
        let refused = refusal(client.send_nothing_back("PATCH", "apps/wiki", &mistaken))?;
        ensure!(refused.contains("three letters and a number"), "{refused}");
        let refused = refusal(apply_answer(&client, "F_CODE", "ABC-12"))?;
        ensure!(refused.contains("wiki") && refused.contains("three letters and a number"), "{refused}");
        apply_answer(&client, "F_CODE", "xyz-9")?;
        ensure!(seen.contains("F_TEXT=costs 5$\n") && seen.contains("PORT=8331\n"), "{seen}");
        let key = seen.lines().find_map(|line| line.strip_prefix("F_RANDOM=")).unwrap_or_default();
        ensure!(key.len() == 24 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{seen}");
        ensure!(seen.contains("mail=ada@home.example port=8331 ${kept}"), "the template was filled: {seen}");
        let conf = fs::read_to_string(hearth.app_folder("wiki").join("data/wiki.conf"))?;
        ensure!(conf.starts_with("mail=ada@home.example"), "{conf}");
        Ok(())
    })
}

/// Applies the document in force with another answer of the wiki.
fn apply_answer(client: &Client, name: &str, value: &str) -> Result<()> {
    let mut desired: Desired = client.get("desired")?;
    let wiki = desired.apps.values_mut().next().context("the wiki is in the document")?;
    wiki.settings.insert(name.to_owned(), value.to_owned());
    client.send_nothing_back(
        "PUT",
        "desired",
        &Proposal { desired, based_on: None, why: None, allow_removal: false },
    )
}
