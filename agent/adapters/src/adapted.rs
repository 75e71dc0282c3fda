use std::collections::BTreeSet;

use hearth_compose::Diagnostics;
use hearth_model::conventions::{Conventions, Need};
use hearth_model::form::{Field, FieldKind, SecretEncoding};
use hearth_model::package::{AccessKind, Architecture, Package, Permission};

use crate::{rehearse, variables};

/// A package of another store, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapted {
    /// The package.
    pub package: Package,
    /// Its store does not offer it any more; those who have it keep it.
    pub disabled: bool,
    /// What was left out or may not be as it was meant, one sentence each.
    pub notes: Vec<String>,
    /// The icon: a path in the package or an address.
    pub icon: Option<String>,
}

/// Why a package is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({file})")]
pub struct Refused {
    /// The file that it is about.
    pub file: String,
    /// What was expected and what was found; lower case, no full stop.
    pub reason: String,
}

impl Refused {
    /// Returns a refusal because of `file`.
    pub(crate) fn new(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.into(), reason: reason.into() }
    }

    /// Returns a refusal because the containers do not resolve.
    pub(crate) fn unresolved(file: &str, problems: &Diagnostics) -> Self {
        Self::new(file, problems.summary())
    }
}

/// Returns a setting that may be left empty.
pub(crate) fn setting(name: &str, label: &str, kind: FieldKind) -> Field {
    Field {
        name: name.to_owned(),
        label: label.to_owned(),
        help: None,
        kind,
        default: None,
        required: false,
        hidden: false,
        generate: None,
        encoding: SecretEncoding::Alphanumeric,
        min: None,
        max: None,
        options: Vec::new(),
        pattern: None,
    }
}

/// Returns the processors among the names of a list, those that Hearth does not know left out.
pub(crate) fn architectures(names: &[String]) -> Vec<Architecture> {
    let known = names.iter().filter_map(|name| match name.as_str() {
        "amd64" | "x86_64" | "x86-64" => Some(Architecture::Amd64),
        "arm64" | "aarch64" => Some(Architecture::Arm64),
        "arm" | "armv7" | "arm-7" | "armhf" => Some(Architecture::Arm),
        _ => None,
    });
    let known: BTreeSet<Architecture> = known.collect();
    known.into_iter().collect()
}

/// Declares what the package's containers ask for: other stores do not ask for declarations, the owner's consent is asked
/// for all the same.
///
/// # Errors
/// When the package does not resolve.
pub(crate) fn declare_permissions(package: &mut Package, file: &str) -> Result<(), Refused> {
    let spec = rehearse(package).map_err(|problems| Refused::unresolved(file, &problems))?;
    let kinds: BTreeSet<AccessKind> = spec.access.iter().map(|access| access.kind).collect();
    package.manifest.permissions = kinds
        .into_iter()
        .map(|kind| Permission {
            kind,
            reason: "Its containers ask for it; the package does not say why.".to_owned(),
        })
        .collect();
    Ok(())
}

/// Returns a note for each variable that nobody gives, and that is therefore empty; none where scripts or other apps may
/// give it.
pub(crate) fn empty_variables(package: &Package) -> Vec<String> {
    let Conventions { variables: own, exports, needs, .. } = &package.conventions;
    if needs.contains(&Need::Exports) || needs.contains(&Need::OtherApps) {
        return Vec::new();
    }
    let is_given = |name: &String| {
        variables::GIVEN.contains(&name.as_str())
            || own.iter().chain(exports).any(|variable| variable.name == *name)
            || package.manifest.settings.iter().any(|field| field.name == *name)
    };
    let empty = variables::used(&package.compose).into_iter().filter(|name| !is_given(name));
    empty.map(|name| format!("nobody gives the variable `{name}`; it is empty")).collect()
}
