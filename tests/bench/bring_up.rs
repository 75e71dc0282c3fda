use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hearth_model::AppStatus;
use hearth_tests::client::Client;
use hearth_tests::machine::on_a_machine;

use crate::compose::Compose;
use crate::report::{Report, median};
use crate::site::{PATIENCE, Site};

const SERVICES: [usize; 4] = [1, 3, 5, 10];
const ROUNDS: usize = 7;
/// Between two questions whether the app runs; half of it is the error of a measure. Asking takes time from the engine.
const INTERVAL: Duration = Duration::from_millis(20);

/// Measures from the request to install an app until each of its services is up, images being there, beside `docker compose
/// up -d`, which ends then; the two take turns.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        let compose = Compose::new(machine, &site.engine)?;
        for services in SERVICES {
            let name = name(services);
            site.offer(&name, services)?;
            compose.write(&name, &site.image, services)?;
        }
        let (_hearth, client) = site.start()?;
        for services in SERVICES {
            let name = name(services);
            let (mut ours, mut peers) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                peers.push(compose.up(&name)?);
                compose.down(&name)?;
                ours.push(install(&client, &name)?);
                client.act("DELETE", &format!("apps/{name}?data=delete"))?;
                client.wait_until_gone(&name, PATIENCE)?;
            }
            report.beside_peer(
                &format!("bringing up an app of {services}"),
                median(ours),
                median(peers),
                0.9,
            );
        }
        Ok(())
    })
}

fn install(client: &Client, app: &str) -> Result<Duration> {
    let started = Instant::now();
    client.install("store", app)?;
    let is_up = |app: &AppStatus| {
        !app.services.is_empty() && app.services.iter().all(|service| service.state == "running")
    };
    while !client.apps()?.get(app).is_some_and(is_up) {
        ensure!(started.elapsed() < PATIENCE, "{app} is not up");
        thread::sleep(INTERVAL);
    }
    Ok(started.elapsed())
}

fn name(services: usize) -> String {
    format!("services-{services}")
}
