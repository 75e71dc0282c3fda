use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearth_model::api::store::{PackageSummary, StoreSummary};
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::TestPackage;

use crate::apps::Site;

/// Compose files that nobody should install, by id, each with a word that its refusal must have.
fn bad_compose_files() -> Vec<(&'static str, String, &'static str)> {
    let service = |lines: &str| format!("services:\n  web:\n    image: busybox\n{lines}");
    let mut many = "services:\n".to_owned();
    for number in 0..10_000 {
        writeln!(many, "  s{number}: {{ image: busybox }}").expect("writing to a string");
    }
    let mut bomb = "x-a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        let list = [before.as_str(); 9].join(", ");
        writeln!(bomb, "x-a{level}: &a{level} [{list}]").expect("writing to a string");
    }
    bomb.push_str("services: { web: { image: busybox, command: *a11 } }\n");
    let cycle = "services:\n  a: { image: x, depends_on: [b] }\n  b: { image: x, depends_on: [a] }\n";
    vec![
        ("broken-yaml", "services: [\n  web: {".to_owned(), "compose.yml"),
        ("unknown-key", service("    imagge: x\n"), "imagge"),
        ("cycle", cycle.to_owned(), "depends_on"),
        ("missing-variable", service("    command: ${NOWHERE:?is needed}\n"), "NOWHERE"),
        ("parent-folder", service("    volumes: ['../other:/data']\n"), "../other"),
        ("absolute-bind", service("    volumes: ['/etc:/data']\n"), "/etc"),
        ("hidden-parent", service("    volumes: ['./data/../../other:/data']\n"), "other"),
        ("many-services", many, "services"),
        ("alias-bomb", bomb, ""),
        ("privileged", service("    privileged: true\n"), "permissions"),
        (
            "neighbour",
            service(
                "    volumes_from: [assistant]\n    pid: service:assistant\n    depends_on: { assistant: { condition: service_started, required: false } }\n  assistant: { image: busybox, profiles: [never] }\n",
            ),
            "runs only with the profile",
        ),
        (
            "foreign-subnet",
            service("networks: { default: { ipam: { config: [{ subnet: 9.9.9.0/24 }] } } }\n"),
            "9.9.9.0/24",
        ),
        (
            "host-bridge",
            service("networks: { default: { driver_opts: { com.docker.network.bridge.name: br0 } } }\n"),
            "bridge.name",
        ),
        ("home-network", service("networks: { default: { driver: macvlan } }\n"), "home network"),
        ("log-driver", service("    logging: { driver: syslog }\n"), "syslog"),
        ("hearths-socket", service("    volumes: ['/run/hearth:/s']\n"), "Hearth's own"),
        ("runtime-orders", service("    annotations: { org.systemd.property.x: '1' }\n"), "annotations"),
        ("engine-socket", service("    volumes: ['/var/run/docker.sock:/s']\n"), "permissions"),
    ]
}

#[test]
fn bad_packages_are_refused_with_their_reason_and_good_ones_stay() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("page", "1", 8090)?;
        let bad = bad_compose_files();
        for (id, compose, _) in &bad {
            site.store.write(&TestPackage { id, version: "1", web: None, compose })?;
        }
        let apps = site.store.path().join("apps");
        write_damaged(&apps, "not-text", &[0xff, 0xfe, 0x00, b's'])?;
        write_damaged(&apps, "hundred-megabytes", &vec![b'#'; 100 * 1024 * 1024])?;
        fs::create_dir(apps.join("linked"))?;
        std::os::unix::fs::symlink("/etc/shadow", apps.join("linked/app.yml"))?;

        let started = Instant::now();
        let (_hearth, client) = site.set_up()?;
        let stores: Vec<StoreSummary> = client.get("stores")?;
        let took = started.elapsed();
        ensure!(took < Duration::from_secs(10), "bad packages took {took:?}");

        let refused =
            &stores.iter().find(|store| store.id.as_str() == "store").expect("the test's store").refused;
        for (id, _, word) in &bad {
            let entry = refused.iter().find(|refused| refused.package == *id);
            let reason = entry.map(|entry| entry.reason.as_str());
            ensure!(
                reason.is_some_and(|reason| !reason.is_empty() && reason.contains(word)),
                "{id}: {reason:?}"
            );
        }
        for id in ["not-text", "hundred-megabytes"] {
            ensure!(refused.iter().any(|refused| refused.package == id), "{id} was not refused");
        }
        ensure!(
            !refused.iter().any(|refused| refused.reason.contains("root:")),
            "a link out of the store was followed"
        );
        let packages: Vec<PackageSummary> = client.get("store/packages")?;
        ensure!(packages.len() == 1 && packages[0].package == "page", "packages are {packages:?}");
        ensure!(client.install("store", "cycle").is_err(), "a bad package was installed");
        ensure!(client.apps()?.is_empty() && site.engine.containers()?.is_empty());
        Ok(())
    })
}

fn write_damaged(apps: &std::path::Path, id: &str, compose: &[u8]) -> Result<()> {
    let folder = apps.join(id);
    fs::create_dir(&folder)?;
    fs::write(
        folder.join("app.yml"),
        format!("manifest: 1\nid: {id}\nname: {id}\ntagline: Damaged\nversion: \"1\"\ncategory: other\n"),
    )?;
    Ok(fs::write(folder.join("compose.yml"), compose)?)
}
