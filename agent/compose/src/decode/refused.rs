/// A key that is known and not supported, with the reason.
pub(super) type Refused = (&'static str, &'static str);

const MODELS: &str = "Hearth runs no model servers for an app; run one as a service";
const HOOKS: &str =
    "Hearth runs no commands inside of running containers; do it in the image or in a one-shot service";
const WINDOWS: &str = "it means something for Windows containers only";

/// At the top of a file.
pub(super) const TOP: &[Refused] = &[("models", MODELS)];

/// In a service.
pub(super) const SERVICE: &[Refused] = &[
    ("build", "Hearth runs images and builds none; name an image that a registry has"),
    ("develop", "Hearth runs apps and develops none; remove it"),
    ("models", MODELS),
    ("provider", "Hearth runs containers only; a provider is a program of Docker's command line"),
    ("use_api_socket", "Hearth gives an app the engine's socket only as a mount that its owner agrees to"),
    ("pre_start", HOOKS),
    ("dockerfile", "Hearth runs images and builds none"),
    ("net", "it was replaced by `network_mode`"),
    ("log_driver", "it was replaced by `logging.driver`"),
    ("log_opt", "it was replaced by `logging.options`"),
    ("volume_driver", "it was replaced by `driver` of the volume"),
];

/// Keys that decode, and that no container of Hearth can be made with.
pub(crate) const NOT_RUN: &[Refused] = &[
    ("annotations", "they are orders for the runtime beyond what Compose can say; remove it"),
    ("cpu_count", WINDOWS),
    ("cpu_percent", WINDOWS),
    ("credential_spec", WINDOWS),
    ("isolation", WINDOWS),
    ("cpu_rt_period", "real-time scheduling needs a kernel that Hearth does not ship"),
    ("cpu_rt_runtime", "real-time scheduling needs a kernel that Hearth does not ship"),
    ("external_links", "an app reaches other apps through published ports"),
    ("post_start", HOOKS),
    ("pre_stop", HOOKS),
];
