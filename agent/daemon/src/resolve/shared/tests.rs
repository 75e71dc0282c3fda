use std::sync::Arc;

use hearth_model::container::NetworkMode;
use hearth_model::conventions::{Need, Variable, VariableValue};

use super::super::circle::tests::{box_with, package};
use super::*;

/// Resolves the app of a package on a box with others, and returns the networks that each of its services is in.
fn networks(packages: &[Package], app: &str, exported: &[(&str, &str)]) -> BTreeMap<String, Vec<String>> {
    let (desired, kept) = box_with(packages);
    let app: AppId = app.parse().expect("an id");
    let package = Arc::clone(&kept[&app]);
    let joins = Joins::of(&app, &desired.apps[&app], &package, &super::super::Tor::None, &desired, &kept);
    let exported = exported.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let membership = Membership::of(&app, &package, &joins, &kept, &exported);
    let mut spec = super::super::rehearse(&package).expect("it resolves");
    membership.join(&mut spec, &[], "App").expect("no name is taken");
    spec.services
        .iter()
        .map(|(name, service)| {
            let NetworkMode::Networks(endpoints) = &service.container.network else { unreachable!() };
            let own = format!("{app}_default");
            (name.to_string(), endpoints.keys().filter(|name| **name != own).cloned().collect())
        })
        .collect()
}

fn with_services(mut package: Package, services: &str) -> Package {
    package.compose = format!("services:\n{services}");
    package
}

fn cloud() -> Package {
    let services = "  web: { image: x, ports: ['80:80'] }\n  cache: { image: x }\n  db: { image: x }\n";
    with_services(package("cloud", &[], &[]), services)
}

#[test]
fn only_services_with_a_use_for_each_other_meet() {
    let services = "  web: { image: x, environment: { URL: 'http://cloud-cache-1' } }\n  db: { image: x }\n";
    let packages = [cloud(), with_services(package("office", &["cloud"], &[]), services)];
    let office = networks(&packages, "office", &[]);
    assert_eq!(office["web"], ["hearth.cloud"]);
    assert!(office["db"].is_empty(), "{office:?}");
    let cloud = networks(&packages, "cloud", &[]);
    assert_eq!(
        (&cloud["web"][..], &cloud["cache"][..]),
        (&["hearth.cloud".into()][..], &["hearth.cloud".into()][..])
    );
    assert!(cloud["db"].is_empty(), "nobody names it: {cloud:?}");
}

#[test]
fn an_app_that_nobody_depends_on_joins_nothing() {
    let packages = [cloud(), with_services(package("wiki", &[], &[]), "  web: { image: x }\n")];
    for app in ["cloud", "wiki"] {
        let joined = networks(&packages, app, &[]);
        assert!(joined.values().all(Vec::is_empty), "{app}: {joined:?}");
    }
}

#[test]
fn what_a_file_may_carry_anywhere_lets_every_service_join() {
    let services = "  web: { image: x }\n  worker: { image: x }\n";
    let mut office = with_services(package("office", &["cloud"], &[]), services);
    office.files.insert("hooks/pre-start".to_owned(), "echo $APP_CLOUD_IP >config".to_owned());
    let mut cloud = cloud();
    let value = VariableValue::Text("cloud_web_1".to_owned());
    cloud.conventions.exports = vec![Variable { name: "APP_CLOUD_IP".to_owned(), value }];
    let office = networks(&[cloud, office], "office", &[("APP_CLOUD_IP", "cloud_web_1")]);
    assert!(office.values().all(|joined| *joined == ["hearth.cloud"]), "{office:?}");
}

#[test]
fn addresses_are_reached_in_their_network_by_those_that_use_them() {
    let mut node = cloud();
    node.conventions.needs.insert(Need::FixedAddresses);
    node.files.insert("exports.sh".to_owned(), "export APP_NODE_IP=\"10.21.21.8\"\n".to_owned());
    let services = "  web: { image: x, command: ['--node=10.21.21.8'] }\n  db: { image: x }\n";
    let packages = [node, with_services(package("wallet", &["cloud"], &[]), services)];
    let wallet = networks(&packages, "wallet", &[("APP_NODE_IP", "10.21.21.8")]);
    assert_eq!(wallet["web"], [NAME]);
    assert!(wallet["db"].is_empty(), "{wallet:?}");
    let node = networks(&packages, "cloud", &[]);
    assert!(node.values().all(|joined| *joined == [NAME]), "{node:?}");
}

#[test]
fn names_of_networks_of_hearths_own_are_refused() {
    let mut spec = super::super::rehearse(&cloud()).expect("it resolves");
    spec.networks.insert(NAME.to_owned(), NetworkSpec::default());
    let refused = Membership::default().join(&mut spec, &[], "App").expect_err("it is Hearth's");
    assert!(refused.message.contains(NAME), "{refused:?}");
}

/// The spec of an app in the network of fixed addresses, on a box with this route.
fn with_fixed(address: Option<&str>, route: &str) -> Result<AppSpec, Reason> {
    let mut spec = super::super::rehearse(&with_services(package("node", &[], &[]), "  web: { image: x }\n"))
        .expect("it resolves");
    for service in spec.services.values_mut() {
        let NetworkMode::Networks(endpoints) = &mut service.container.network else { unreachable!() };
        for endpoint in endpoints.values_mut() {
            endpoint.ipv4_address = address.map(str::to_owned);
        }
    }
    let membership = Membership { fixed: Some(Scope::All), ..Membership::default() };
    let route = Route { interface: "eth0".to_owned(), subnet: route.parse().expect("a subnet") };
    membership.join(&mut spec, &[route], "Node").map(|()| spec)
}

#[test]
fn a_home_network_at_the_fixed_addresses_keeps_its_router() {
    let spec = with_fixed(None, "10.21.0.0/24").expect("it names no address");
    assert_eq!(spec.networks[NAME].ipam, [], "the engine chooses others");
    assert!(spec.networks[NAME].shared);

    let reason = with_fixed(Some("10.21.21.40"), "10.21.0.0/24").expect_err("it names one");
    assert!(reason.message.contains("10.21.0.0/16") && reason.message.contains("eth0"), "{reason:?}");
}

#[test]
fn a_home_network_elsewhere_changes_nothing() {
    let spec = with_fixed(Some("10.21.21.40"), "192.168.1.0/24").expect("nothing is in the way");
    assert_eq!(spec.networks[NAME], fixed_addresses());
    for service in spec.services.values() {
        let NetworkMode::Networks(endpoints) = &service.container.network else { unreachable!() };
        assert_eq!(endpoints[NAME].ipv4_address.as_deref(), Some("10.21.21.40"));
        assert_eq!(endpoints["node_default"].ipv4_address, None);
    }
}
