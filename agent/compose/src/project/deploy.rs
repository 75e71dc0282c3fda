use super::Mapping;
use super::service::Float;
use crate::value::bytes::Bytes;
use crate::value::duration::Duration;

omit_empty! {
    /// How a service is run ([Compose deploy](https://github.com/compose-spec/compose-spec/blob/main/deploy.md)).
    pub struct Deploy {
        mode: String,
        replicas: Option<i64>,
        labels: Mapping,
        update_config: Option<UpdateConfig>,
        rollback_config: Option<UpdateConfig>,
        restart_policy: Option<RestartPolicy>,
        endpoint_mode: String,
    } always {
        resources: Resources,
        placement: Placement,
    }
}

omit_empty! {
    /// How a swarm replaces tasks.
    pub struct UpdateConfig {
        parallelism: Option<u64>,
        delay: Duration,
        failure_action: String,
        monitor: Duration,
        max_failure_ratio: Float,
        order: String,
    }
}

omit_empty! {
    /// When a task is restarted.
    pub struct RestartPolicy {
        condition: String,
        delay: Option<Duration>,
        max_attempts: Option<u64>,
        window: Option<Duration>,
    }
}

omit_empty! {
    /// Limits and reservations.
    pub struct Resources {
        limits: Option<Resource>,
        reservations: Option<Resource>,
    }
}

omit_empty! {
    /// Limits, or reservations.
    pub struct Resource {
        cpus: Float,
        memory: Bytes,
        pids: i64,
        devices: Vec<DeviceRequest>,
        generic_resources: Vec<GenericResource>,
    }
}

omit_empty! {
    /// Devices asked of a driver.
    pub struct DeviceRequest {
        capabilities: Vec<String>,
        driver: String,
        count: i64,
        device_ids: Vec<String>,
        options: Mapping,
    }
}

omit_empty! {
    /// A resource that a swarm's owner made up.
    pub struct GenericResource {
        discrete_resource_spec: Option<DiscreteResource>,
    }
}

/// So many of a resource.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
#[expect(missing_docs, reason = "fields are named as the specification names its keys")]
pub struct DiscreteResource {
    pub kind: String,
    pub value: i64,
}

omit_empty! {
    /// On which machines of a swarm a service may run.
    pub struct Placement {
        constraints: Vec<String>,
        preferences: Vec<PlacementPreference>,
        max_replicas_per_node: u64,
    }
}

omit_empty! {
    /// How a swarm spreads tasks.
    pub struct PlacementPreference {
        spread: String,
    }
}
