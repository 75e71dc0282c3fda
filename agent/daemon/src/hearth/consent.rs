use std::sync::Arc;

use hearth_model::Desired;
use hearth_model::desired::Actor;
use hearth_model::package::AccessKind;
use jiff::Timestamp;

use crate::db;
use crate::error::Result;
use crate::hearth::Hearth;
use crate::resolve::Tor;
use crate::resolve::circle::{Joins, Packages, shared_access};
use crate::resolve::tor::Asked;

/// Under this key the database remembers that apps from before kept what they had.
const DONE: &str = "asks_for_shared_networks";

impl Hearth {
    /// Lets apps that were installed before Hearth asked about shared networks and Tor keep what they have, once: an update
    /// of Hearth must not stop them.
    pub(super) async fn keep_earlier_access(&self) -> Result<()> {
        if db::identity::is_noted(&self.db, DONE).await? {
            return Ok(());
        }
        let now = self.in_force();
        let packages = self.packages_of(&now.desired).await?;
        let desired = with_earlier_access(&now.desired, &packages);
        let mut tx = self.db.writer.begin().await?;
        db::identity::note(&mut tx, DONE).await?;
        let generation = now.generation.next();
        let changed = desired != *now.desired;
        if changed {
            let why = "Let apps keep the access that they had before Hearth asked for it";
            db::generations::add(&mut tx, generation, Timestamp::now(), &Actor::Hearth, why, &desired)
                .await?;
            tracing::info!(%generation, "{why}");
        }
        tx.commit().await?;
        if changed {
            self.in_force.send_modify(|now| {
                now.generation = generation;
                now.desired = Arc::new(desired);
            });
        }
        Ok(())
    }
}

/// Returns a document in which the apps may do what they could do without being asked. Of several that bring a Tor, the
/// first one was the box's.
fn with_earlier_access(before: &Desired, packages: &Packages) -> Desired {
    let mut desired = before.clone();
    let tor = packages.iter().find(|(_, package)| package.manifest.tor.is_some()).map(|(app, _)| app.clone());
    for (app, wanted) in &before.apps {
        let Some(package) = packages.get(app) else { continue };
        let told = Tor::of(app, package, before, packages);
        let joins = Joins::of(app, wanted, package, &told, before, packages);
        let is_tor = tor.as_ref() == Some(app);
        let access = shared_access(app, package, &joins).into_iter().filter(|access| {
            access.kind != AccessKind::HostNetwork || access.detail != Asked::IsTor.detail() || is_tor
        });
        if let Some(wanted) = desired.apps.get_mut(app) {
            wanted.granted.extend(access);
        }
    }
    desired
}

#[cfg(test)]
mod tests {
    use hearth_model::AppId;
    use hearth_model::conventions::Need;
    use hearth_model::package::{Access, TorDaemon};

    use super::*;
    use crate::resolve::circle::tests::{box_with, package};

    fn granted(desired: &Desired, app: &str) -> Vec<String> {
        let app: AppId = app.parse().expect("an id");
        desired.apps[&app].granted.iter().map(|Access { detail, .. }| detail.clone()).collect()
    }

    #[test]
    fn apps_from_before_keep_what_they_had_and_no_more() {
        let mut node = package("node", &[], &[]);
        node.conventions.needs.insert(Need::FixedAddresses);
        let mut wallet = package("wallet", &["node"], &[]);
        wallet.compose = "services: { web: { environment: { P: $TOR_PASSWORD } } }".to_owned();
        let mut tors = [package("a-tor", &[], &[]), package("tor", &[], &[])];
        for tor in &mut tors {
            tor.manifest.tor = Some(TorDaemon { service: "tor".to_owned() });
        }
        let [first, second] = tors;
        let (before, packages) = box_with(&[node, wallet, first, second, package("wiki", &[], &[])]);
        let after = with_earlier_access(&before, &packages);
        assert_eq!(granted(&after, "node"), [Asked::FixedAddresses.detail()]);
        let both = [Asked::FixedAddresses.detail(), Asked::TorControl.detail()];
        assert_eq!(granted(&after, "wallet"), both);
        assert_eq!(granted(&after, "a-tor"), [Asked::IsTor.detail()]);
        assert!(granted(&after, "tor").is_empty() && granted(&after, "wiki").is_empty());
    }
}
