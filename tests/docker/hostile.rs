use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearth_model::api::store::StoreSummary;
use hearth_tests::client::Client;
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::on_a_machine;
use hearth_tests::store::TestPackage;
use hearth_tests::wait::{Answer, wait_for};

use crate::apps::{PATIENCE, Site};

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
        let output = hearth.command_line(&["app", "install", &format!("store/{id}")])?;
        ensure!(!output.status.success(), "{id} is installed");
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
