use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hearth_adapters::scripts::{EXPORTS, derived_messages};
use hearth_adapters::variables;
use hearth_host::sandbox::Script;
use hearth_model::conventions::Need;
use hearth_model::package::Package;
use hearth_model::{AppId, Reason};

use super::platform::{self, Folder, Run};
use crate::hearth::Hearth;
use crate::resolve::{Circle, Subject, Surroundings};

/// How long all exports of one app may take.
const TIME: Duration = Duration::from_secs(30);
/// Variables of bash itself.
const OF_BASH: [&str; 6] = ["PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"];
/// Before the first script: errors end the run, what scripts print is no variable, secrets come from a list, and a script
/// stands in a function, as on its own system, where it may have `local` variables.
const BEGIN: &str = "set -euo pipefail\nexec 3>&1 1>&2\n\
    derive_entropy() {\n\
    [[ -n ${hearth_derived[$1]+known} ]] || { echo \"derive_entropy: Hearth could not tell that '$1' would be asked for\" >&2; return 1; }\n\
    printf '%s\\n' \"${hearth_derived[$1]}\"\n}\n\
    hearth_source() { source \"$1\"; }\n";

impl Hearth {
    /// Returns the variables that an app and those that it talks to export for it.
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
        let Subject { app, package, around, .. } = subject;
        let exporters = self.exporters(app, package, circle).await;
        if exporters.is_empty() {
            return Ok(BTreeMap::new());
        }
        let must_run = exporters.iter().any(|(_, one)| one.conventions.needs.contains(&Need::Exports));
        if !must_run {
            return read(&exporters, around, &environment);
        }
        if folder == Folder::StandIn
            && let Some((_, known)) = self.scripts.lock().exported.get(app).filter(|(last, _)| last == circle)
        {
            return Ok(known.clone());
        }
        let text = script(app, &exporters, around);
        let mut all = environment.clone();
        for (_, exporter) in &exporters {
            let mut theirs = all.clone();
            // What its own system gives it is there for each script, whoever it runs for.
            if variables::fill(&exporter.conventions.variables, around.seeds.of(app), &mut theirs).is_ok() {
                for (name, value) in theirs {
                    all.entry(name).or_insert(value);
                }
            }
        }
        let run =
            Run { app, package, around, circle, folder, environment: all.clone(), time: TIME, calls: None };
        let sandbox = run.sandbox(self);
        let ended = platform::run(move || sandbox.run(Script::Bash(&text))).await?;
        if let Some(failure) = &ended.failure {
            let name = &package.manifest.name;
            return Err(platform::reason(
                format!("The script that works out the variables of {name} failed ({failure})."),
                &ended,
            ));
        }
        let exported = parse(&ended.output, &all, around);
        if folder == Folder::Own {
            self.scripts.lock().exported.insert(app.clone(), (circle.clone(), exported.clone()));
        }
        Ok(exported)
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

/// Works exports out that need no script.
fn read(
    exporters: &[(AppId, Arc<Package>)],
    around: &Surroundings,
    environment: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Reason> {
    let mut known = environment.clone();
    for (exporter, package) in exporters {
        known.extend(variables::of_exporter(exporter, &around.app_dir(exporter)));
        variables::fill(&package.conventions.exports, around.seeds.of(exporter), &mut known).map_err(
            |problem| {
                Reason::new(
                    hearth_model::condition::ReasonCode::PackageInvalid,
                    format!("A variable that {} exports cannot be told: {problem}", package.manifest.name),
                )
            },
        )?;
    }
    known.retain(|name, _| !environment.contains_key(name) && !name.starts_with("EXPORTS_"));
    Ok(known)
}

/// Returns what bash runs: each exporter's script in turn, then the environment.
fn script(app: &AppId, exporters: &[(AppId, Arc<Package>)], around: &Surroundings) -> String {
    let mut script = format!("declare -A hearth_derived\n{BEGIN}app_entropy_identifier=app-{app}-seed\n");
    for (exporter, package) in exporters {
        let folder = around.app_dir(exporter);
        for (name, value) in variables::of_exporter(exporter, &folder) {
            let _ = writeln!(script, "export {name}={}", quoted(&value));
        }
        if let Some(text) = package.files.get(EXPORTS) {
            // Whoever exports derives from its own seed, so that it and all that talk to it agree.
            let seed = around.seeds.of(exporter);
            script.push_str("hearth_derived=(");
            for message in derived_messages(text, app) {
                let _ = write!(script, "[{}]={} ", quoted(&message), variables::derive(seed, &message));
            }
            script.push_str(")\n");
            let _ = writeln!(script, "hearth_source {}", quoted(&format!("{folder}/{EXPORTS}")));
        }
    }
    script.push_str("env -0 >&3\n");
    script
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Reads an environment as `env -0` prints it, less what was there before.
fn parse(
    printed: &[u8],
    before: &BTreeMap<String, String>,
    around: &Surroundings,
) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(printed);
    // Other apps lie beside this one, and not below a folder of their own.
    let theirs = format!("{}/app-data/", around.apps_dir);
    let ours = format!("{}/", around.apps_dir);
    text.split('\0')
        .filter_map(|entry| entry.split_once('='))
        .filter(|(name, _)| {
            !before.contains_key(*name) && !OF_BASH.contains(name) && !name.starts_with("EXPORTS_")
        })
        .map(|(name, value)| (name.to_owned(), value.replace(&theirs, &ours)))
        .collect()
}
