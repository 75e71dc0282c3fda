use std::collections::{BTreeMap, HashMap};

use hearth_model::id::{AppId, Digest, ServiceName};

/// What every label of Hearth begins with; a package cannot set such labels.
pub const PREFIX: &str = "sh.hearth.";
/// Id of the state folder whose Hearth made the thing: two of them on one engine never touch one another's things.
pub const BOX: &str = "sh.hearth.box";
/// The app.
pub const APP: &str = "sh.hearth.app";
/// The service.
pub const SERVICE: &str = "sh.hearth.service";
/// Hash of the [`hearth_model::ContainerSpec`] or [`hearth_model::spec::NetworkSpec`] that it was made from.
pub const SPEC: &str = "sh.hearth.spec";
/// Digest of the package.
pub const PACKAGE: &str = "sh.hearth.package";
/// [`hearth_model::desired::DesiredApp::restarts`] when it was made.
pub const RESTARTS: &str = "sh.hearth.restarts";

/// Number of networks that the container is connected to before its first start; one with fewer is half made.
pub const NETWORKS: &str = "sh.hearth.networks";

/// What the labels of a container say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerLabels {
    pub(crate) app: AppId,
    pub(crate) service: ServiceName,
    pub(crate) spec: Digest,
    pub(crate) package: Digest,
    pub(crate) restarts: u64,
}

impl ContainerLabels {
    /// Reads the labels of a container that [`is_ours`]; the error names the label that is missing or wrong.
    pub(crate) fn read(labels: &BTreeMap<String, String>) -> Result<Self, String> {
        fn one<T: std::str::FromStr>(labels: &BTreeMap<String, String>, name: &str) -> Result<T, String> {
            let value = labels.get(name).ok_or_else(|| format!("label {name} is missing"))?;
            value.parse().map_err(|_| format!("label {name} has the value `{value}`, which means nothing"))
        }
        Ok(Self {
            app: one(labels, APP)?,
            service: one(labels, SERVICE)?,
            spec: one(labels, SPEC)?,
            package: one(labels, PACKAGE)?,
            restarts: one(labels, RESTARTS)?,
        })
    }

    /// Returns the labels for a new container: the package's own, without any that only Hearth may set, and ours.
    pub(crate) fn write(
        &self,
        box_id: &str,
        networks: usize,
        of_package: &BTreeMap<String, String>,
    ) -> HashMap<String, String> {
        let mut labels = packaged(of_package);
        labels.extend([
            (BOX.to_owned(), box_id.to_owned()),
            (APP.to_owned(), self.app.to_string()),
            (SERVICE.to_owned(), self.service.to_string()),
            (SPEC.to_owned(), self.spec.to_string()),
            (PACKAGE.to_owned(), self.package.to_string()),
            (RESTARTS.to_owned(), self.restarts.to_string()),
            (NETWORKS.to_owned(), networks.to_string()),
        ]);
        labels
    }
}

/// Tells whether a container that was never started is connected to as many networks as it should be.
pub(crate) fn is_whole(labels: &BTreeMap<String, String>, connected: usize) -> bool {
    labels.get(NETWORKS).and_then(|count| count.parse().ok()).is_none_or(|count: usize| connected >= count)
}

/// Tells whether labels are those of a thing that this Hearth made.
pub(crate) fn is_ours(labels: &BTreeMap<String, String>, box_id: &str) -> bool {
    labels.get(BOX).is_some_and(|id| id == box_id)
}

/// Returns the package's labels without any that only Hearth may set.
pub(crate) fn packaged(labels: &BTreeMap<String, String>) -> HashMap<String, String> {
    let allowed = labels.iter().filter(|(name, _)| !name.starts_with(PREFIX));
    allowed.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> ContainerLabels {
        ContainerLabels {
            app: "blog".parse().expect("valid"),
            service: "db".parse().expect("valid"),
            spec: Digest::of(b"spec"),
            package: Digest::of(b"package"),
            restarts: 3,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = labels().write("box-1", 1, &BTreeMap::new()).into_iter().collect();
        assert_eq!(ContainerLabels::read(&written), Ok(labels()));
        assert!(is_ours(&written, "box-1"));
        assert!(!is_ours(&written, "box-2"));
    }

    #[test]
    fn a_package_cannot_pass_for_another_app() {
        let hostile = BTreeMap::from([
            (APP.to_owned(), "other".to_owned()),
            ("sh.hearth.future".to_owned(), "x".to_owned()),
            ("traefik.enable".to_owned(), "true".to_owned()),
        ]);
        let written = labels().write("box-1", 1, &hostile);
        assert_eq!(written[APP], "blog");
        assert!(!written.contains_key("sh.hearth.future"));
        assert_eq!(written["traefik.enable"], "true");
    }

    #[test]
    fn a_label_that_is_missing_is_named() {
        let error = ContainerLabels::read(&BTreeMap::new()).expect_err("nothing there");
        assert_eq!(error, "label sh.hearth.app is missing");
    }
}
