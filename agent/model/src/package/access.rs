use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A dangerous thing that a package asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Permission {
    /// What.
    pub kind: AccessKind,
    /// Why, for the owner.
    pub reason: String,
}

/// Kinds of [`Access`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum AccessKind {
    /// All the rights of root on the host.
    Privileged,
    /// The engine's own socket: as good as root on the host.
    DockerSocket,
    /// The host's own network.
    HostNetwork,
    /// The host's processes, IPC, host name or users.
    HostNamespace,
    /// Folders outside the app's own.
    HostPaths,
    /// Devices of the host.
    Devices,
    /// Capabilities beyond Docker's own set.
    Capabilities,
    /// Security confinement switched off.
    Unconfined,
}

/// One thing that an app may do beyond its own folder and network, found in its resolved containers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Access {
    /// What kind it is.
    pub kind: AccessKind,
    /// Which service.
    pub service: String,
    /// What exactly: the path, the device, the capability; empty where the kind says it all.
    #[serde(default)]
    pub detail: String,
    /// How far it reaches. Consents of versions that did not tell have [`Reach::Stated`]; those versions in turn pass over
    /// this field.
    #[serde(default, skip_serializing_if = "Reach::is_stated")]
    pub reach: Reach,
}

/// How far an access reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum Reach {
    /// As far as its kind and detail say.
    #[default]
    Stated,
    /// It is read and not changed.
    Reading,
    /// It is read and not changed, and passwords or keys of the box or of other apps can be in it.
    ReadingSecrets,
    /// Whoever has it can take control of the whole box.
    WholeBox,
}

impl Reach {
    fn is_stated(&self) -> bool {
        *self == Self::Stated
    }
}

impl Access {
    /// Returns an access that reaches as far as its kind and detail say.
    pub fn new(kind: AccessKind, service: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, service: service.into(), detail: detail.into(), reach: Reach::Stated }
    }

    /// Tells whether the owner agreed to this.
    ///
    /// Who agreed to more agreed to this as well. So did who agreed before versions told how far an access reaches: that
    /// app goes on running, and its owner reads the new text wherever its accesses are listed.
    pub fn is_granted(&self, granted: &BTreeSet<Access>) -> bool {
        self.is_granted_by(granted, Reach::Stated) || self.is_agreed_to(granted)
    }

    /// Tells whether the owner agrees to this today, with how far it reaches before their eyes: a consent that does not say
    /// so is none for what is more than its detail says.
    pub fn is_agreed_to(&self, granted: &BTreeSet<Access>) -> bool {
        let covering = match self.reach {
            Reach::Reading => &[Reach::Reading, Reach::ReadingSecrets, Reach::Stated, Reach::WholeBox][..],
            Reach::ReadingSecrets => &[Reach::ReadingSecrets, Reach::WholeBox],
            Reach::Stated => &[Reach::Stated, Reach::WholeBox],
            Reach::WholeBox => &[Reach::WholeBox],
        };
        covering.iter().any(|reach| self.is_granted_by(granted, *reach))
    }

    fn is_granted_by(&self, granted: &BTreeSet<Access>, reach: Reach) -> bool {
        granted.contains(&Access { reach, ..self.clone() })
    }

    /// Tells whether an app with this has about as much power as the owner, or reads what only the owner should.
    pub fn is_grave(&self) -> bool {
        match self.reach {
            Reach::WholeBox | Reach::ReadingSecrets => true,
            Reach::Stated | Reach::Reading => match self.kind {
                AccessKind::Privileged
                | AccessKind::DockerSocket
                | AccessKind::HostNamespace
                | AccessKind::Unconfined => true,
                AccessKind::HostNetwork => self.detail.starts_with(HOME_NETWORK),
                AccessKind::HostPaths | AccessKind::Devices | AccessKind::Capabilities => false,
            },
        }
    }
}

/// What the detail of [`AccessKind::HostNetwork`] begins with for a place in the home network, before the host's card.
pub const HOME_NETWORK: &str = "home ";

#[cfg(test)]
mod tests {
    use super::*;

    fn path(reach: Reach) -> Access {
        Access { reach, ..Access::new(AccessKind::HostPaths, "web", "/etc") }
    }

    #[test]
    fn a_consent_covers_less_and_never_more() {
        use Reach::{Reading, ReadingSecrets, Stated, WholeBox};
        for (granted, covered) in [
            (Reading, &[Reading][..]),
            (ReadingSecrets, &[Reading, ReadingSecrets]),
            (WholeBox, &[Reading, ReadingSecrets, Stated, WholeBox]),
            // Consents of earlier versions.
            (Stated, &[Reading, ReadingSecrets, Stated, WholeBox]),
        ] {
            let is_from_earlier = granted == Stated;
            let granted = BTreeSet::from([path(granted)]);
            for asked in [Reading, ReadingSecrets, Stated, WholeBox] {
                let is_granted = path(asked).is_granted(&granted);
                assert_eq!(is_granted, covered.contains(&asked), "{granted:?} for {asked:?}");
                let is_agreed_to =
                    is_granted && !(is_from_earlier && [ReadingSecrets, WholeBox].contains(&asked));
                assert_eq!(path(asked).is_agreed_to(&granted), is_agreed_to, "{granted:?} for {asked:?}");
            }
            let other = Access { detail: "/srv".to_owned(), ..path(Reading) };
            assert!(!other.is_granted(&granted));
        }
    }

    #[test]
    fn consents_of_earlier_versions_are_read_and_theirs_are_read_by_them() {
        let old = r#"{"kind":"host-paths","service":"web","detail":"/etc"}"#;
        let access: Access = serde_json::from_str(old).unwrap();
        assert_eq!(access, path(Reach::Stated));
        assert_eq!(serde_json::to_string(&access).unwrap(), old);
        let new = serde_json::to_value(path(Reach::WholeBox)).unwrap();
        assert_eq!((&new["kind"], &new["detail"]), (&"host-paths".into(), &"/etc".into()));
    }
}
