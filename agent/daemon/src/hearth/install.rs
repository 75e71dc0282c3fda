use hearth_compose::pattern::check_answers;
use hearth_model::api::apps::{ConfigureApp, InstallApp};
use hearth_model::desired::{Actor, DesiredApp};
use hearth_model::{AppId, Generation, form};
use hearth_reconciler::Change;

use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::hearth::apps::Checked;

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
        let Checked { entry, wanted, findings } = self.check_entry(entry, &request).await?;
        let missing: Vec<String> = findings
            .access
            .iter()
            .filter(|asked| !asked.access.is_agreed_to(&request.granted))
            .map(|asked| asked.means.clone())
            .collect();
        if !missing.is_empty() {
            return Err(Error::ConsentNeeded(missing));
        }
        if !findings.blockers.is_empty() {
            let list: Vec<String> = findings.blockers.into_iter().map(|finding| finding.message).collect();
            return Err(Error::Refused(list.join(" ")));
        }
        self.keep(&entry).await?;
        let why = format!("Install {}", entry.package.manifest.name);
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
    /// When an answer is wrong, a port is taken or not of the package, or the app is being updated.
    pub async fn configure(&self, by: &Actor, app: &AppId, request: ConfigureApp) -> Result<Generation> {
        let (name, package) = self.name_and_package(app).await?;
        if let Some(ports) = &request.ports {
            let in_force = self.in_force();
            let now = in_force.desired.apps.get(app).ok_or_else(|| Error::NoSuchApp(app.clone()))?;
            let wanted = DesiredApp { ports: ports.clone(), ..now.clone() };
            self.check_changed_ports(app, now, &wanted, &package).await?;
        }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use hearth_model::api::apps::InstallApp;

    use crate::db::Db;
    use crate::hearth::{Hearth, Options};

    fn offer(store: &Path, version: &str) {
        let folder = store.join("apps/notes");
        fs::create_dir_all(&folder).expect("a folder");
        let manifest = format!(
            "manifest: 1\nid: notes\nname: Notes\ntagline: x\nversion: '{version}'\ncategory: notes\n"
        );
        fs::write(folder.join("app.yml"), manifest).expect("a file");
        fs::write(folder.join("compose.yml"), "services: { web: { image: nginx:1 } }\n").expect("a file");
    }

    #[tokio::test]
    async fn what_was_checked_is_what_is_installed_whatever_the_store_offers_by_then() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("store");
        offer(&store, "1");
        let options = Options {
            state_dir: folder.path().join("state"),
            docker_socket: folder.path().join("no-docker.sock"),
            stores: vec![store.clone()],
            timing: hearth_planner::Timing::default(),
            os_root: folder.path().to_owned(),
        };
        fs::create_dir_all(&options.state_dir).expect("a folder");
        let db = Db::open(&options.state_dir.join("hearth.db")).await.expect("a database");
        let hearth = Hearth::open(options, db).await.expect("a box");
        let id = hearth.catalog.stores()[0].id.clone();
        let request: InstallApp =
            serde_json::from_value(serde_json::json!({ "store": id, "package": "notes" }))
                .expect("a request");

        let seen = hearth.catalog.entry(&id, "notes").expect("it is offered");
        offer(&store, "2");
        hearth.catalog.refresh_built_in(&id).await.expect("readable");
        let offered = hearth.catalog.entry(&id, "notes").expect("it is offered");
        assert_ne!(seen.digest, offered.digest);

        let checked = hearth.check_entry(seen.clone(), &request).await.expect("it is looked at");
        assert_eq!(checked.entry.digest, seen.digest);
        assert_eq!((checked.wanted.digest, checked.wanted.version.as_str()), (seen.digest.clone(), "1"));
    }
}
