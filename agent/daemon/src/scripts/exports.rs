use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_adapters::scripts::{EXPORTS, derived_messages};
use hearth_adapters::variables;
use hearth_host::sandbox::Script;
use hearth_model::conventions::Need;
use hearth_model::package::Package;
use hearth_model::{AppId, Reason};

use super::platform::{self, Folder, Run};
use crate::hearth::Hearth;
use crate::resolve::{Circle, Subject, Surroundings};

/// How long all exports for one app may take.
const TIME: Duration = Duration::from_secs(30);
/// Where a run finds the script: its text comes from the kept package, never from the folder that the app's containers
/// may write to.
const SCRIPT: &str = "/run/hearth/exports/script";
/// How scripts ask in which folder they are.
const OWN_PATH: [&str; 3] = ["${BASH_SOURCE[0]}", "${BASH_SOURCE}", "$BASH_SOURCE"];
/// Variables of bash itself.
const OF_BASH: [&str; 6] = ["PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"];
/// Before the script: errors end the run, what it prints is no variable, secrets come from a list, and it stands in a
/// function, as on its own system, where it may have `local` variables.
const BEGIN: &str = "set -euo pipefail\nexec 3>&1 1>&2\n\
    derive_entropy() {\n\
    [[ -n ${hearth_derived[$1]+known} ]] || { echo \"derive_entropy: Hearth could not tell that '$1' would be asked for\" >&2; return 1; }\n\
    printf '%s\\n' \"${hearth_derived[$1]}\"\n}\n\
    hearth_source() { source \"$1\"; }\n";

/// The app that variables are worked out for, and what it has without them.
struct Reader<'a> {
    subject: Subject<'a>,
    circle: &'a Circle,
    environment: &'a BTreeMap<String, String>,
    folder: Folder,
}

impl Hearth {
    /// Returns the variables that an app and those that it depends on export for it. Each script runs in a sandbox of its
    /// own, which has the folder of the app whose script it is and no other.
    ///
    /// # Errors
    /// Why they cannot be told.
    pub(crate) async fn exported(
        &self,
        subject: Subject<'_>,
        circle: &Circle,
        environment: BTreeMap<String, String>,
        folder: Folder,
    ) -> Result<BTreeMap<String, String>, Reason> {
        let Subject { app, package, .. } = subject;
        if folder == Folder::StandIn
            && let Some((_, known)) = self.scripts.lock().exported.get(app).filter(|(last, _)| last == circle)
        {
            return Ok(known.clone());
        }
        let exporters = self.exporters(app, package, circle).await;
        let reader = Reader { subject, circle, environment: &environment, folder };
        let begun = Instant::now();
        let mut known = environment.clone();
        for (exporter, theirs) in &exporters {
            let exported = if theirs.conventions.needs.contains(&Need::Exports) {
                let time = TIME.saturating_sub(begun.elapsed());
                self.run_exports(&reader, exporter, theirs, &known, time).await?
            } else {
                read(&reader, exporter, theirs, &known)?
            };
            known.extend(exported);
        }
        known.retain(|name, _| !environment.contains_key(name));
        if folder == Folder::Own && exporters.iter().any(|(_, one)| runs(one)) {
            let kept = (circle.clone(), known.clone());
            self.scripts.lock().exported.insert(app.clone(), kept);
        }
        Ok(known)
    }

    /// Runs the script of one exporter and returns what it exports.
    async fn run_exports(
        &self,
        reader: &Reader<'_>,
        exporter: &AppId,
        package: &Package,
        known: &BTreeMap<String, String>,
        time: Duration,
    ) -> Result<BTreeMap<String, String>, Reason> {
        let Subject { app, around, .. } = reader.subject;
        let Some(text) = package.files.get(EXPORTS) else { return Ok(BTreeMap::new()) };
        let mut given = reader.environment.clone();
        // What its own system gives it is there for each script, whoever it runs for.
        let secret = |message: &str| around.seeds.of_package(app, app, message);
        if variables::fill(&package.conventions.variables, &secret, &mut given).is_err() {
            given.clone_from(reader.environment);
        }
        let fixed: BTreeSet<String> = given.keys().cloned().collect();
        given.extend(known.iter().map(|(name, value)| (name.clone(), value.clone())));
        given.extend(reader.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
        let run = Run {
            app: exporter,
            package,
            around,
            circle: reader.circle,
            folder: if exporter == app { reader.folder } else { Folder::ReadOnly },
            environment: given,
            time,
            files: BTreeMap::from([(PathBuf::from(SCRIPT), with_its_path(text))]),
            calls: None,
        };
        let script = script(app, exporter, text, around);
        let sandbox = run.sandbox(self);
        let ended = platform::run(move || sandbox.run(Script::Bash(&script))).await?;
        if let Some(failure) = &ended.failure {
            let name = &package.manifest.name;
            return Err(platform::reason(
                format!("The script that works out the variables of {name} failed ({failure})."),
                &ended,
            ));
        }
        Ok(parse(&ended.output, &fixed, around))
    }

    /// Returns the apps that export something for an app, itself last.
    async fn exporters(&self, app: &AppId, package: &Package, circle: &Circle) -> Vec<(AppId, Arc<Package>)> {
        let mut exporters = Vec::new();
        for (other, digest) in &circle.talks_to {
            if let Ok(Some(package)) = self.kept_package(digest).await {
                exporters.push((other.clone(), package));
            }
        }
        exporters.push((app.clone(), Arc::new(package.clone())));
        exporters.retain(|(_, one)| {
            !one.conventions.exports.is_empty() || one.conventions.needs.contains(&Need::Exports)
        });
        exporters
    }
}

/// Tells whether a package's exports come from a script that runs.
pub(crate) fn runs(package: &Package) -> bool {
    package.conventions.needs.contains(&Need::Exports)
}

/// Works exports out that need no script.
fn read(
    reader: &Reader<'_>,
    exporter: &AppId,
    package: &Package,
    known: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Reason> {
    let Subject { app, around, .. } = reader.subject;
    let mut all = known.clone();
    all.extend(variables::of_exporter(exporter, &around.app_dir(exporter)));
    let secret = |message: &str| around.seeds.of_package(exporter, app, message);
    variables::fill(&package.conventions.exports, &secret, &mut all).map_err(|problem| {
        Reason::new(
            hearth_model::condition::ReasonCode::PackageInvalid,
            format!("A variable that {} exports cannot be told: {problem}", package.manifest.name),
        )
    })?;
    all.retain(|name, _| !name.starts_with("EXPORTS_"));
    Ok(all)
}

/// Returns a script that still finds the folder that it stands in on its own system.
fn with_its_path(text: &str) -> String {
    let path = format!("${{EXPORTS_APP_DIR}}/{EXPORTS}");
    OWN_PATH.iter().fold(text.to_owned(), |text, spelling| text.replace(spelling, &path))
}

/// Returns what bash runs: the exporter's script, then the environment.
fn script(app: &AppId, exporter: &AppId, text: &str, around: &Surroundings) -> String {
    let mut script = format!("declare -A hearth_derived\n{BEGIN}app_entropy_identifier=app-{app}-seed\n");
    for (name, value) in variables::of_exporter(exporter, &around.app_dir(exporter)) {
        let _ = writeln!(script, "export {name}={}", quoted(&value));
    }
    // Whoever exports derives from its own seed, so that it and all that depend on it agree.
    script.push_str("hearth_derived=(");
    for message in derived_messages(text, app) {
        let secret = around.seeds.of_package(exporter, app, &message);
        let _ = write!(script, "[{}]={secret} ", quoted(&message));
    }
    let _ = write!(script, ")\nhearth_source {SCRIPT}\nenv -0 >&3\n");
    script
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Reads an environment as `env -0` prints it, less the variables that no script changes.
fn parse(printed: &[u8], fixed: &BTreeSet<String>, around: &Surroundings) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(printed);
    // Other apps lie beside this one, and not below a folder of their own.
    let theirs = format!("{}/app-data/", around.apps_dir);
    let ours = format!("{}/", around.apps_dir);
    text.split('\0')
        .filter_map(|entry| entry.split_once('='))
        .filter(|(name, _)| {
            !fixed.contains(*name) && !OF_BASH.contains(name) && !name.starts_with("EXPORTS_")
        })
        .map(|(name, value)| (name.to_owned(), value.replace(&theirs, &ours)))
        .collect()
}
