use hearth_model::container::{Device, DeviceRequest, Resources};

use super::Lowerer;
use crate::project::Service;
use crate::project::deploy;
use crate::project::service::Float;
use crate::value::bytes::Bytes;

impl Lowerer<'_> {
    pub(super) fn devices(&mut self, service: &Service) -> Vec<Device> {
        let mut devices = Vec::new();
        for device in &service.devices {
            let permissions = if device.permissions.is_empty() { "rwm" } else { &device.permissions };
            if device.source.contains('=') && !device.source.starts_with('/') {
                let message =
                    format!("`{}` names a CDI device, which is not supported; use `gpus`", device.source);
                self.problems.error(device.at, message);
            } else if !device.source.starts_with('/') || permissions.chars().any(|c| !"rwm".contains(c)) {
                let message = format!(
                    "`{}:{permissions}` is not a device; write `/dev/NAME:/dev/NAME:rwm`",
                    device.source
                );
                self.problems.error(device.at, message);
            }
            let target = if device.target.is_empty() { &device.source } else { &device.target };
            devices.push(Device {
                source: device.source.clone(),
                target: target.clone(),
                permissions: permissions.to_owned(),
            });
        }
        devices
    }

    pub(super) fn device_requests(&self, service: &Service) -> Vec<DeviceRequest> {
        // `gpus` asks for devices that can do `gpu`, whatever else the request says.
        let gpus = service.gpus.iter().map(|request| {
            let mut request = device_request(request);
            if !request.capabilities.iter().any(|capability| capability == "gpu") {
                request.capabilities.push("gpu".to_owned());
            }
            request
        });
        let reservations = service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref());
        let reserved =
            reservations.into_iter().flat_map(|reservations| &reservations.devices).map(device_request);
        gpus.chain(reserved).collect()
    }

    pub(super) fn resources(&self, service: &Service) -> Resources {
        let deployed = service.deploy.as_ref().map(|deploy| &deploy.resources);
        let limits = deployed.and_then(|resources| resources.limits.clone()).unwrap_or_default();
        let reservations = deployed.and_then(|resources| resources.reservations.clone()).unwrap_or_default();
        let either = |first: Bytes, second: Bytes| if first.0 == 0 { second } else { first };
        Resources {
            memory_bytes: positive(either(limits.memory, service.mem_limit)),
            memory_reservation_bytes: positive(either(reservations.memory, service.mem_reservation)),
            memory_swap_bytes: some(service.memswap_limit.0),
            memory_swappiness: service
                .places
                .contains_key("mem_swappiness")
                .then_some(service.mem_swappiness.0),
            nano_cpus: nano(if limits.cpus.0 == 0.0 { service.cpus } else { limits.cpus }),
            cpu_shares: some(service.cpu_shares),
            cpu_period: some(service.cpu_period),
            cpu_quota: some(service.cpu_quota),
            cpuset: (!service.cpuset.is_empty()).then(|| service.cpuset.clone()),
            pids_limit: some(if limits.pids == 0 { service.pids_limit } else { limits.pids }),
            oom_score_adj: some(service.oom_score_adj),
            oom_kill_disable: service.oom_kill_disable.then_some(true),
            blkio_weight: service
                .blkio_config
                .as_ref()
                .map(|blkio| blkio.weight)
                .filter(|weight| *weight > 0),
        }
    }
}

fn device_request(request: &deploy::DeviceRequest) -> DeviceRequest {
    DeviceRequest {
        driver: request.driver.clone(),
        count: some(request.count),
        device_ids: request.device_ids.clone(),
        capabilities: request.capabilities.clone(),
        options: request.options.clone(),
    }
}

fn some(number: i64) -> Option<i64> {
    (number != 0).then_some(number)
}

fn positive(bytes: Bytes) -> Option<u64> {
    bytes.as_u64().filter(|bytes| *bytes > 0)
}

#[expect(clippy::cast_possible_truncation, reason = "a count of processors is small")]
fn nano(cpus: Float) -> Option<i64> {
    (cpus.0 > 0.0).then(|| (f64::from(cpus.0) * 1e9).round() as i64)
}
