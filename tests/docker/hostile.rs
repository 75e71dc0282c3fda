use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearth_model::api::store::StoreSummary;
use hearth_model::package::{Access, AccessKind};
use hearth_tests::client::Client;
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::on_a_machine;
use hearth_tests::process::run;
use hearth_tests::store::TestPackage;
use hearth_tests::wait::{Answer, wait_for};

use crate::apps::{PATIENCE, Site};
use crate::firewall::Neighbour;

/// How long apps that exchange what they mount have for it.
const ATTEMPTS: Duration = Duration::from_secs(12);

/// Notes what is seen at `/host`: a folder of the app is empty, and the host has accounts.
const REPORT: &str = "if [ -e /host/etc/passwd ]; then touch /out/leaked; fi; touch /out/ran";

/// Apps that put a link to `/` where a folder of theirs was and end, so that they are started again, by id.
fn apps_that_swap_a_link() -> Vec<(&'static str, String)> {
    let app = |swap: &str, volumes: &str, declared: &str| {
        format!(
            "services:\n  a:\n    image: IMAGE\n    restart: unless-stopped\n    \
             command: [sh, -c, '{REPORT}; {swap}; exit 0']\n    volumes: [\"./out:/out\", {volumes}]\n{declared}"
        )
    };
    let swap = |folder: &str| format!("mv {folder} {folder}.old && ln -s / {folder}");
    let device = "volumes: { dev: { driver_opts: { type: none, o: bind, device: ./data/x } } }\n";
    vec![
        ("by-folder", app(&swap("/data/x"), "\"./data:/data\", \"./data/x:/host\"", "")),
        ("by-volume", app(&swap("/a/volumes/key"), "\"./:/a\", \"key:/host\"", "volumes: { key: {} }\n")),
        ("by-device", app(&swap("/data/x"), "\"./data:/data\", \"dev:/host\"", device)),
    ]
}

/// An app of which one container exchanges what the other mounts, over and over.
fn app_that_exchanges_in_a_loop() -> String {
    let exchange = "cd /data; ln -s / link; while :; do mv x old; mv link x; usleep 5000; mv x link; mv old x; usleep 5000; done";
    format!(
        "services:\n  loop:\n    image: IMAGE\n    restart: always\n    command: [sh, -c, '{exchange}']\n    \
         volumes: [\"./data:/data\"]\n  victim:\n    image: IMAGE\n    restart: always\n    \
         command: [sh, -c, '{REPORT}']\n    volumes: [\"./out:/out\", \"./data/x:/host\"]\n"
    )
}

/// An app that mounts folders inside of one another and means no harm.
const HONEST: &str = "services:\n  a:\n    image: IMAGE\n    restart: unless-stopped\n    command: [sh, -c, \
    'echo folder >/data/x && echo volume >/key/x && cat /all/data/x /all/volumes/key/x >/all/seen; exec sleep infinity']\n    \
    init: true\n    volumes: [\"./:/all\", \"./data:/data\", \"key:/key\"]\nvolumes: { key: {} }\n";

/// Options of volumes that would give the host away, by id, each with words of their refusal.
fn refused_options() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("proc", "type: proc, device: proc", "`proc`"),
        ("overlay", "type: overlay, device: overlay, o: \"lowerdir=/etc:/var/lib/hearth\"", "`overlay`"),
        ("sysfs", "type: sysfs, device: x", "`sysfs`"),
        ("disk", "type: ext4, device: /dev/sda1", "`ext4`"),
        ("remount", "type: none, o: \"bind,remount\", device: ./data", "`remount`"),
        ("etc", "type: none, o: \"rbind,rw\", device: /etc", "`/etc` of this box"),
        ("nfs", "type: nfs, o: \"addr=10.9.9.9\", device: \":/films\"", "network folder `10.9.9.9:/films`"),
        (
            "cifs",
            "type: cifs, o: \"username=anna,password=s3cret\", device: //nas/films",
            "network folder `//nas/films`",
        ),
    ]
}

#[test]
fn apps_that_reach_for_the_host_do_not_get_it() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("hostile", "1", 0)?.to_string();
        let swapping = apps_that_swap_a_link();
        for (id, compose) in swapping
            .iter()
            .map(|(id, compose)| (*id, compose.clone()))
            .chain([("exchange", app_that_exchanges_in_a_loop()), ("honest", HONEST.to_owned())])
        {
            let compose = compose.replace("IMAGE", &image);
            site.store.write(&TestPackage { id, version: "1", web: None, compose: &compose })?;
        }
        for (id, options, _) in refused_options() {
            let compose = format!(
                "services:\n  a:\n    image: {image}\n    volumes: [\"vol:/v\"]\nvolumes: {{ vol: {{ driver_opts: {{ {options} }} }} }}\n"
            );
            site.store.write(&TestPackage { id, version: "1", web: None, compose: &compose })?;
        }
        let (hearth, client) = site.set_up()?;

        refuses_options_of_volumes(&hearth, &client)?;

        for id in swapping.iter().map(|(id, _)| *id).chain(["exchange", "honest"]) {
            client.install("store", id)?;
        }
        let began = Instant::now();
        for (id, _) in &swapping {
            let ran = hearth.app_folder(id).join("out/ran");
            wait_for("the app to run", PATIENCE, || Ok(Answer::when(ran.exists(), "not yet")))?;
            client.wait_for_app(id, "a refusal of its link", PATIENCE, |app| {
                app.reason
                    .as_ref()
                    .is_some_and(|reason| reason.message.contains("leads out of the app's folder"))
            })?;
        }
        std::thread::sleep(ATTEMPTS.saturating_sub(began.elapsed()));
        for id in swapping.iter().map(|(id, _)| *id).chain(["exchange"]) {
            let leaked = hearth.app_folder(id).join("out/leaked");
            ensure!(!leaked.exists(), "{id} has seen the host");
        }
        let seen = fs::read_to_string(hearth.app_folder("honest").join("seen"))?;
        ensure!(seen == "folder\nvolume\n", "an honest app sees {seen:?} in its folders");
        // An agent that is killed while it starts the one container leaves the other paused.
        let journal = site.setup.state.join("paused-containers");
        hearth.kill()?;
        let id = site.engine.docker(&["ps", "--quiet", "--no-trunc", "--filter", "name=exchange-loop-1"])?;
        site.engine.docker(&["pause", id.trim()])?;
        fs::write(&journal, format!("{}\n", id.trim()))?;
        let _hearth = site.setup.start()?;
        nothing_stays_paused(&site, &journal)
    })
}

/// Refusals name what is wrong, or what the owner would have to agree to, and never a password.
fn refuses_options_of_volumes(hearth: &Hearth, client: &Client) -> Result<()> {
    let stores: Vec<StoreSummary> = client.get("stores")?;
    let refused: Vec<_> = stores.iter().flat_map(|store| &store.refused).collect();
    for (id, _, words) in refused_options() {
        let output = hearth.command_line(&["app", "install", id, "--store", "store"])?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && told.contains(words), "{id}: {told}");
        let reason = refused.iter().find(|refused| refused.package == id).map(|refused| &refused.reason);
        ensure!(reason.is_some_and(|reason| reason.contains(words)), "{id}: {reason:?}");
        ensure!(
            !reason.is_some_and(|reason| reason.contains("s3cret")),
            "{id} shows its password: {reason:?}"
        );
    }
    Ok(())
}

/// Containers are paused only while another one of their app starts.
fn nothing_stays_paused(site: &Site, journal: &Path) -> Result<()> {
    wait_for("every container to go on", PATIENCE, || {
        let paused = site.engine.docker(&["ps", "--quiet", "--filter", "status=paused"])?;
        Ok(Answer::when(paused.is_empty(), paused))
    })?;
    wait_for("the list of paused containers to go", PATIENCE, || {
        Ok(Answer::when(!journal.exists(), "it is there"))
    })
}

/// An app with an address of its own in the home network, which no firewall of the box sees.
const AT_HOME: &str = "services:\n  a: { image: IMAGE, init: true, command: [sleep, '1000'], networks: [lan] }\n\
    networks:\n  lan:\n    driver: macvlan\n    driver_opts: { parent: lan0 }\n    \
    ipam: { config: [{ subnet: 192.168.7.0/24, ip_range: 192.168.7.128/25 }] }\n";

#[test]
fn an_app_is_in_the_home_network_by_consent_alone() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        let image = site.registry.push("hostile", "1", 0)?.to_string();
        let compose = AT_HOME.replace("IMAGE", &image);
        site.store.write(&TestPackage { id: "lodger", version: "1", web: None, compose: &compose })?;
        let home = Neighbour::new(machine.folder(), "lan0")?;
        run("ip", &["address", "add", "192.168.7.2/24", "dev", "lan0"])?;
        home.run(&["ip", "address", "add", "192.168.7.50/24", "dev", "eth0"])?;
        let (hearth, client) = site.set_up()?;

        // A package that does not say that it asks for this is none.
        let stores: Vec<StoreSummary> = client.get("stores")?;
        let refused: Vec<_> = stores.iter().flat_map(|store| &store.refused).collect();
        let named =
            |word: &str| refused.iter().any(|one| one.package == "lodger" && one.reason.contains(word));
        ensure!(named("`permissions`") && named("is on your home network"), "{refused:?}");
        let manifest = site.store.path().join("apps/lodger/app.yml");
        let says =
            fs::read_to_string(&manifest)? + "permissions: [{ kind: host-network, reason: Lives here. }]\n";
        fs::write(&manifest, says)?;
        client.act("POST", "stores/store/refresh")?;

        let install = ["app", "install", "lodger"];
        let refused = hearth.command_line(&install)?;
        let words = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(!refused.status.success() && words.contains("is on your home network"), "{words}");
        // Consent to another card, or to another network, is none.
        for detail in ["home eth1", "home any", "network lan0", ""] {
            let mut wanted = hearth_tests::client::install("store", "lodger")?;
            wanted.granted = [Access::new(AccessKind::HostNetwork, "a", detail)].into();
            let refused = client.send_nothing_back("POST", "apps", &wanted).err();
            ensure!(refused.is_some(), "consent to `{detail}` was enough");
        }
        let there = site.engine.names("network")?;
        ensure!(!there.iter().any(|name| name.contains("lan")), "it has a network already: {there:?}");
        ensure!(site.engine.containers()?.is_empty(), "it has a container already");

        let agreed = hearth.command_line(&[&install[..], &["--allow", "host-network"]].concat())?;
        ensure!(agreed.status.success(), "{}", String::from_utf8_lossy(&agreed.stderr));
        client.wait_for_state("lodger", hearth_model::AppState::Running, PATIENCE)?;
        site.engine.docker(&["exec", "lodger-a-1", "sh", "-c", "ping -c 1 -W 5 192.168.7.50"])?;
        Ok(())
    })
}
