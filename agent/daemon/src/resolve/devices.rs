use std::collections::BTreeSet;

use hearth_model::AppSpec;
use hearth_model::conventions::NVIDIA;

/// Takes those of a package's optional devices from its containers that the box does not have: no engine starts a container
/// with a device that is not there. That the app may use them stays said, so that the owner is asked once, whatever is
/// plugged in later.
pub(super) fn leave_out_missing(
    spec: &mut AppSpec,
    optional: &BTreeSet<String>,
    is_there: impl Fn(&str) -> bool,
) {
    let missing: BTreeSet<&String> = optional.iter().filter(|device| !is_there(device)).collect();
    for service in spec.services.values_mut() {
        let container = &mut service.container;
        container.devices.retain(|device| !missing.contains(&device.source));
        if container.runtime.as_deref() == Some("nvidia") && missing.iter().any(|device| *device == NVIDIA) {
            container.runtime = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hearth_adapters::{Format, PackageFiles};
    use hearth_model::package::AccessKind;

    use super::*;

    #[test]
    fn devices_of_other_boards_and_a_runtime_are_left_out_as_casaos_does() {
        let compose = "{ services: { web: { image: a, devices: ['/dev/dri:/dev/dri', '/dev/vchiq:/dev/vchiq'] }, \
                       ai: { image: b, runtime: nvidia } }, x-casaos: { main: web } }";
        let files = BTreeMap::from([("docker-compose.yml".to_owned(), compose.as_bytes().to_vec())]);
        let files = PackageFiles { folder: "films".to_owned(), files };
        let store = "other".parse().expect("an id");
        let package = hearth_adapters::read(Format::CasaOs, &files, &store).expect("it is good").package;
        let mut spec = hearth_adapters::rehearse(&package).expect("it resolves");
        let optional = &package.conventions.optional_devices;
        leave_out_missing(&mut spec, optional, |_| true);
        let runtimes: Vec<_> =
            spec.services.values().map(|service| service.container.runtime.clone()).collect();
        assert_eq!(runtimes, [Some("nvidia".to_owned()), None]);
        leave_out_missing(&mut spec, optional, |device| device == "/dev/dri");
        let containers: Vec<_> = spec.services.values().map(|service| &service.container).collect();
        assert_eq!(containers[0].runtime, None);
        let devices: Vec<_> = containers[1].devices.iter().map(|device| device.source.as_str()).collect();
        assert_eq!(devices, ["/dev/dri"]);
    }

    #[test]
    fn a_device_that_the_box_lacks_is_left_out_and_still_asked_for() {
        let files = BTreeMap::from(
            [
                ("umbrel-app.yml", "{ id: films, port: 80, permissions: [GPU] }"),
                (
                    "docker-compose.yml",
                    "services: { web: { image: a, devices: [/dev/kvm] }, worker: { image: b } }",
                ),
            ]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())),
        );
        let files = PackageFiles { folder: "films".to_owned(), files };
        let store = "other".parse().expect("an id");
        let package = hearth_adapters::read(Format::Umbrel, &files, &store).expect("it is good").package;
        let spec = hearth_adapters::rehearse(&package).expect("it resolves");
        let optional = &package.conventions.optional_devices;
        let devices = |has_gpu: bool| {
            let mut spec = spec.clone();
            leave_out_missing(&mut spec, optional, |_| has_gpu);
            let services = spec.services.values();
            services
                .map(|service| {
                    let devices = service.container.devices.iter();
                    devices.map(|device| device.source.clone()).collect::<Vec<_>>().join(" ")
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(devices(true), ["/dev/kvm /dev/dri", "/dev/dri"]);
        assert_eq!(devices(false), ["/dev/kvm", ""], "a device that is not optional stays");
        let asked = spec.access.iter().filter(|access| access.kind == AccessKind::Devices);
        let asked: Vec<&str> = asked.map(|access| access.detail.as_str()).collect();
        assert_eq!(asked, ["/dev/dri", "/dev/kvm", "/dev/dri"]);
    }
}
