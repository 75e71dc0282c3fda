use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use hearth_model::api::apps::{AccessRequest, AppSettings, Finding, InstallApp, InstallCheck, LogLine};
use hearth_model::condition::ReasonCode;
use hearth_model::container::NetworkMode;
use hearth_model::conventions::Need;
use hearth_model::desired::{Actor, DesiredApp, Run};
use hearth_model::form::FieldKind;
use hearth_model::host_port::HostPort;
use hearth_model::observed::DataState;
use hearth_model::package::Package;
use hearth_model::{AppId, AppSpec, AppStatus, Chain, Digest};
use hearth_planner::check::Candidate;

use crate::catalog::Entry;
use crate::db;
use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::hearth::checks::Question;
use crate::logs::LogQuery;
use crate::reconcile::look;
use crate::resolve::{Seeds, Subject, Surroundings, tor};
use crate::scripts::Folder;
use crate::{logs, resolve};

impl Hearth {
    /// Returns every installed app, and those that are being removed, by id.
    pub async fn apps(&self) -> Vec<AppStatus> {
        self.first_look().await;
        let apps = Arc::clone(&self.published.borrow().apps);
        apps.values().map(|app| self.as_it_goes(app)).collect()
    }

    /// Returns one app.
    ///
    /// # Errors
    /// When it is not installed.
    pub async fn app(&self, app: &AppId) -> Result<AppStatus> {
        self.first_look().await;
        let apps = Arc::clone(&self.published.borrow().apps);
        apps.get(app).map(|app| self.as_it_goes(app)).ok_or_else(|| Error::NoSuchApp(app.clone()))
    }

    /// Returns an app as it was published, with how far its steps are by now: a pull goes on between two looks.
    fn as_it_goes(&self, app: &AppStatus) -> AppStatus {
        let progress = self.progress_of(&app.id).or_else(|| app.progress.clone());
        AppStatus { progress, ..app.clone() }
    }

    /// Looks at what an install would meet: what stands in the way, what the owner should know, what it may do.
    ///
    /// # Errors
    /// When there is no such package, or it does not resolve with these answers.
    pub async fn check(&self, by: &Actor, request: &InstallApp) -> Result<InstallCheck> {
        let question =
            Question { by: by.clone(), store: request.store.clone(), package: request.package.clone() };
        let _turn = self.checks.turn(question).await?;
        let entry = self.catalog.entry(&request.store, &request.package)?;
        Ok(self.check_entry(entry, request).await?.findings)
    }

    /// Looks at what the install of exactly this package would meet. What is returned is what may be installed: the store
    /// may offer another by then.
    pub(super) async fn check_entry(&self, entry: Arc<Entry>, request: &InstallApp) -> Result<Checked> {
        let wanted = desired_app(&entry, request);
        let findings = self.findings(&entry, &wanted).await?;
        Ok(Checked { entry, wanted, findings })
    }

    async fn findings(&self, entry: &Entry, wanted: &DesiredApp) -> Result<InstallCheck> {
        let app = entry.package.manifest.id.clone();
        let mut check = InstallCheck {
            blockers: Vec::new(),
            warnings: Vec::new(),
            access: Vec::new(),
            has_kept_data: self.data_state(&app).await? == DataState::Present,
            free_ports: BTreeMap::new(),
            companions: self.companions(wanted, &entry.package).await?,
        };
        let spec = match self.rehearse(&app, wanted, &entry.package).await? {
            Ok(spec) => spec,
            Err(reason) => {
                check.blockers.push(Finding { code: reason.code, message: reason.message, field: None });
                return Ok(check);
            }
        };
        check.blockers.extend(self.unknown_ports(&app, wanted, &entry.package).await?);
        check.access = access_requests(&entry.package, &spec);
        check.warnings.extend(way_around_the_sign_in(&entry.package, &spec));
        let desired = self.in_force().desired;
        let packages = self.packages_of(&desired).await?;
        check.warnings.extend(about_tor(&entry.package, tor::provider(&desired, &packages).is_some()));
        let publishes = spec.host_ports().next().is_some();
        let ports = if publishes { look::Ports::Always } else { look::Ports::WhenNeeded };
        let mut view = look::everything(self, &self.in_force(), ports).await;
        if let Some(problem) = view.observed.engine.problem() {
            let message = format!("Nothing can be installed now. {problem}");
            check.blockers.push(Finding { code: ReasonCode::EngineUnreachable, message, field: None });
            return Ok(check);
        }
        view.observed.images = self.present_images(&spec).await;
        let candidate = Candidate {
            spec: &spec,
            architectures: &entry.package.manifest.architectures,
            ports: &wanted.ports,
        };
        let found = hearth_planner::check::findings(&candidate, &view.specs, &view.observed);
        check.blockers.extend(found.blockers);
        check.warnings.extend(found.warnings);
        check.free_ports = found.free_ports;
        if self.data_state(&app).await? == DataState::Missing {
            check.blockers.push(Finding {
                code: ReasonCode::DataMissing,
                message: format!(
                    "{} was installed before and its kept data is not where it was: plug its disk in, or delete the kept data first.",
                    entry.package.manifest.name
                ),
                field: None,
            });
        }
        Ok(check)
    }

    /// Returns the form of an installed app with its answers; secrets are left out.
    ///
    /// # Errors
    /// When the app is not installed, or its package is no longer kept.
    pub async fn settings(&self, app: &AppId) -> Result<AppSettings> {
        let (_, package) = self.name_and_package(app).await?;
        let wanted =
            self.in_force().desired.apps.get(app).cloned().ok_or_else(|| Error::NoSuchApp(app.clone()))?;
        let secret = |name: &str| {
            package
                .manifest
                .settings
                .iter()
                .any(|field| field.name == name && field.kind == FieldKind::Secret)
        };
        let access = match self.rehearse(app, &wanted, &package).await? {
            Ok(spec) => access_requests(&package, &spec),
            Err(_) => Vec::new(),
        };
        let mut ports = self.ports_of(&package);
        ports.extend(wanted.ports);
        Ok(AppSettings {
            id: app.clone(),
            fields: package.manifest.settings.clone(),
            answers: wanted
                .settings
                .iter()
                .filter(|(name, _)| !secret(name))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
            ports,
            access,
        })
    }

    /// Returns the host ports that a package asks for, by `port/protocol` as an owner chooses others for them.
    pub(crate) fn ports_of(&self, package: &Package) -> BTreeMap<String, u16> {
        let spec = resolve::rehearse_in(package, &self.apps_dir().display().to_string());
        spec.iter()
            .flat_map(AppSpec::host_ports)
            .map(|HostPort { socket, .. }| {
                (format!("{}/{}", socket.port, socket.protocol.as_str()), socket.port)
            })
            .collect()
    }

    /// Returns lines that an app wrote: the last ones, and with `follow` every one that comes.
    ///
    /// # Errors
    /// When the app has no containers, or the engine does not answer.
    pub async fn logs(&self, app: &AppId, query: LogQuery) -> Result<BoxStream<'static, LogLine>> {
        logs::stream(self, app, query).await
    }

    /// Returns the name for people and the package of an installed app.
    pub(crate) async fn name_and_package(&self, app: &AppId) -> Result<(String, Arc<Package>)> {
        let digest = self
            .in_force()
            .desired
            .apps
            .get(app)
            .map(|wanted| wanted.digest.clone())
            .ok_or_else(|| Error::NoSuchApp(app.clone()))?;
        let package = self.kept(&digest).await?;
        Ok((package.manifest.name.clone(), package))
    }

    async fn kept(&self, digest: &Digest) -> Result<Arc<Package>> {
        self.kept_package(digest)
            .await?
            .ok_or_else(|| Error::Internal(format!("the package {} is no longer kept", digest.short())))
    }

    /// Keeps a package of the catalogue, so that it can be resolved for as long as a generation names it.
    pub(crate) async fn keep(&self, entry: &Entry) -> Result<()> {
        let mut tx = self.db.writer.begin().await?;
        db::packages::keep(&mut tx, &entry.package, entry.icon.as_ref()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Resolves an app as it would be, with stand-ins for secrets that are not made yet and all consent given.
    pub(crate) async fn rehearse(
        &self,
        app: &AppId,
        wanted: &DesiredApp,
        package: &Package,
    ) -> Result<std::result::Result<AppSpec, hearth_model::Reason>> {
        let secrets = db::data::secrets(&self.db, app).await?;
        let secrets = resolve::placeholders(&package.manifest.settings, &secrets);
        let desired = self.in_force().desired;
        // Nothing of the answer depends on secrets, so a script that runs for it gets none that are in use.
        let around = Surroundings { seeds: Seeds::default(), ..self.surroundings(&desired) };
        let circle = match self.circle(app, wanted, package, &desired).await? {
            Ok(circle) => circle,
            Err(reason) => return Ok(Err(reason)),
        };
        let subject = Subject { app, desired: wanted, package, secrets: &secrets, around: &around };
        let links = self.links(subject, &circle, Folder::StandIn).await;
        let links = match links {
            Ok(links) => links,
            Err(reason) => return Ok(Err(reason)),
        };
        Ok(match resolve::resolve(subject, &links) {
            Err(reason) if reason.code == ReasonCode::ConsentNeeded => {
                resolve::rehearse_with(subject, &links)
            }
            other => other,
        })
    }

    /// Refuses a version that does not resolve with the answers that are there, or asks for more consent.
    pub(crate) async fn refuse_unresolvable(
        &self,
        app: &AppId,
        wanted: &DesiredApp,
        package: &Package,
    ) -> Result<()> {
        let spec =
            self.rehearse(app, wanted, package).await?.map_err(|reason| Error::Package(reason.message))?;
        let missing: Vec<String> =
            resolve::missing_consent(&spec, &wanted.granted).iter().map(hearth_compose::means).collect();
        if missing.is_empty() { Ok(()) } else { Err(Error::ConsentNeeded(missing)) }
    }

    pub(crate) async fn data_state(&self, app: &AppId) -> Result<DataState> {
        let created = db::data::created(&self.db).await?.contains(app);
        self.data.state(app, created).map_err(|error| Error::Internal(Chain(&error).to_string()))
    }

    /// Returns which of a spec's images the engine has.
    async fn present_images(&self, spec: &AppSpec) -> std::collections::BTreeSet<hearth_model::ImageRef> {
        let wanted = spec.services.values().map(|service| service.container.image.clone()).collect();
        self.engine.observe(&wanted).await.map(|view| view.images).unwrap_or_default()
    }
}

/// A package that was looked at before its install, and what was found.
pub(super) struct Checked {
    pub(super) entry: Arc<Entry>,
    /// The owner's wish for it.
    pub(super) wanted: DesiredApp,
    pub(super) findings: InstallCheck,
}

/// Returns the owner's wish to run a package with these answers; an empty answer is none.
fn desired_app(entry: &Entry, request: &InstallApp) -> DesiredApp {
    let answers = request.settings.iter().filter(|(_, answer)| !answer.is_empty());
    DesiredApp {
        store: request.store.clone(),
        package: request.package.clone(),
        version: entry.package.manifest.version.clone(),
        digest: entry.digest.clone(),
        run: Run::Running,
        settings: answers.map(|(name, answer)| (name.clone(), answer.clone())).collect(),
        ports: request.ports.clone(),
        granted: request.granted.clone(),
        uses: request.uses.clone(),
        restarts: 0,
    }
}

/// Returns what a spec may do in words, with the package's reasons.
pub(crate) fn access_requests(package: &Package, spec: &AppSpec) -> Vec<AccessRequest> {
    spec.access
        .iter()
        .map(|access| AccessRequest {
            access: access.clone(),
            means: hearth_compose::means(access),
            grave: access.is_grave(),
            reason: package
                .manifest
                .permissions
                .iter()
                .find(|permission| permission.kind == access.kind)
                .map(|permission| permission.reason.clone()),
        })
        .collect()
}

/// Returns what the owner should know when a package is the box's Tor, or could use one.
fn about_tor(package: &Package, is_there: bool) -> Option<Finding> {
    let name = &package.manifest.name;
    let message = if package.manifest.tor.is_some() {
        format!(
            "{name} gives every app that has a page an address in the Tor network: whoever knows it reaches that page from anywhere, as if they were in your network. Apps that know Tor use it for their own connections."
        )
    } else if package.conventions.needs.contains(&Need::Tor) && !is_there {
        format!("{name} can use Tor, which this box does not have: install the app Tor for what needs it.")
    } else {
        return None;
    };
    Some(Finding { code: ReasonCode::PackageInvalid, message, field: None })
}

/// Returns what the owner should know when a package wants a sign-in in front of its page and there is a way around it.
fn way_around_the_sign_in(package: &Package, spec: &AppSpec) -> Option<Finding> {
    resolve::gate(package).filter(|gate| gate.sign_in)?;
    let name = &package.manifest.name;
    let message = match &spec.door {
        None => format!(
            "{name} was made for a system that asks for a sign-in before its page. Here everybody in your network can open it."
        ),
        Some(door) => {
            let network = &spec.services.get(&door.service)?.container.network;
            if *network != NetworkMode::Host {
                return None;
            }
            format!(
                "Hearth asks for a sign-in before the page of {name}, at port {}. It uses the network of this box, so everybody in your network can reach the same page at port {} without one.",
                door.host_port, door.port
            )
        }
    };
    Some(Finding { code: ReasonCode::ConsentNeeded, message, field: None })
}
