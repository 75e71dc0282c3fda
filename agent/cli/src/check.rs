/// Where the store is.
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hearth_adapters::Format;
use hearth_model::desired::{Desired, DesiredApp, Run};
use hearth_model::observed::{DataState, EngineState, Observed};
use hearth_model::package::{Access, Package};
use hearth_model::{AppState, Reason};
use hearth_planner::{Input, Timing};
use jiff::Timestamp;
use serde::Serialize;

use hearth_daemon::catalog::{folder, foreign};

use super::error::{CliError, Exit};
use super::output::Output;
use source::Source;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The store's folder, or the address of an archive or a git repository as for `hearth store add`.
    store: String,
}

/// What becomes of one package.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
enum Outcome {
    /// Its store does not offer it any more.
    Disabled,
    /// A plan for it exists on an empty box.
    Plans {
        /// What its owner is asked to agree to.
        #[serde(skip_serializing_if = "BTreeSet::is_empty")]
        access: BTreeSet<Access>,
    },
    /// Its containers resolve, and this box could not run it.
    Resolves { reason: String },
    /// It is not taken.
    Refused { reason: String },
}

#[derive(Debug, Serialize)]
struct Checked {
    package: String,
    #[serde(flatten)]
    outcome: Outcome,
    /// What was left out or may not be as it was meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl Checked {
    fn of(package: String, outcome: Outcome) -> Self {
        Self { package, outcome, notes: Vec::new() }
    }
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    total: usize,
    disabled: usize,
    loads: usize,
    resolves: usize,
    plans: usize,
    refused: usize,
}

#[derive(Debug, Serialize)]
struct Report {
    totals: Totals,
    packages: Vec<Checked>,
}

/// Says for every package of a store whether it loads, resolves and plans, or why not.
pub(super) fn run(output: &Output, args: &Args) -> Result<(), CliError> {
    let source = Source::open(output, &args.store)?;
    let folder = source.folder();
    let store = folder::default_id(folder);
    let packages = match foreign::format(folder) {
        Some(format) => foreign_packages(folder, format, &store)?,
        None => own_packages(folder, &store)?,
    };
    if packages.is_empty() {
        return Err(nothing_found(folder));
    }
    let mut totals = Totals { total: packages.len(), ..Totals::default() };
    for Checked { outcome, .. } in &packages {
        match outcome {
            Outcome::Disabled => totals.disabled += 1,
            Outcome::Refused { .. } => totals.refused += 1,
            Outcome::Resolves { .. } | Outcome::Plans { .. } => {
                totals.loads += 1;
                totals.resolves += 1;
                totals.plans += usize::from(matches!(outcome, Outcome::Plans { .. }));
            }
        }
    }
    output.value(&Report { totals, packages }, in_words)
}

/// Says what was looked for, and where it is when it is one folder further down.
fn nothing_found(folder: &Path) -> CliError {
    let mut message = format!(
        "no packages were found in {}: looked for apps/NAME/app.yml and NAME/app.yml, and for the stores of Umbrel, CasaOS and \
         Runtipi",
        folder.display()
    );
    let below = foreign::folders(folder)
        .into_iter()
        .find(|below| foreign::format(below).is_some() || folder::has_packages(below));
    if let Some(below) = below {
        message.push_str(&format!("; there are some in {}", below.display()));
    }
    CliError::new(Exit::NotFound, message)
}

fn in_words(report: &Report) -> String {
    let mut text = String::new();
    for Checked { package, outcome, notes } in &report.packages {
        for note in notes {
            text.push_str(&format!("{package}: note: {note}\n"));
        }
        match outcome {
            Outcome::Plans { access: _ } | Outcome::Disabled => {}
            Outcome::Resolves { reason } => {
                text.push_str(&format!("{package}: resolves, and is not planned: {reason}\n"));
            }
            Outcome::Refused { reason } => text.push_str(&format!("{package}: refused: {reason}\n")),
        }
    }
    let Totals { total, disabled, loads, resolves, plans, refused } = &report.totals;
    text.push_str(&format!(
        "{total} packages: {disabled} disabled, {loads} load, {resolves} resolve, {plans} plan, {refused} refused\n"
    ));
    text
}

fn own_packages(folder: &Path, store: &hearth_model::StoreId) -> Result<Vec<Checked>, CliError> {
    let read = folder::read(folder, store, None).map_err(CliError::failed)?;
    let taken = read.packages.iter().map(|(name, entry)| Checked::of(name.clone(), judge(&entry.package)));
    let refused = read.refused.iter().map(|refused| {
        Checked::of(refused.package.clone(), Outcome::Refused { reason: refused.reason.clone() })
    });
    Ok(taken.chain(refused).collect())
}

fn foreign_packages(
    folder: &Path,
    format: Format,
    store: &hearth_model::StoreId,
) -> Result<Vec<Checked>, CliError> {
    let prefix = foreign::prefix(folder, format).map_err(CliError::failed)?;
    foreign::package_folders(folder, format)
        .iter()
        .map(|path| {
            let files = foreign::files(path).map_err(CliError::failed)?;
            let package = files.folder.clone();
            Ok(match foreign::read_package(format, &files, store, prefix.as_deref()) {
                Ok(adapted) if adapted.disabled => Checked::of(package, Outcome::Disabled),
                Ok(adapted) => Checked { package, outcome: judge(&adapted.package), notes: adapted.notes },
                Err(problem) => Checked::of(package, Outcome::Refused { reason: problem.to_string() }),
            })
        })
        .collect()
}

/// Resolves and plans a package as the first app of an empty box.
fn judge(package: &Package) -> Outcome {
    let needs = hearth_daemon::missing_needs(package);
    if !needs.is_empty() {
        return Outcome::Resolves { reason: format!("it needs {}", needs.join("; ")) };
    }
    match plan(package) {
        Ok(access) => Outcome::Plans { access },
        Err(reason) => Outcome::Resolves { reason: reason.message },
    }
}

fn plan(package: &Package) -> Result<BTreeSet<Access>, Reason> {
    let app = package.manifest.id.clone();
    let spec = hearth_daemon::rehearse(package)?;
    let access = spec.access.clone();
    let wanted = DesiredApp {
        store: package.store.clone(),
        package: app.to_string(),
        version: package.manifest.version.clone(),
        digest: package.digest(),
        run: Run::Running,
        settings: BTreeMap::new(),
        ports: BTreeMap::new(),
        granted: access.clone(),
        uses: BTreeMap::new(),
        restarts: 0,
    };
    let desired = Desired { hearth: 1, apps: BTreeMap::from([(app.clone(), wanted)]), ..Desired::default() };
    let observed = Observed {
        engine: EngineState::Ready { version: String::new(), api_version: String::new() },
        data: BTreeMap::from([(app.clone(), DataState::New)]),
        ..Observed::default()
    };
    let plan = hearth_planner::plan(&Input {
        desired: &desired,
        specs: &BTreeMap::from([(app, Ok(spec))]),
        observed: &observed,
        updates: &BTreeMap::new(),
        failures: &BTreeMap::new(),
        wanted_since: &BTreeMap::new(),
        timing: Timing::default(),
        now: Timestamp::now(),
    });
    match plan.apps.into_iter().next() {
        Some((_, plan)) if plan.state != AppState::Failed && !plan.stages.is_empty() => Ok(access),
        Some((_, plan)) => Err(plan.reason.unwrap_or_else(|| nothing(package))),
        None => Err(nothing(package)),
    }
}

fn nothing(package: &Package) -> Reason {
    Reason::new(
        hearth_model::condition::ReasonCode::PackageInvalid,
        format!("the planner finds nothing to do for {}", package.manifest.name),
    )
}
