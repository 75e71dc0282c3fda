use std::collections::{BTreeMap, BTreeSet};

use hearth_model::AppId;
use hearth_model::api::apps::Finding;
use hearth_model::condition::ReasonCode;
use hearth_model::desired::{Desired, DesiredApp};
use hearth_model::form::FieldError;
use hearth_model::package::Package;
use hearth_planner::check::{self, Candidate};

use crate::error::{Error, Result};
use crate::hearth::Hearth;
use crate::reconcile::look;

impl Hearth {
    /// Returns what is wrong with the owner's choice of ports: ports that the package does not publish.
    pub(super) async fn unknown_ports(
        &self,
        app: &AppId,
        wanted: &DesiredApp,
        package: &Package,
    ) -> Result<Vec<Finding>> {
        if wanted.ports.is_empty() {
            return Ok(Vec::new());
        }
        let of_package = DesiredApp { ports: BTreeMap::new(), ..wanted.clone() };
        Ok(match self.rehearse(app, &of_package, package).await? {
            Ok(spec) => check::unknown_ports(&spec, &wanted.ports),
            // What is wrong with the package or its answers is told by who resolves it with the ports.
            Err(_) => Vec::new(),
        })
    }

    /// Checks ports that an installed app is to have instead of those it has: the package must publish them, and nobody else
    /// may have them. Ports that stay as they are were checked before.
    pub(super) async fn check_changed_ports(
        &self,
        app: &AppId,
        now: &DesiredApp,
        wanted: &DesiredApp,
        package: &Package,
    ) -> Result<()> {
        let changed = changed_ports(&now.ports, &wanted.ports);
        if changed.is_empty() {
            return Ok(());
        }
        let is_new = |finding: &Finding| finding.field.as_ref().is_some_and(|port| changed.contains(port));
        let mut problems = self.unknown_ports(app, wanted, package).await?;
        if let Ok(spec) = self.rehearse(app, wanted, package).await? {
            let view = look::everything(self, &self.in_force(), look::Ports::Always).await;
            let candidate = Candidate { spec: &spec, architectures: &[], ports: &wanted.ports };
            let found = check::findings(&candidate, &view.specs, &view.observed);
            problems.extend(found.blockers.into_iter().filter(|one| one.code == ReasonCode::PortTaken));
        }
        problems.retain(is_new);
        if problems.is_empty() {
            return Ok(());
        }
        let errors = problems.into_iter().map(|Finding { message, field, .. }| {
            let field = field.unwrap_or_default();
            FieldError { label: format!("Port {field}"), field, problem: message }
        });
        Err(Error::Fields(errors.collect()))
    }

    /// Checks that a document moves no ports that packages do not publish; apps whose ports it leaves are not looked at.
    pub(super) async fn check_document_ports(&self, desired: &Desired) -> Result<()> {
        let now = self.in_force();
        for (app, wanted) in &desired.apps {
            let before = now.desired.apps.get(app).map(|before| &before.ports);
            let changed = changed_ports(before.unwrap_or(&BTreeMap::new()), &wanted.ports);
            if changed.is_empty() {
                continue;
            }
            let Some(package) = self.kept_package(&wanted.digest).await? else { continue };
            let mut problems = self.unknown_ports(app, wanted, &package).await?;
            problems.retain(|finding| finding.field.as_ref().is_some_and(|port| changed.contains(port)));
            problems.iter_mut().for_each(|finding| finding.message = format!("{app}: {}", finding.message));
            if !problems.is_empty() {
                let list: Vec<String> = problems.into_iter().map(|finding| finding.message).collect();
                return Err(Error::Refused(list.join(" ")));
            }
        }
        Ok(())
    }
}

/// Returns ports of a package that are published elsewhere than before.
fn changed_ports(now: &BTreeMap<String, u16>, wanted: &BTreeMap<String, u16>) -> BTreeSet<String> {
    let all = now.keys().chain(wanted.keys());
    all.filter(|port| now.get(*port) != wanted.get(*port)).cloned().collect()
}
