use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::machine::on_a_machine;

use crate::report::{Report, milliseconds};
use crate::site::{self, Site};

const STEPS: [usize; 5] = [10, 20, 50, 100, 200];
const LOOKS: usize = 21;
/// Apps behind doors, as many as the budget speaks of.
const DOORS: u16 = 20;
/// The first of their ports.
const FIRST_PORT: u16 = 8500;
/// Until what an install has used for a moment is given back.
const SETTLE: Duration = Duration::from_secs(3);

/// Measures a look and the agent's memory with more and more apps of one service, and its memory behind doors.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
    measure_doors(report)?;
    let most = match std::env::var("HEARTH_BENCH_APPS") {
        Ok(number) => number.parse().context("HEARTH_BENCH_APPS is a number")?,
        Err(_) => 200,
    };
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        let names: Vec<String> = (1..=most).map(|number| format!("app-{number}")).collect();
        for name in &names {
            site.offer(name, 1)?;
        }
        let (hearth, client) = site.start()?;
        let mut installed = 0;
        for step in STEPS.into_iter().filter(|step| *step <= most) {
            site::install_all(&client, &names[installed..step])?;
            installed = step;
            thread::sleep(SETTLE);
            let look = site::look(&client, LOOKS)?;
            let megabytes = hearth.resident_bytes()? as f64 / 1_000_000.0;
            if step == 20 {
                report.with_goal("resident memory with 20 apps", megabytes, "MB", 40.0);
            }
            report.figure(
                &format!("{step} apps of one service"),
                &format!("{}, {megabytes:.1} MB", milliseconds(look)),
            );
        }
        Ok(())
    })
}

/// Measures the agent's memory with apps that it stands in front of, once somebody has knocked at each.
fn measure_doors(report: &mut Report) -> Result<()> {
    on_a_machine(|machine| {
        let site = Site::new(machine)?;
        let ports = FIRST_PORT..FIRST_PORT + DOORS;
        let names: Vec<String> = ports.clone().map(|port| format!("app-{port}")).collect();
        for (name, port) in names.iter().zip(ports.clone()) {
            site.offer_behind_a_door(name, port)?;
        }
        let (hearth, client) = site.start()?;
        site::install_all(&client, &names)?;
        for port in ports {
            let answer = ureq::get(format!("http://127.0.0.1:{port}/")).call();
            ensure!(matches!(answer, Err(ureq::Error::StatusCode(401))), "port {port}: {answer:?}");
        }
        thread::sleep(SETTLE);
        let megabytes = hearth.resident_bytes()? as f64 / 1_000_000.0;
        report.with_goal(&format!("resident memory with {DOORS} apps behind doors"), megabytes, "MB", 40.0);
        Ok(())
    })
}
