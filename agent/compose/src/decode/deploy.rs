use super::fields::Fields;
use crate::project::deploy::{
    Deploy, DeviceRequest, DiscreteResource, GenericResource, Placement, PlacementPreference, Resource,
    Resources, RestartPolicy, UpdateConfig,
};

/// Keys that the specification has for several nodes; one engine has nothing to do with them, as with Docker Compose.
const SWARM_ONLY: [&str; 5] = ["update_config", "rollback_config", "endpoint_mode", "placement", "labels"];

pub(super) fn decode(f: &mut Fields<'_>) -> Deploy {
    for key in SWARM_ONLY {
        if let Some(at) = f.places.get(key) {
            f.problems
                .warning(*at, format!("`deploy.{key}` has no effect: it means something in a swarm only"));
        }
    }
    Deploy {
        mode: f.text("mode"),
        replicas: f.integer("replicas"),
        labels: f.mapping("labels"),
        update_config: f.inner("update_config", update_config),
        rollback_config: f.inner("rollback_config", update_config),
        restart_policy: f.inner("restart_policy", |f| RestartPolicy {
            condition: f.text("condition"),
            delay: f.duration("delay"),
            max_attempts: f.integer("max_attempts"),
            window: f.duration("window"),
        }),
        endpoint_mode: f.text("endpoint_mode"),
        resources: f
            .inner("resources", |f| Resources {
                limits: f.inner("limits", |f| Resource {
                    cpus: f.number("cpus"),
                    memory: f.bytes("memory"),
                    pids: f.integer("pids").unwrap_or_default(),
                    ..Resource::default()
                }),
                reservations: f.inner("reservations", |f| Resource {
                    cpus: f.number("cpus"),
                    memory: f.bytes("memory"),
                    pids: f.integer("pids").unwrap_or_default(),
                    devices: f.mappings("devices", device_request),
                    generic_resources: f.mappings("generic_resources", generic_resource),
                }),
            })
            .unwrap_or_default(),
        placement: f.inner("placement", placement).unwrap_or_default(),
    }
}

fn update_config(f: &mut Fields<'_>) -> UpdateConfig {
    UpdateConfig {
        parallelism: f.integer("parallelism"),
        delay: f.duration("delay").unwrap_or_default(),
        failure_action: f.text("failure_action"),
        monitor: f.duration("monitor").unwrap_or_default(),
        max_failure_ratio: f.number("max_failure_ratio"),
        order: f.one_of("order", &["start-first", "stop-first"]),
    }
}

fn placement(f: &mut Fields<'_>) -> Placement {
    Placement {
        constraints: f.texts("constraints"),
        preferences: f.mappings("preferences", |f| PlacementPreference { spread: f.text("spread") }),
        max_replicas_per_node: f.integer("max_replicas_per_node").unwrap_or_default(),
    }
}

fn generic_resource(f: &mut Fields<'_>) -> GenericResource {
    GenericResource {
        discrete_resource_spec: f.inner("discrete_resource_spec", |f| DiscreteResource {
            kind: f.text("kind"),
            value: f.integer("value").unwrap_or_default(),
        }),
    }
}

pub(super) fn device_request(f: &mut Fields<'_>) -> DeviceRequest {
    let at = f.at;
    let both = f.places.contains_key("count") && f.places.contains_key("device_ids");
    if both {
        f.problems.error(at, "this device request has both `count` and `device_ids`; keep one");
    }
    let count = match f.text_or_number("count") {
        text if text.is_empty() => 0,
        text if text.eq_ignore_ascii_case("all") => -1,
        text => text.parse().unwrap_or_else(|_| {
            f.problems.error(at, format!("`count` is `{text}`; expected a number or `all`"));
            0
        }),
    };
    DeviceRequest {
        capabilities: f.texts("capabilities"),
        driver: f.text("driver"),
        count,
        device_ids: f.texts("device_ids"),
        options: f.mapping("options"),
    }
}
