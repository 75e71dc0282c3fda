use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hearth_tests::machine::on_a_machine;

use crate::report::{Report, milliseconds};
use crate::site::{self, Site};

const STEPS: [usize; 5] = [10, 20, 50, 100, 200];
const LOOKS: usize = 21;
/// Until what an install has used for a moment is given back.
const SETTLE: Duration = Duration::from_secs(3);

/// Measures a look and the agent's memory with more and more apps of one service.
pub(crate) fn measure(report: &mut Report) -> Result<()> {
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
