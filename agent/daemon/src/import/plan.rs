/// What there is.
mod found;
/// What is said of one app, without a look at anything else.
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use hearth_adapters::Format;
use hearth_model::api::import::{ImportFiles, ImportPlan, ImportUmbrel};
use hearth_model::conventions::ContainerNaming;
use hearth_model::desired::{DesiredApp, Run};
use hearth_model::observed::DataState;
use hearth_model::{AppId, Chain, Desired, StoreId};
use hearth_planner::check::Candidate;

pub(super) use found::{Found, Prepared, Ready};
pub(super) use judge::granted;
use judge::{consent, links, mounted, order, same_store, version};

use super::source::{Source, SourceApp};
use crate::catalog::Entry;
use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::hearth::apps::access_requests;
use crate::reconcile::look;
use crate::resolve;
use crate::resolve::circle::{self, Packages};

/// Room that stays free for the engine and the database, in bytes.
const LEFT_FREE_BYTES: u64 = 256 << 20;

impl Hearth {
    /// Looks at what of another box could be taken over; nothing is changed, here or there.
    ///
    /// # Errors
    /// When the folder is none of umbrelOS, or the engine does not answer.
    pub async fn plan_import(&self, request: &ImportUmbrel) -> Result<ImportPlan> {
        Ok(self.prepare_import(request).await?.plan)
    }

    pub(super) async fn prepare_import(&self, request: &ImportUmbrel) -> Result<Prepared> {
        let folder = PathBuf::from(&request.folder);
        if !folder.is_absolute() {
            return Err(Error::Refused(format!("the folder {} must be named from `/` on", request.folder)));
        }
        let (source, read) = blocking(move || {
            let source = Source::open(&folder)?;
            let read = source.installed.apps.iter().map(|id| {
                (
                    id.clone(),
                    id.parse::<AppId>().map_err(|error| error.to_string()).and_then(|app| {
                        let found = source.app(&app)?;
                        Ok((app, found))
                    }),
                )
            });
            let read = read.collect::<Vec<_>>();
            Ok((source, read))
        })
        .await?;
        if self.options.state_dir.starts_with(&source.folder)
            || source.folder.starts_with(&self.options.state_dir)
        {
            let folder = source.folder.display();
            return Err(Error::Refused(format!("{folder} and this box's own folder lie in one another")));
        }
        let unknown: Vec<&str> = request
            .apps
            .iter()
            .map(AppId::as_str)
            .filter(|wanted| !source.installed.apps.iter().any(|id| id == wanted))
            .collect();
        if !unknown.is_empty() {
            return Err(Error::Refused(format!("not installed on that box: {}", unknown.join(", "))));
        }
        let mut apps = Vec::new();
        for (id, read) in read {
            let is_wanted = |app: &AppId| app.as_str() == id;
            if request.apps.is_empty() || request.apps.iter().any(is_wanted) {
                apps.push(self.look_at(&id, read, &source, request).await?);
            }
        }
        self.with_others(&mut apps).await?;
        self.with_this_box(&mut apps).await?;
        self.finish_plan(source, apps, request).await
    }

    /// Looks at one app by itself.
    async fn look_at(
        &self,
        id: &str,
        read: std::result::Result<(AppId, SourceApp), String>,
        source: &Source,
        request: &ImportUmbrel,
    ) -> Result<Found> {
        let mut found = Found::new(id);
        if let Ok(app) = id.parse::<AppId>()
            && self.in_force().desired.apps.contains_key(&app)
        {
            found.about.is_installed = true;
            return Ok(found.block("it is installed here already"));
        }
        let (app, theirs) = match read {
            Ok(read) => read,
            Err(why) => return Ok(found.block(why)),
        };
        found.about.size_bytes = theirs.measure.size_bytes;
        judge::mounts(&mut found.about, &theirs.measure, request.copy_mounts);
        found.about.run = if theirs.settings.runs { Run::Running } else { Run::Stopped };
        if self.data_state(&app).await? != DataState::New {
            return Ok(found.block(format!(
                "data of an earlier install is kept here: delete it first, with `hearth app remove {app} --delete-data`"
            )));
        }
        let Some((store, offered)) = self.offer(&app, &source.installed.stores) else {
            return Ok(
                found.block("no store of this box has it: add its store first, with `hearth store add`")
            );
        };
        found.about.store = Some(store.clone());
        let adapted = match hearth_adapters::read(Format::Umbrel, &theirs.package, &store) {
            Ok(adapted) => adapted,
            Err(why) => return Ok(found.block(format!("its package cannot be used: {why}"))),
        };
        let entry = version(&mut found, &offered, adapted);
        let package = &entry.package;
        found.about.name.clone_from(&package.manifest.name);
        let needs = resolve::missing_needs(package);
        if !needs.is_empty() {
            return Ok(found.block(format!("it needs what Hearth cannot give it yet: {}", needs.join("; "))));
        }
        let spec = match resolve::rehearse(package) {
            Ok(spec) => spec,
            Err(why) => return Ok(found.block(why.message)),
        };
        found.about.access = access_requests(package, &spec);
        let agreed = request.granted.get(&app).cloned().unwrap_or_default();
        consent(&mut found.about, &agreed);
        links(&mut found.about, &theirs.measure, &mounted(&app, &spec));
        let wanted = DesiredApp {
            store,
            package: app.to_string(),
            version: package.manifest.version.clone(),
            digest: entry.digest.clone(),
            run: found.about.run,
            settings: BTreeMap::new(),
            ports: BTreeMap::new(),
            granted: BTreeSet::new(),
            uses: theirs.settings.uses,
            restarts: 0,
        };
        found.ready = Some(Ready { app, folder: theirs.folder, entry, wanted, spec });
        Ok(found)
    }

    /// Finds the store that offers an app: one that the other box had comes first.
    fn offer(&self, app: &AppId, theirs: &[String]) -> Option<(StoreId, Arc<Entry>)> {
        let stores = self.catalog.stores();
        let offers = |naming| move |entry: &&Arc<Entry>| entry.package.conventions.naming == naming;
        let mut able: Vec<_> = stores
            .iter()
            .filter_map(|store| {
                let entry = store.packages.get(app.as_str());
                let entry = entry.filter(offers(ContainerNaming::Underscores))?;
                let known = theirs.iter().any(|address| same_store(address, &store.location));
                Some((!known, store.id.clone(), Arc::clone(entry)))
            })
            .collect();
        able.sort_by(|(a, a_id, _), (b, b_id, _)| (a, a_id).cmp(&(b, b_id)));
        able.into_iter().next().map(|(_, id, entry)| (id, entry))
    }

    /// Leaves out apps whose company is missing, and puts each after those that it talks to.
    async fn with_others(&self, apps: &mut [Found]) -> Result<()> {
        let now = self.in_force().desired;
        let own = self.packages_of(&now).await?;
        loop {
            let (mut desired, mut packages): (Desired, Packages) = ((*now).clone(), own.clone());
            for ready in apps.iter().filter_map(Found::taken) {
                desired.apps.insert(ready.app.clone(), ready.wanted.clone());
                packages.insert(ready.app.clone(), Arc::new(ready.entry.package.clone()));
            }
            let mut talks_to = BTreeMap::new();
            let mut is_whole = true;
            for found in apps.iter_mut() {
                let Some(ready) = found.taken() else { continue };
                match circle::find(&ready.app, &ready.wanted, &ready.entry.package, &desired, &packages) {
                    Ok(circle) => {
                        let others = circle.talks_to.into_iter().map(|(other, _)| other.to_string());
                        talks_to.insert(found.about.id.clone(), others.collect());
                    }
                    Err(why) => {
                        found.about.blockers.push(why.message);
                        is_whole = false;
                    }
                }
            }
            if is_whole {
                let taken = apps.iter().filter(|found| found.taken().is_some());
                let taken: Vec<String> = taken.map(|found| found.about.id.clone()).collect();
                let ordered = order(&taken, &talks_to);
                // Those that are left out come last.
                apps.sort_by_key(|found| {
                    ordered.iter().position(|id| *id == found.about.id).unwrap_or(usize::MAX)
                });
                return Ok(());
            }
        }
    }

    /// Leaves out apps that this box has no place for: ports, names, processor.
    async fn with_this_box(&self, apps: &mut [Found]) -> Result<()> {
        let view = look::everything(self, &self.in_force(), look::Ports::Always).await;
        if let Some(problem) = view.observed.engine.problem() {
            return Err(Error::EngineUnreachable(format!("Nothing can be taken over now. {problem}")));
        }
        let mut others = (*view.specs).clone();
        for found in apps.iter_mut() {
            let Some(ready) = found.taken() else { continue };
            let architectures = &ready.entry.package.manifest.architectures;
            let ports = BTreeMap::new();
            let candidate = Candidate { spec: &ready.spec, architectures, ports: &ports };
            let findings = hearth_planner::check::findings(&candidate, &others, &view.observed);
            if findings.blockers.is_empty() {
                others.insert(ready.app.clone(), Ok(ready.spec.clone()));
            }
            found.about.blockers.extend(findings.blockers.into_iter().map(|finding| finding.message));
            found.about.notes.extend(findings.warnings.into_iter().map(|finding| finding.message));
        }
        Ok(())
    }

    /// Looks at files that apps share, and whether there is room.
    async fn finish_plan(
        &self,
        source: Source,
        mut apps: Vec<Found>,
        request: &ImportUmbrel,
    ) -> Result<Prepared> {
        let (data, opened, without_files) = (self.data.clone(), source.clone(), request.without_files);
        let (files, is_shared) = blocking(move || {
            let files = if without_files { Vec::new() } else { opened.shared()? };
            Ok((files, data.shares_blocks_with(&opened.folder).map_err(|error| Chain(&error).to_string())?))
        })
        .await?;
        let free_bytes = look::host(self).await.data_free_bytes;
        let mut needed_bytes: u64 = 0;
        let mut left = free_bytes.saturating_sub(LEFT_FREE_BYTES);
        for found in apps.iter_mut().filter(|found| found.taken().is_some()) {
            let size = if is_shared { 0 } else { found.about.size_bytes };
            match left.checked_sub(size) {
                Some(rest) => {
                    left = rest;
                    needed_bytes = needed_bytes.saturating_add(size);
                }
                None => found.about.blockers.push(format!(
                    "there is not enough room: it takes up {size} bytes, and {left} are free after the apps before it"
                )),
            }
        }
        let files: Vec<ImportFiles> =
            files.into_iter().map(|(folder, size_bytes)| ImportFiles { folder, size_bytes }).collect();
        if !is_shared {
            needed_bytes += files.iter().map(|files| files.size_bytes).sum::<u64>();
        }
        let lacks_a_store = apps.iter().any(|found| found.about.store.is_none() && !found.about.is_installed);
        let has =
            |address: &String| self.catalog.stores().iter().any(|store| same_store(address, &store.location));
        let missing_stores = if lacks_a_store {
            source.installed.stores.iter().filter(|address| !has(address)).cloned().collect()
        } else {
            Vec::new()
        };
        let plan = ImportPlan {
            folder: source.folder.display().to_string(),
            apps: apps.iter().map(|found| found.about.clone()).collect(),
            files,
            needed_bytes,
            free_bytes,
            missing_stores,
        };
        Ok(Prepared { source, apps, plan })
    }
}

/// Does work on files where it does not hold up anything else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, String> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Internal(format!("the look at the other box ended: {error}")))?
        .map_err(Error::Refused)
}
