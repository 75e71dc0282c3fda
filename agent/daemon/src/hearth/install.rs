use hearth_compose::pattern::check_answers;
use hearth_model::api::apps::{ConfigureApp, InstallApp};
use hearth_model::desired::{Actor, DesiredApp, Run};
use hearth_model::{AppId, Digest, Generation, form};

use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::hearth::edits::Change;

impl Hearth {
    /// Installs an app.
    ///
    /// # Errors
    /// When it is installed, an answer is wrong, something stands in the way, or consent is missing.
    pub async fn install(&self, by: &Actor, request: InstallApp) -> Result<Generation> {
        let entry = self.catalog.entry(&request.store, &request.package)?;
        let app = entry.package.manifest.id.clone();
        if self.in_force().desired.apps.contains_key(&app) {
            return Err(Error::Conflict(format!("{} is installed already", entry.package.manifest.name)));
        }
        let errors = check_answers(&entry.package.manifest.settings, &request.settings);
        if !errors.is_empty() {
            return Err(Error::Fields(errors));
        }
        let check = self.check(&request).await?;
        let missing: Vec<String> = check
            .access
            .iter()
            .filter(|asked| !request.granted.contains(&asked.access))
            .map(|asked| asked.means.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Error::ConsentNeeded(missing));
        }
        if !check.blockers.is_empty() {
            let list: Vec<String> = check.blockers.into_iter().map(|finding| finding.message).collect();
            return Err(Error::Refused(list.join(" ")));
        }
        self.keep(&entry).await?;
        let why = format!("Install {}", entry.package.manifest.name);
        let wanted = desired_app(&entry.package, &entry.digest, request);
        self.edit(by, &why, |now| {
            let mut desired = (*now.desired).clone();
            if desired.apps.contains_key(&app) {
                return Err(Error::Conflict(format!("{} is installed already", entry.package.manifest.name)));
            }
            desired.deleted_data.remove(&app);
            desired.apps.insert(app.clone(), wanted);
            Ok(Change { desired, updates: vec![(app.clone(), None)] })
        })
        .await
    }

    /// Changes an app's answers, ports and consent.
    ///
    /// # Errors
    /// When an answer is wrong, or the app is being updated.
    pub async fn configure(&self, by: &Actor, app: &AppId, request: ConfigureApp) -> Result<Generation> {
        let (name, package) = self.name_and_package(app).await?;
        self.edit_app(by, app, &format!("Change the settings of {name}"), |wanted| {
            if let Some(mut settings) = request.settings {
                // A secret that the page did not show is not an answer: what is stored stays.
                for field in &package.manifest.settings {
                    let secret = field.kind == form::FieldKind::Secret;
                    let unanswered = settings.get(&field.name).is_none_or(String::is_empty);
                    if let (true, true, Some(old)) = (secret, unanswered, wanted.settings.get(&field.name)) {
                        settings.insert(field.name.clone(), old.clone());
                    }
                }
                let errors = check_answers(&package.manifest.settings, &settings);
                if !errors.is_empty() {
                    return Err(Error::Fields(errors));
                }
                wanted.settings = settings;
            }
            if let Some(ports) = request.ports {
                // What the package proposes is no choice of the owner's: it follows the package when that changes.
                let proposed = self.ports_of(&package);
                wanted.ports =
                    ports.into_iter().filter(|(key, port)| proposed.get(key) != Some(port)).collect();
            }
            if let Some(granted) = request.granted {
                wanted.granted = granted;
            }
            Ok(())
        })
        .await
    }
}

fn desired_app(package: &hearth_model::package::Package, digest: &Digest, request: InstallApp) -> DesiredApp {
    DesiredApp {
        store: request.store,
        package: request.package,
        version: package.manifest.version.clone(),
        digest: digest.clone(),
        run: Run::Running,
        settings: request.settings.into_iter().filter(|(_, answer)| !answer.is_empty()).collect(),
        ports: request.ports,
        granted: request.granted,
        uses: request.uses,
        restarts: 0,
    }
}
