use std::fs;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::wait::{Answer, wait_for};

use super::{answer, install, request, site};
use crate::apps::{PATIENCE, Site};

const ABOUT: &str = "manifestVersion: 1.1\nid: wiki\nname: Wiki\nversion: '1'\nport: 8312\n";
const COMPOSE: &str = "services:
  app_proxy: { environment: { APP_HOST: wiki_web_1, APP_PORT: 80, PROXY_AUTH_ADD: 'false' } }
  web:
    image: IMAGE
    init: true
    restart: on-failure
    command: [sh, -c, 'SHOW']
    depends_on: { db: { condition: service_healthy } }
    env_file: ['${APP_DATA_DIR}/keys.env']
    volumes: ['${APP_DATA_DIR}/data:/data']
  db:
    image: IMAGE
    init: true
    restart: on-failure
    command: [sh, -c, 'busybox sleep 1; echo >/tmp/ready; exec busybox sleep 100000']
    healthcheck: { test: [CMD, busybox, test, -e, /tmp/ready], interval: 1s }
";
/// Makes a key by the app's own image, and a first user by the app as it runs.
const PRE_START: &str = r#"#!/usr/bin/env bash
set -euo pipefail
compose() { "${UMBREL_ROOT}/scripts/app" compose "${APP_ID}" "$@"; }
[[ -f "${APP_DATA_DIR}/done" ]] && exit 0
mkdir -p "${APP_DATA_DIR}/data"
compose run --rm --no-deps -e KEY=made web "busybox env" | grep -x 'KEY=made' >"${APP_DATA_DIR}/keys.env"
compose up -d --wait --wait-timeout 60 web
printf 'pass\nword\n' | compose exec -T web busybox tee /data/users >"${APP_DATA_DIR}/echoed"
compose exec -T -w /data -e NAME=ada web busybox env | grep -x 'NAME=ada' >"${APP_DATA_DIR}/data/name"
if compose exec -T web busybox false; then exit 9; fi
compose exec -T web busybox ls /no/such 2>"${APP_DATA_DIR}/errors" || echo "code $?" >>"${APP_DATA_DIR}/errors"
"${UMBREL_ROOT}/scripts/app" restart other 2>"${APP_DATA_DIR}/refused" || true
"${UMBREL_ROOT}/scripts/app" compose other exec -T web sh 2>>"${APP_DATA_DIR}/refused" || true
compose stop
touch "${APP_DATA_DIR}/done"
"#;
const POST_START: &str = r#"#!/usr/bin/env bash
set -euo pipefail
"${UMBREL_ROOT}/scripts/app" compose "${APP_ID}" stop web
echo changed while it was stopped >"${APP_DATA_DIR}/data/late"
"${UMBREL_ROOT}/scripts/app" compose "${APP_ID}" start web
"#;
const PRE_STOP: &str = r#"#!/usr/bin/env bash
"${UMBREL_ROOT}/scripts/app" compose "${APP_ID}" exec -T web busybox touch /data/told
"${UMBREL_ROOT}/scripts/app" start "${APP_ID}" 2>"${APP_DATA_DIR}/not-now" || true
"#;
/// As packages do it that must not wait for themselves.
const POST_INSTALL: &str = r#"#!/usr/bin/env bash
echo and once more >"${APP_DATA_DIR}/data/later"
"${UMBREL_ROOT}/scripts/app" restart "${APP_ID}" &
"#;

fn wiki(machine: &Machine, image: &str, hooks: &[(&str, &str)]) -> Result<Site> {
    let package = [("wiki/umbrel-app.yml", ABOUT), ("wiki/docker-compose.yml", COMPOSE)];
    site(machine, image, &[&package, hooks].concat())
}

#[test]
fn scripts_start_stop_and_use_the_services_of_their_own_app() -> Result<()> {
    on_a_machine(|machine| {
        let hooks = [
            ("wiki/hooks/pre-start", PRE_START),
            ("wiki/hooks/post-start", POST_START),
            ("wiki/hooks/post-install", POST_INSTALL),
            ("wiki/hooks/pre-stop", PRE_STOP),
        ];
        let site = wiki(machine, "calls", &hooks)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "wiki")?;

        let shown = wait_for("the page of the app that was restarted", PATIENCE, || {
            let text = answer(8312)?;
            Ok(if text.contains("and once more") { Answer::Is(text) } else { Answer::NotYet(text) })
        })?;
        for expected in ["KEY=made\n", "pass\nword\n", "NAME=ada\n", "changed while it was stopped\n"] {
            ensure!(shown.contains(expected), "`{expected}` is not in {shown}");
        }
        let app = client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        ensure!(app.reason.is_none(), "{:?}", app.reason);
        let read = |name: &str| fs::read_to_string(hearth.app_folder("wiki").join(name)).unwrap_or_default();
        ensure!(read("echoed") == "pass\nword\n", "{}", read("echoed"));
        let errors = read("errors");
        ensure!(errors.contains("/no/such") && errors.ends_with("code 1\n"), "{errors}");
        let refused = read("refused");
        let words = "hearth: a script of wiki may not touch other, which is another app";
        ensure!(refused.lines().filter(|line| line.starts_with(words)).count() == 2, "{refused}");
        let all = site.engine.docker(&["ps", "--all", "--format", "{{.Names}}"])?;
        ensure!(!all.contains("_run_"), "a container of a script is left: {all}");

        client.act("POST", "apps/wiki/stop")?;
        client.wait_for_state("wiki", AppState::Stopped, PATIENCE)?;
        ensure!(
            hearth.app_folder("wiki").join("data/told").exists(),
            "an app that still runs was not reached"
        );
        let not_now = "hearth: pre-stop runs while the app is being stopped, so nothing of it is started\n";
        ensure!(read("not-now") == not_now, "{}", read("not-now"));
        client.act("POST", "apps/wiki/start")?;
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        ensure!(answer(8312)?.contains("KEY=made\n"));
        Ok(())
    })
}

#[test]
fn what_a_script_asks_in_vain_is_told_with_its_reason() -> Result<()> {
    on_a_machine(|machine| {
        let pre_start = "#!/bin/sh\n: >>keys.env\n\"${UMBREL_ROOT}/scripts/app\" compose \"${APP_ID}\" up --detach nope\n";
        let site = wiki(machine, "vain", &[("wiki/hooks/pre-start", pre_start)])?;
        let (_hearth, client) = site.set_up()?;
        install(&client, "wiki")?;
        let app = client.wait_for_app("wiki", "told of", PATIENCE, |app| app.reason.is_some())?;
        let reason = app.reason.context("it has a reason")?;
        ensure!(reason.message.contains("pre-start of Wiki failed (exit code 1)"), "{reason:?}");
        let said = "hearth: there is no service nope; wiki has db, web";
        ensure!(reason.log.last().is_some_and(|line| line == said), "{reason:?}");
        Ok(())
    })
}

/// Its script ends, and what it set going in a container does not, nor does it write anything.
#[test]
fn what_a_script_leaves_running_holds_nothing_up() -> Result<()> {
    on_a_machine(|machine| {
        let pre_start = r#"#!/usr/bin/env bash
: >>keys.env
mkdir -p data
printf 'exec >&- 2>&-\nbusybox sleep 1000\n' >data/mute
"${UMBREL_ROOT}/scripts/app" compose "${APP_ID}" up --detach web
"${UMBREL_ROOT}/scripts/app" compose "${APP_ID}" exec -T web sh /data/mute &
"#;
        let hooks =
            [("wiki/hooks/pre-start", pre_start), ("wiki/hooks/post-install", "#!/bin/sh\ntouch next\n")];
        let site = wiki(machine, "mute", &hooks)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "wiki")?;
        let next = hearth.app_folder("wiki").join("next");
        wait_for("the script after it", PATIENCE, || Ok(Answer::when(next.exists(), "it has not run")))
    })
}

#[test]
fn callers_that_say_nothing_keep_nobody_out() -> Result<()> {
    on_a_machine(|machine| {
        let pre_start = r#"#!/usr/bin/env bash
: >>keys.env
python3 -c "
import socket, time
sockets = [socket.socket(socket.AF_UNIX) for _ in range(40)]
for number, one in enumerate(sockets):
    one.connect('/run/hearth/agent.sock')
    print(number, flush=True)
time.sleep(1000)" >silent &
until [[ "$(tail -n 1 silent)" == 39 ]]; do sleep 0.1; done
"${UMBREL_ROOT}/scripts/app" compose "${APP_ID}" stop && touch answered
kill %1
"#;
        let site = wiki(machine, "silent", &[("wiki/hooks/pre-start", pre_start)])?;
        let (hearth, client) = site.set_up()?;
        install(&client, "wiki")?;
        let answered = hearth.app_folder("wiki").join("answered").exists();
        ensure!(answered, "the call behind them was not heard");
        Ok(())
    })
}

#[test]
fn a_kill_while_a_script_runs_a_container_leaves_nothing() -> Result<()> {
    on_a_machine(|machine| {
        let pre_start = r#"#!/bin/sh
: >>keys.env
[ -e begun ] && exit 0
touch begun
"${UMBREL_ROOT}/scripts/app" compose "${APP_ID}" run --rm --no-deps web busybox sleep 1000
"#;
        let site = wiki(machine, "killed", &[("wiki/hooks/pre-start", pre_start)])?;
        let (hearth, client) = site.set_up()?;
        client.send_nothing_back("POST", "apps", &request(&client, "wiki")?)?;
        let names = || site.engine.docker(&["ps", "--all", "--format", "{{.Names}}"]);
        wait_for("the script's container", PATIENCE, || {
            let all = names()?;
            Ok(Answer::when(all.contains("wiki_web_1_run_"), &all))
        })?;
        hearth.kill()?;
        let (_hearth, client) = site.start()?;
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        wait_for("the end of the script's container", PATIENCE, || {
            let all = names()?;
            Ok(Answer::when(!all.contains("_run_"), &all))
        })
    })
}
