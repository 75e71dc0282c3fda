use std::fs;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::condition::ReasonCode;
use hearth_tests::machine::on_a_machine;

use super::{answer, install, site};
use crate::apps::PATIENCE;

const ABOUT: &str = "manifestVersion: 1.1\nid: wiki\nname: Wiki\nversion: '1'\nport: 8311\n";
const COMPOSE: &str = "services:
  app_proxy: { environment: { APP_HOST: wiki_web_1, APP_PORT: 80, PROXY_AUTH_ADD: 'false' } }
  web:
    image: IMAGE
    init: true
    command: [sh, -c, 'SHOW']
    environment:
      WORD: ${APP_WIKI_WORD}
      KEY: ${APP_WIKI_KEY}
      MEMORY: ${APP_WIKI_MEMORY}
    env_file: ['${APP_DATA_DIR}/made.env']
    volumes: ['${APP_DATA_DIR}/data:/data', '${APP_DATA_DIR}/wiki.conf:/data/wiki.conf:ro']
";
/// Makes a word once and keeps it, and works the rest out anew each time.
const EXPORTS: &str = r#"
local env_file="${EXPORTS_APP_DIR}/.env"
if [[ ! -f "${env_file}" ]]; then
  echo "export APP_WIKI_WORD='word-${RANDOM}${RANDOM}'" > "${env_file}"
fi
. "${env_file}"
export APP_WIKI_KEY=$(derive_entropy "env-${app_entropy_identifier}-KEY" | head -c16)
export APP_WIKI_MEMORY="$(awk '/MemTotal:/ {print int($2 / 1024)}' /proc/meminfo)"
"#;
const PRE_START: &str = r#"#!/usr/bin/env bash
set -euo pipefail
mkdir -p "${APP_DATA_DIR}/data"
echo "FROM_HOOK=${APP_ID} of $(hostname)" > "${APP_DATA_DIR}/made.env"
count=$(cat "${APP_DATA_DIR}/starts" 2>/dev/null || echo 0)
echo -n "$((count + 1))" > "${APP_DATA_DIR}/starts"
cp "${APP_DATA_DIR}/starts" "${APP_DATA_DIR}/data/starts"
chown -R 1000:1000 "${APP_DATA_DIR}/data"
image=$(yq '.services.web.image' "${APP_DATA_DIR}/docker-compose.yml" 2>/dev/null || echo "")
[[ "${image}" == *scripts* ]] || yq -i ".services.web.image = \"older\"" "${APP_DATA_DIR}/docker-compose.yml"
echo "${image}" >"${APP_DATA_DIR}/image"
"${UMBREL_ROOT}/scripts/app" ls-installed >"${APP_DATA_DIR}/installed"
"#;

#[test]
fn scripts_make_variables_files_and_templates_before_every_start() -> Result<()> {
    on_a_machine(|machine| {
        let files = [
            ("wiki/umbrel-app.yml", ABOUT),
            ("wiki/docker-compose.yml", COMPOSE),
            ("wiki/exports.sh", EXPORTS),
            ("wiki/hooks/pre-start", PRE_START),
            ("wiki/hooks/post-start", "#!/bin/sh\ntouch \"$APP_DATA_DIR/post-start\"\n"),
            ("wiki/hooks/post-install", "#!/bin/sh\necho x >>\"$APP_DATA_DIR/post-install\"\n"),
            ("wiki/wiki.conf.template", "word=${APP_WIKI_WORD}\nid=$APP_ID\n"),
        ];
        let site = site(machine, "scripts", &files)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "wiki")?;

        let folder = hearth.app_folder("wiki");
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let word = read(".env")
            .trim()
            .trim_start_matches("export APP_WIKI_WORD='")
            .trim_end_matches('\'')
            .to_owned();
        let seen = answer(8311)?;
        for expected in [&format!("WORD={word}"), &format!("word={word}"), "id=wiki", "FROM_HOOK=wiki of "] {
            ensure!(seen.contains(expected), "`{expected}` is not in {seen}");
        }
        let key = seen.lines().find_map(|line| line.strip_prefix("KEY=")).unwrap_or_default().to_owned();
        ensure!(key.len() == 16, "{seen}");
        ensure!(read("installed") == "wiki\n" && read("starts") == "1");
        ensure!(read("image").contains("/scripts:1"), "the image is {}", read("image"));
        hearth_tests::wait::wait_for("the scripts after the start", PATIENCE, || {
            let ran = folder.join("post-start").exists() && read("post-install") == "x\n";
            Ok(hearth_tests::wait::Answer::when(ran, "they did not run"))
        })?;

        client.act("POST", "apps/wiki/stop")?;
        client.wait_for_state("wiki", AppState::Stopped, PATIENCE)?;
        client.act("POST", "apps/wiki/start")?;
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        ensure!(read("starts") == "2", "the app was prepared again");
        ensure!(read("post-install") == "x\n", "an install happens once");
        let again = answer(8311)?;
        ensure!(again.contains(&format!("WORD={word}")) && again.contains(&format!("KEY={key}")), "{again}");

        // Neither a restart of Hearth nor what it looks at meanwhile touches an app that runs.
        let before = crate::apps::container_ids(&site.engine, "wiki")?;
        hearth.stop()?;
        let (_hearth, client) = site.start()?;
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        ensure!(crate::apps::container_ids(&site.engine, "wiki")? == before);
        ensure!(fs::read_to_string(folder.join("starts"))? == "2");
        Ok(())
    })
}

#[test]
fn a_script_that_fails_is_told_with_its_words_and_holds_nothing_up() -> Result<()> {
    on_a_machine(|machine| {
        let compose = COMPOSE.replace("    env_file: ['${APP_DATA_DIR}/made.env']\n", "");
        let pre_start = "#!/bin/sh\ncat /etc/shadow\necho x >../other\nwget http://127.0.0.1/\nyq -i '.services.web.image = \"older\"' docker-compose.yml\necho 'no such luck' >&2\nexit 7\n";
        let files = [
            ("wiki/umbrel-app.yml", ABOUT),
            ("wiki/docker-compose.yml", compose.as_str()),
            ("wiki/hooks/pre-start", pre_start),
            ("wiki/wiki.conf", "x"),
        ];
        let site = site(machine, "failing", &files)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "wiki")?;
        let app = client.wait_for_app("wiki", "told of", PATIENCE, |app| app.reason.is_some())?;
        ensure!(app.state == AppState::Running, "{app:?}");
        let reason = app.reason.context("it has a reason")?;
        ensure!(reason.code == ReasonCode::ScriptFailed, "{reason:?}");
        ensure!(reason.message.contains("pre-start of Wiki failed (exit code 7)"), "{reason:?}");
        ensure!(reason.log.last().is_some_and(|line| line == "no such luck"), "{reason:?}");
        ensure!(reason.log.iter().any(|line| line.contains("/etc/shadow")), "{reason:?}");
        let refused = "yq cannot change files: Hearth itself makes containers";
        ensure!(reason.log.iter().any(|line| line.contains(refused)), "{reason:?}");
        ensure!(!hearth.app_folder("other").exists(), "it wrote outside of its folder");
        Ok(())
    })
}

#[test]
fn exports_that_fail_say_why_and_the_app_does_not_start() -> Result<()> {
    on_a_machine(|machine| {
        let files = [
            ("wiki/umbrel-app.yml", ABOUT),
            ("wiki/docker-compose.yml", COMPOSE),
            (
                "wiki/exports.sh",
                "word=$(cat \"${EXPORTS_APP_DIR}/never-there\")\nexport APP_WIKI_WORD=$word\n",
            ),
        ];
        let site = site(machine, "broken", &files)?;
        let (_hearth, client) = site.set_up()?;
        let why = super::blockers(&client, "wiki")?;
        ensure!(why.contains("works out the variables of Wiki failed (exit code 1)"), "{why}");
        Ok(())
    })
}
