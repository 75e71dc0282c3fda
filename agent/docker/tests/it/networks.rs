use std::collections::{BTreeSet, HashMap};

use bollard::models::NetworkCreateRequest;
use hearth_docker::Error;
use hearth_model::container::ContainerSpec;
use hearth_model::plan::EngineStep;
use hearth_model::spec::NetworkSpec;

use crate::support::{Cleanup, Fixture, SOCKET, busybox, docker, networks};

#[tokio::test]
async fn a_network_is_made_once_and_removed_once() {
    let fixture = Fixture::new("net");
    let name = fixture.name("net");
    let spec = NetworkSpec { internal: true, ..NetworkSpec::default() };
    for _ in 0..2 {
        fixture.network("net", spec.clone()).await;
    }
    let seen = fixture.look().await.networks.remove(&name).expect("there");
    assert_eq!((seen.app.as_ref(), seen.ours), (Some(&fixture.app), true));
    assert_eq!((seen.spec_hash, seen.connected), (Some(spec.hash()), BTreeSet::new()));
    for _ in 0..2 {
        fixture.do_it(&EngineStep::RemoveNetwork { name: name.clone() }).await;
    }
    assert!(!fixture.look().await.networks.contains_key(&name));
}

#[tokio::test]
async fn many_apps_that_share_a_network_make_one() {
    let fixture = Fixture::new("shared");
    let name = fixture.name("shared");
    let spec = NetworkSpec { shared: true, ..NetworkSpec::default() };
    let step = EngineStep::CreateNetwork { app: None, name: name.clone(), network: spec };
    let steps = (0..8).map(|_| fixture.do_it(&step));
    futures_util::future::join_all(steps).await;
    let list = docker(["network", "ls", "-q", "--filter", &format!("name={name}")]);
    assert_eq!(list.lines().count(), 1, "{list}");
    assert_eq!(fixture.look().await.networks[&name].app, None);
}

#[tokio::test]
async fn a_name_that_the_engine_gave_twice_is_made_anew() {
    let fixture = Fixture::new("twice");
    let name = fixture.name("net");
    let spec = NetworkSpec::default();
    fixture.network("net", spec.clone()).await;
    let seen = fixture.look().await.networks.remove(&name).expect("there");
    // As when the request of a Hearth that was killed is carried out beside that of the next one.
    let twin = NetworkCreateRequest {
        name: name.clone(),
        labels: Some(labels_of(&name)),
        ..NetworkCreateRequest::default()
    };
    let engine =
        bollard::Docker::connect_with_unix(SOCKET, 60, bollard::API_DEFAULT_VERSION).expect("a socket");
    let engine = engine.negotiate_version().await.expect("a version");
    let made = engine.create_network(twin).await;
    if engine.client_version().minor_version >= 44 {
        assert!(made.is_err(), "engines from 25 on keep names apart");
        assert_eq!(fixture.look().await.networks[&name], seen);
        return;
    }
    made.expect("a second network");
    let ids = || docker(["network", "ls", "-q", "--filter", &format!("name={name}")]).lines().count();
    assert_eq!(ids(), 2);
    let twice = fixture.look().await.networks.remove(&name).expect("there");
    assert!(twice.ours && twice.spec_hash != seen.spec_hash, "{twice:?}");

    fixture.network("net", spec).await;
    let now = fixture.look().await.networks.remove(&name).expect("there");
    assert_eq!((ids(), now.ours, now.spec_hash), (1, seen.ours, seen.spec_hash));
}

fn labels_of(network: &str) -> HashMap<String, String> {
    let list = docker(["network", "inspect", "--format", "{{ json .Labels }}", network]);
    serde_json::from_str(&list).expect("labels")
}

#[tokio::test]
async fn a_changed_network_is_made_anew_and_ours_are_disconnected() {
    let fixture = Fixture::new("changed");
    let name = fixture.name("net");
    fixture.network("net", NetworkSpec::default()).await;
    let spec = ContainerSpec { network: networks(&[(&name, "a")]), ..fixture.sleeper("a") };
    fixture.up(&spec).await;
    let id = fixture.see(&spec).await.expect("there").id;
    assert_eq!(fixture.look().await.networks[&name].connected, BTreeSet::from([id]));
    let changed = NetworkSpec { internal: true, ..NetworkSpec::default() };
    fixture.network("net", changed.clone()).await;
    assert_eq!(fixture.look().await.networks[&name].spec_hash, Some(changed.hash()));
}

#[tokio::test]
async fn containers_of_others_keep_their_network() {
    let fixture = Fixture::new("foreign");
    let (net, other) = (fixture.name("net"), fixture.name("other"));
    fixture.network("net", NetworkSpec::default()).await;
    docker([
        "run",
        "-d",
        "--name",
        &other,
        "--network",
        &net,
        &busybox().familiar(),
        "/bin/busybox",
        "sleep",
        "1000",
    ]);
    let cleanup = Cleanup(vec!["rm".to_owned(), "-f".to_owned(), other.clone()]);
    let error = fixture.try_do(&EngineStep::RemoveNetwork { name: net.clone() }).await.expect_err("in use");
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(fixture.look().await.networks.contains_key(&net));
    drop(cleanup);
    fixture.do_it(&EngineStep::RemoveNetwork { name: net }).await;
}

#[tokio::test]
async fn a_network_of_others_is_never_touched() {
    let fixture = Fixture::new("theirs");
    let name = fixture.name("net");
    docker(["network", "create", &name]);
    let _cleanup = Cleanup(vec!["network".to_owned(), "rm".to_owned(), name.clone()]);
    let create = |external| EngineStep::CreateNetwork {
        app: Some(fixture.app.clone()),
        name: name.clone(),
        network: NetworkSpec { external, ..NetworkSpec::default() },
    };
    assert!(matches!(fixture.try_do(&create(false)).await, Err(Error::NameTaken { .. })));
    assert!(matches!(
        fixture.try_do(&EngineStep::RemoveNetwork { name: name.clone() }).await,
        Err(Error::NameTaken { .. })
    ));
    fixture.do_it(&create(true)).await;
    assert!(!fixture.look().await.networks[&name].ours);
}

#[tokio::test]
async fn an_external_network_that_is_not_there_is_named() {
    let fixture = Fixture::new("external");
    let step = EngineStep::CreateNetwork {
        app: None,
        name: fixture.name("net"),
        network: NetworkSpec { external: true, ..NetworkSpec::default() },
    };
    let error = fixture.try_do(&step).await.expect_err("not there");
    assert!(error.to_string().contains(&fixture.name("net")), "{error}");
}
