use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use hearth_host::sandbox::Script;
use hearth_model::condition::ReasonCode;
use hearth_model::{AppId, Hook, Reason};
use tokio_util::sync::CancellationToken;

use super::calls::Calls;
use super::platform::{self, Folder, Run};
use super::{Scripts, Trouble};
use crate::db;
use crate::error::Result;
use crate::hearth::Hearth;
use crate::resolve::{self, Subject};

/// How long a hook may take.
const TIME: Duration = Duration::from_secs(300);

impl Hearth {
    /// Runs a script of an app. One that fails holds nothing up, as on the system that it was written for: the owner reads
    /// that it failed, and what it wrote.
    ///
    /// # Errors
    /// Why it could not be run at all.
    pub(crate) async fn run_hook(
        &self,
        app: &AppId,
        hook: Hook,
        cancel: &CancellationToken,
    ) -> std::result::Result<(), Reason> {
        let broken = |error: crate::error::Error| Reason::new(ReasonCode::FileError, format!("{error}."));
        let Some(wanted) = self.in_force().desired.apps.get(app).cloned() else { return Ok(()) };
        let Some(package) = self.kept_package(&wanted.digest).await.map_err(broken)? else { return Ok(()) };
        if package.files.contains_key(&hook.path()) {
            self.run_script(app, hook, &wanted, &package, cancel).await?;
            if cancel.is_cancelled() {
                // It did not come to its end, so it counts as not run.
                return Ok(());
            }
        }
        match hook {
            Hook::PreStart => {
                self.scripts.lock().prepared.insert(app.clone());
                // The script may have written what the app is made of.
                self.specs.forget(app);
            }
            Hook::PreInstall | Hook::PostInstall | Hook::PostUpdate => {
                db::hooks::set(&self.db, app, hook, &wanted.digest).await.map_err(broken)?;
            }
            Hook::PostStart | Hook::PreStop | Hook::PostStop | Hook::PreUpdate => {}
        }
        Ok(())
    }

    async fn run_script(
        &self,
        app: &AppId,
        hook: Hook,
        wanted: &hearth_model::desired::DesiredApp,
        package: &hearth_model::package::Package,
        cancel: &CancellationToken,
    ) -> std::result::Result<(), Reason> {
        let broken = |error: crate::error::Error| Reason::new(ReasonCode::FileError, format!("{error}."));
        let desired = self.in_force().desired;
        let around = self.surroundings(&desired);
        let circle = self.circle(app, wanted, package, &desired).await.map_err(broken)??;
        let secrets = db::data::secrets(&self.db, app).await.map_err(broken)?;
        let subject = Subject { app, desired: wanted, package, secrets: &secrets, around: &around };
        let links = self.links(subject, &circle, Folder::Own).await?;
        let environment = resolve::variables::of(subject, &links)
            .map_err(|problem| Reason::new(ReasonCode::PackageInvalid, problem))?;
        let path = self.data.path(app).join(hook.path());
        let begun = Instant::now();
        let calls = Calls::listen(self, app, hook).inspect_err(|error| {
            tracing::warn!(app.id = %app, "the scripts of {app} cannot ask anything: {error}");
        });
        let run = Run {
            app,
            package,
            around: &around,
            circle: &circle,
            folder: Folder::Own,
            environment,
            time: TIME,
            files: BTreeMap::new(),
            calls: calls.as_ref().ok(),
        };
        let sandbox = run.sandbox(self);
        tracing::info!(app.id = %app, %hook, "runs a script of the package");
        let wanted = cancel.clone();
        let ended = platform::run(move || {
            sandbox.run_while(Script::File(Path::new(&path)), &|| !wanted.is_cancelled())
        })
        .await;
        if let Ok(calls) = calls {
            calls.end(TIME.saturating_sub(begun.elapsed())).await;
        }
        let ended = ended?;
        if cancel.is_cancelled() {
            tracing::info!(app.id = %app, %hook, "a script of the package was ended: something else is wanted by now");
            return Ok(());
        }
        let trouble = ended.failure.as_ref().map(|failure| {
            let name = &package.manifest.name;
            let message = format!(
                "The script {hook} of {name} failed ({failure}). The app goes on without it; ask its maintainers if something does not work."
            );
            let reason = platform::reason(message, &ended);
            let last = reason.log.last().map_or("nothing", String::as_str);
            tracing::warn!(app.id = %app, %hook, "a script of the package failed: {failure}; it last wrote: {last}");
            reason
        });
        self.scripts.note(app, hook.name(), trouble);
        Ok(())
    }

    /// Records for which version of its package an app's scripts count as having run when it is installed.
    pub(crate) async fn note_installed(&self, app: &AppId) -> Result<()> {
        let digest = self.in_force().desired.apps.get(app).map(|wanted| wanted.digest.clone());
        match digest {
            Some(digest) => db::hooks::set(&self.db, app, Hook::PostUpdate, &digest).await,
            None => Ok(()),
        }
    }
}

impl Scripts {
    /// Notes how a script ended. One that did well clears what it had left itself, and nothing of another.
    fn note(&self, app: &AppId, script: &'static str, trouble: Option<Reason>) {
        let mut memory = self.lock();
        match trouble {
            Some(reason) => {
                memory.trouble.insert(app.clone(), Trouble { script, reason });
            }
            None if memory.trouble.get(app).is_some_and(|last| last.script == script) => {
                memory.trouble.remove(app);
            }
            None => {}
        }
    }
}
