use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::AppId;
use crate::package::Architecture;

/// What a package takes for granted of the system that it was written for.
///
/// The default is a package written for Hearth. Adapters fill it in for packages of other stores, so that nothing past
/// them asks which store a package came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Conventions {
    /// A second Compose file that is merged over the package's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay: Option<String>,
    /// Compose files that are merged over both on a box with that processor.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overlays_by_architecture: BTreeMap<Architecture, String>,
    /// Variables of the Compose file besides the settings, in the order in which they are worked out.
    pub variables: Vec<Variable>,
    /// Variables that it gives itself and the apps that talk to it, in the order in which they are worked out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Variable>,
    /// How its containers are named.
    pub naming: ContainerNaming,
    /// Who owns its files and folders where the package does not say; root when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_owner: Option<Owner>,
    /// The sign-in that stands in front of its web page; `None` when the app is reached directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// Other apps that it talks to.
    pub apps: Vec<AppDependency>,
    /// Package ids whose place it can take for those that depend on them.
    pub implements: BTreeSet<String>,
    /// Devices of its containers that it gets where the box has them, and runs without elsewhere; with [`NVIDIA`] the
    /// same goes for the engine's runtime of that name.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub optional_devices: BTreeSet<String>,
    /// Whether its page is for the network of the house alone, and gets no address beyond it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_home_only: bool,
    /// Paths below the app's folder that a backup leaves out; `*` matches within a name.
    pub backup_ignore: Vec<String>,
    /// Files of the package that are filled with variables, by path, to the path that each becomes.
    pub templates: BTreeMap<String, String>,
    /// How a template names a variable.
    #[serde(skip_serializing_if = "TemplateStyle::is_shell")]
    pub template_style: TemplateStyle,
    /// What the box must be able to do for it besides running containers.
    pub needs: BTreeSet<Need>,
}

impl Conventions {
    /// Tells whether they are those of a package written for Hearth.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The device that a box with a driver of NVIDIA has.
pub const NVIDIA: &str = "/dev/nvidiactl";

/// How containers are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum ContainerNaming {
    /// `app-service-1`, as Docker Compose does.
    #[default]
    Compose,
    /// `app_service_1`, as its first version did; packages of some stores rely on it.
    Underscores,
}

/// How a template names a variable. One that nobody gives is replaced by nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum TemplateStyle {
    /// `$NAME` and `${NAME}`, as
    /// [`envsubst`](https://www.gnu.org/software/gettext/manual/html_node/envsubst-Invocation.html) reads them.
    #[default]
    Shell,
    /// `{{NAME}}`.
    Braces,
}

impl TemplateStyle {
    /// Tells whether what is filled is the app's own from then on, rather than filled anew before every start.
    pub fn is_filled_once(self) -> bool {
        self == Self::Braces
    }

    fn is_shell(&self) -> bool {
        *self == Self::Shell
    }
}

/// A variable of the Compose file that the owner is not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    pub value: VariableValue,
}

/// Where a variable's value comes from. Texts may use `${…}` of what the box gives, the settings and earlier variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum VariableValue {
    /// A text.
    Text(String),
    /// A secret that is the same at every install of the app on the box: HMAC-SHA256 of this message, keyed with the text
    /// of the box's seed, in hexadecimal.
    Derived(String),
}

/// User and group by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// The sign-in in front of an app's web page.
///
/// A path is exact as it stands; `/x/*` is everything below `/x`, `/x*` everything that begins so, `*` everything. One
/// slash at the end makes no difference.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct Gate {
    /// Whether the box's own sign-in is asked for.
    pub sign_in: bool,
    /// Paths that are open without it.
    pub open_paths: Vec<String>,
    /// Paths that need it even so; stronger than `open_paths`.
    pub guarded_paths: Vec<String>,
    /// Whether what a request says of the way it came, `X-Forwarded-For` and the like, reaches the app as it is: another
    /// proxy of the owner stands in front.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trust_upstream: bool,
}

/// Another app that an app talks to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub struct AppDependency {
    /// The package; one that [implements](Conventions::implements) it will do as well.
    pub package: AppId,
}

/// Something that the box must be able to do for a package besides running containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
pub enum Need {
    /// Run the package's `exports.sh`, and those of the apps that it talks to, for variables.
    Exports,
    /// Run the package's `hooks/` when it is installed, started, stopped or updated.
    Hooks,
    /// Reach the apps that it depends on by their container names.
    OtherApps,
    /// Join a network with fixed addresses that all such apps share.
    FixedAddresses,
    /// Fill [templates](Conventions::templates).
    Templates,
    /// The Tor proxy of the box, when there is one; it runs without, and reaches nothing over Tor.
    Tor,
}

impl Need {
    /// Tells whether a box can give this to a package.
    pub fn is_given(self) -> bool {
        match self {
            Need::Exports | Need::Hooks | Need::OtherApps | Need::FixedAddresses | Need::Templates => true,
            Need::Tor => false,
        }
    }

    /// Tells whether a package runs without it, with less than it can do.
    pub fn is_optional(self) -> bool {
        self == Need::Tor
    }

    /// Returns what the package needs, for people: "it needs …".
    pub fn means(self) -> &'static str {
        match self {
            Need::Exports => "scripts that work out its variables (exports.sh)",
            Need::Hooks => "scripts that run when it is installed, started, stopped or updated (hooks)",
            Need::OtherApps => "other apps that it talks to",
            Need::FixedAddresses => "a network with fixed addresses, shared with other apps",
            Need::Templates => "files that are filled with its settings",
            Need::Tor => "a Tor proxy and onion service",
        }
    }
}
