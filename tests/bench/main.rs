//! Measures Hearth beside Docker Compose, on one engine and in one run, and prints each figure with its goal.
//!
//! `make bench` builds what is measured (release) and runs all of it; `HEARTH_BENCH` names some of `look`, `bring-up`,
//! `growth`, `dashboard`, `stores`. `HEARTH_BENCH_APPS` is the number of apps that growth ends at (200).

/// Time until apps of some services run.
mod bring_up;
/// Docker Compose as the peer.
mod compose;
/// What the browser fetches, and when it can be used.
mod dashboard;
/// How a look and memory grow with the number of apps.
mod growth;
/// A look at 100 containers of 30 apps.
mod look;
/// Figures and their table.
mod report;
/// What is measured on: an engine, images and Hearth.
mod site;
/// A store that is read, and a search.
mod stores;

use std::process::ExitCode;

use anyhow::Result;

use crate::report::Report;

type Measure = fn(&mut Report) -> Result<()>;

fn main() -> ExitCode {
    let wanted = std::env::var("HEARTH_BENCH").unwrap_or_default();
    let measures: [(&str, Measure); 5] = [
        ("look", look::measure),
        ("bring-up", bring_up::measure),
        ("growth", growth::measure),
        ("dashboard", dashboard::measure),
        ("stores", stores::measure),
    ];
    let mut report = Report::default();
    let mut failed = false;
    for (name, measure) in measures {
        if !wanted.is_empty() && !wanted.split([',', ' ']).any(|word| word == name) {
            continue;
        }
        eprintln!("measuring {name}");
        // A thread of its own, as each measure moves onto a machine of its own.
        let result = std::thread::scope(|scope| scope.spawn(|| measure(&mut report)).join());
        if let Ok(Err(error)) = &result {
            eprintln!("{name} could not be measured: {error:#}");
        }
        failed |= !matches!(result, Ok(Ok(())));
    }
    report.print();
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
