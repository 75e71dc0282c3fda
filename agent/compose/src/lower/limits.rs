use crate::decode::refused::NOT_RUN;
use crate::project::Service;
use crate::source::Problems;

/// Log drivers that write to the engine's own folder, or nowhere.
const LOG_DRIVERS: [&str; 4] = ["", "json-file", "local", "none"];

/// Refuses by name what Hearth runs no container with, and warns of what has no effect.
pub(super) fn check(name: &str, service: &Service, problems: &mut Problems) {
    for (key, reason) in NOT_RUN {
        if service.places.contains_key(*key) {
            problems.error(
                service.place(key),
                format!("`{key}` of the service `{name}` is not supported: {reason}"),
            );
        }
    }
    if service.pull_policy == "build" {
        let message =
            format!("`pull_policy: build` of the service `{name}` is not supported: Hearth builds no images");
        problems.error(service.place("pull_policy"), message);
    }
    let replicas = service.scale.or_else(|| service.deploy.as_ref().and_then(|deploy| deploy.replicas));
    if let Some(count) = replicas.filter(|count| *count != 1) {
        let key = if service.scale.is_some() { "scale" } else { "deploy" };
        let message =
            format!("the service `{name}` asks for {count} containers; Hearth runs one of each service");
        problems.error(service.place(key), message);
    }
    if let Some(blkio) = &service.blkio_config {
        let by_device = blkio.weight_device.len()
            + blkio.device_read_bps.len()
            + blkio.device_read_iops.len()
            + blkio.device_write_bps.len()
            + blkio.device_write_iops.len();
        if by_device > 0 {
            let message = format!(
                "`blkio_config` of `{name}` limits single devices, which is not supported; use `weight`"
            );
            problems.error(service.place("blkio_config"), message);
        }
    }
    logging(name, service, problems);
    memory(name, service, problems);
    let Some(deploy) = &service.deploy else { return };
    if !["", "replicated"].contains(&deploy.mode.as_str()) {
        let message = format!(
            "`deploy.mode: {}` of `{name}` is not supported: it means something in a swarm only",
            deploy.mode
        );
        problems.error(service.place("deploy"), message);
    }
    let reservations = deploy.resources.reservations.as_ref();
    if reservations.is_some_and(|reservations| !reservations.generic_resources.is_empty()) {
        let message =
            format!("`generic_resources` of `{name}` is not supported: it means something in a swarm only");
        problems.error(service.place("deploy"), message);
    }
}

/// The engine itself sends logs to other drivers' addresses, as root and in the network of the host.
fn logging(name: &str, service: &Service, problems: &mut Problems) {
    let Some(logging) = &service.logging else { return };
    if !LOG_DRIVERS.contains(&logging.driver.as_str()) {
        let message = format!(
            "the log driver `{}` of `{name}` is not supported; leave `logging` out, or use local, json-file or none",
            logging.driver
        );
        problems.error(service.place("logging"), message);
    }
}

fn memory(name: &str, service: &Service, problems: &mut Problems) {
    if service.oom_score_adj < 0 {
        let message = format!(
            "`oom_score_adj: {}` of `{name}` is not supported: the system would end other apps, and Hearth, before it; use 0 to 1000",
            service.oom_score_adj
        );
        problems.error(service.place("oom_score_adj"), message);
    }
    let deployed = service.deploy.as_ref().and_then(|deploy| deploy.resources.limits.as_ref());
    let has_limit = service.mem_limit.0 > 0 || deployed.is_some_and(|limits| limits.memory.0 > 0);
    if service.oom_kill_disable && !has_limit {
        let message = format!(
            "`oom_kill_disable` of `{name}` needs a `mem_limit`: without one, a full memory stops the whole box"
        );
        problems.error(service.place("oom_kill_disable"), message);
    }
}
