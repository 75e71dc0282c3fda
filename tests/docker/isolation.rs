use anyhow::{Context as _, Result, ensure};
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::TestPackage;
use serde_json::Value;

use crate::apps::{Site, install};

/// Two services that share all that services can share, one that writes a line of 30 MB, and a container name that is
/// also that of another app's.
const PAIR: &str = "services:
  db:
    image: IMAGE
    init: true
    command: [sh, -c, 'echo of the database >/shared/file; exec sleep 1000']
    volumes: ['shared:/shared']
    ipc: shareable
  web:
    image: IMAGE
    init: true
    # The service has another name here, and its process and file are seen.
    command: [sh, -c, 'until [ -e /shared/file ]; do sleep 1; done; cat /shared/file;
      ps -o args | grep -q \"[s]leep 1000\" && echo its process is seen; ping -c 1 -W 5 store >/dev/null && echo it answers; exec sleep 2000']
    volumes_from: ['db:ro']
    pid: service:db
    ipc: service:db
    links: ['db:store']
  loud:
    image: IMAGE
    init: true
    command: [sh, -c, 'echo before; dd if=/dev/zero bs=1000000 count=30 2>/dev/null | tr \"\\\\0\" x; echo; echo after;
      exec sleep 3000']
    mem_limit: 64m
    pids_limit: 50
    logging: { driver: json-file, options: { max-size: 40m } }
volumes: { shared: }
";

#[test]
fn apps_share_with_themselves_alone_and_have_limits() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("pair", "1", 0)?.to_string();
        let compose = PAIR.replace("IMAGE", &image);
        site.store.write(&TestPackage { id: "pair", version: "1", web: None, compose: &compose })?;
        // The container of `assistant-server` would have the name of `server` of the app `home-assistant`.
        let victim =
            format!("services:\n  server: {{ image: {image}, init: true, command: [sleep, '1000'] }}\n");
        site.store.write(&TestPackage { id: "home-assistant", version: "1", web: None, compose: &victim })?;
        let clash = victim.replace("server:", "assistant-server:");
        site.store.write(&TestPackage { id: "home", version: "1", web: None, compose: &clash })?;
        let (hearth, client) = site.set_up()?;

        install(&client, "home-assistant")?;
        let refused = client.install("store", "home").err().context("two containers of one name")?;
        ensure!(format!("{refused:#}").contains("is used by the app home-assistant"), "{refused:#}");

        install(&client, "pair")?;
        let logs = |service: &str| -> Result<String> {
            let output = hearth.command_line(&["app", "logs", "pair", "--service", service])?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Ok(String::from_utf8(output.stdout)?)
        };
        let seen =
            hearth_tests::wait::wait_for("the services to see one another", crate::apps::PATIENCE, || {
                let seen = logs("web")?;
                Ok(if seen.contains("it answers") {
                    hearth_tests::wait::Answer::Is(seen)
                } else {
                    hearth_tests::wait::Answer::NotYet(seen)
                })
            })?;
        ensure!(seen.contains("of the database") && seen.contains("its process is seen"), "{seen}");

        let long = hearth_tests::wait::wait_for("the long line", crate::apps::PATIENCE, || {
            let seen = logs("loud")?;
            Ok(if seen.contains("| after\n") {
                hearth_tests::wait::Answer::Is(seen)
            } else {
                hearth_tests::wait::Answer::NotYet(format!("{} bytes", seen.len()))
            })
        })?;
        ensure!(long.len() < 100_000 && long.contains("is left out"), "{} bytes", long.len());

        let inspect = |name: &str| -> Result<Value> {
            let text = site.engine.docker(&["inspect", "--type", "container", name])?;
            let mut all: Vec<Value> = serde_json::from_str(&text)?;
            Ok(all.remove(0)["HostConfig"].take())
        };
        let (web, loud) = (inspect("pair-web-1")?, inspect("pair-loud-1")?);
        let memory = web["Memory"].as_u64().context("no limit of memory")?;
        ensure!(memory > 500_000_000 && web["PidsLimit"] == 4096, "{web}");
        let log = serde_json::json!({ "Type": "local", "Config": { "max-size": "10m", "max-file": "3" } });
        ensure!(web["LogConfig"] == log, "{web}");
        ensure!(web["CapDrop"] == serde_json::json!(["MKNOD"]), "{web}");
        let db = site.engine.containers()?["pair-db-1"].id.clone();
        ensure!(
            web["PidMode"] == format!("container:{db}") && web["VolumesFrom"][0] == format!("{db}:ro"),
            "{web}"
        );
        ensure!(loud["Memory"] == 64 << 20 && loud["PidsLimit"] == 50, "what a package sets is kept: {loud}");
        let config = serde_json::json!({ "max-size": "40m", "max-file": "3" });
        ensure!(loud["LogConfig"]["Type"] == "json-file" && loud["LogConfig"]["Config"] == config, "{loud}");
        Ok(())
    })
}
