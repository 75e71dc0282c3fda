use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hearth_docker::Error;
use hearth_model::condition::ReasonCode;
use hearth_model::container::{
    ContainerSpec, Endpoint, Healthcheck, Logging, Mount, NetworkMode, PortBinding, Protocol, RestartPolicy,
    Ulimit,
};
use hearth_model::host_port::{HostAddress, HostSocket};
use hearth_model::observed::{ContainerState, Health};
use hearth_model::plan::EngineStep;
use hearth_model::spec::{IpamPool, NetworkSpec};
use serde_json::Value;

use crate::support::{Cleanup, Fixture, docker, docker_may_fail, networks};

fn inspect(name: &str) -> Value {
    serde_json::from_str::<Vec<Value>>(&docker(["inspect", name])).expect("JSON").remove(0)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("0.0.0.0:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

#[tokio::test]
async fn each_step_done_twice_is_as_good_as_done_once() {
    let fixture = Fixture::new("twice");
    let spec = fixture.sleeper("a");
    let name = spec.name.clone();
    for _ in 0..2 {
        fixture.create(&spec).await;
    }
    let created = fixture.see(&spec).await.expect("there");
    assert_eq!(created.state, ContainerState::Created { error: None });
    assert_eq!((&created.spec_hash, created.service.as_str()), (&spec.hash(), "web"));
    for _ in 0..2 {
        fixture.start(&spec).await;
    }
    let running = fixture.see(&spec).await.expect("there");
    assert_eq!(running.id, created.id);
    assert_eq!(running.state, ContainerState::Running);
    assert!(running.started_at.is_some());
    fixture.create(&spec).await;
    assert_eq!(fixture.see(&spec).await.expect("there").id, created.id, "a running container was made anew");
    for _ in 0..2 {
        fixture.do_it(&EngineStep::StopContainer { name: name.clone() }).await;
    }
    let stopped = fixture.see(&spec).await.expect("there");
    assert!(
        matches!(stopped.state, ContainerState::Exited { exit_code: 0, oom_killed: false, .. }),
        "{stopped:?}"
    );
    for _ in 0..2 {
        fixture.do_it(&EngineStep::RemoveContainer { name: name.clone() }).await;
    }
    assert_eq!(fixture.see(&spec).await, None);
    fixture.do_it(&EngineStep::StopContainer { name }).await;
}

#[tokio::test]
async fn every_word_of_the_spec_reaches_the_engine() {
    let fixture = Fixture::new("words");
    let (first, second) = (fixture.name("first"), fixture.name("second"));
    fixture.network("first", NetworkSpec::default()).await;
    let pool = IpamPool { subnet: Some("10.213.7.0/24".to_owned()), ..IpamPool::default() };
    fixture
        .network("second", NetworkSpec { ipam: vec![pool], internal: true, ..NetworkSpec::default() })
        .await;
    let port = free_port();
    let bind = fixture.dir.path().join("bound");
    std::fs::create_dir(&bind).expect("made");
    let some = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let map = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let base = fixture.sleeper("a");
    let mut spec = ContainerSpec {
        environment: map("GREETING", "a=b c"),
        labels: BTreeMap::from([
            ("com.example.x".to_owned(), "y".to_owned()),
            ("sh.hearth.app".to_owned(), "hostile".to_owned()),
        ]),
        user: Some("1000:1001".to_owned()),
        group_add: some(&["44"]),
        working_dir: Some("/seed".to_owned()),
        hostname: Some("here".to_owned()),
        domainname: Some("example".to_owned()),
        mounts: vec![
            Mount::Bind {
                source: bind.to_string_lossy().into_owned(),
                target: "/bound".to_owned(),
                read_only: true,
                create_host_path: true,
                propagation: Some("private".to_owned()),
                selinux: None,
                beneath: None,
            },
            Mount::Volume {
                source: String::new(),
                target: "/anonymous".to_owned(),
                read_only: false,
                nocopy: true,
                subpath: None,
                beneath: None,
            },
            Mount::Tmpfs {
                target: "/t1".to_owned(),
                size_bytes: Some(1 << 20),
                mode: Some(0o1770),
                options: None,
            },
            Mount::Tmpfs {
                target: "/t2".to_owned(),
                size_bytes: None,
                mode: None,
                options: Some("noexec,uid=1000".to_owned()),
            },
        ],
        ports: vec![PortBinding {
            host_ip: Some("127.0.0.1".to_owned()),
            host_port: Some(port),
            container_port: 80,
            protocol: Protocol::Tcp,
        }],
        expose: BTreeSet::from(["9000/udp".to_owned()]),
        restart: RestartPolicy::OnFailure(3),
        healthcheck: Some(Healthcheck {
            test: some(&["CMD", "/bin/busybox", "true"]),
            interval_ms: Some(500),
            timeout_ms: Some(2_000),
            retries: Some(4),
            start_period_ms: Some(1_500),
            start_interval_ms: Some(100),
        }),
        stop_signal: Some("SIGTERM".to_owned()),
        stop_grace_period_ms: Some(1_500),
        init: Some(true),
        read_only: true,
        cap_add: BTreeSet::from(["NET_ADMIN".to_owned()]),
        cap_drop: BTreeSet::from(["MKNOD".to_owned()]),
        security_opt: some(&["no-new-privileges:true"]),
        sysctls: map("net.ipv4.ip_unprivileged_port_start", "0"),
        ulimits: BTreeMap::from([("nofile".to_owned(), Ulimit { soft: 1024, hard: 2048 })]),
        shm_size_bytes: Some(32 << 20),
        extra_hosts: some(&["gateway:host-gateway", "static:10.0.0.9"]),
        logging: Some(Logging { driver: "json-file".to_owned(), options: map("max-size", "1m") }),
        annotations: map("com.example.a", "b"),
        ..base
    };
    spec.resources.memory_bytes = Some(64 << 20);
    spec.resources.nano_cpus = Some(500_000_000);
    spec.resources.pids_limit = Some(100);
    spec.dns.servers = some(&["10.0.0.53"]);
    spec.dns.search = some(&["example.org"]);
    let endpoint = |alias: &str, priority: i64| Endpoint {
        aliases: BTreeSet::from([alias.to_owned()]),
        priority,
        ..Endpoint::default()
    };
    spec.network = NetworkMode::Networks(BTreeMap::from([
        (first.clone(), endpoint("web", 10)),
        (second.clone(), Endpoint { ipv4_address: Some("10.213.7.77".to_owned()), ..endpoint("back", 0) }),
    ]));
    fixture.up(&spec).await;
    fixture.wait_for(&spec, "healthy", |seen| seen.health == Some(Health::Healthy)).await;
    let seen = fixture.see(&spec).await.expect("there");
    assert_eq!(seen.app, fixture.app);
    assert_eq!(seen.networks, BTreeSet::from([first.clone(), second.clone()]));
    let address = HostAddress::of(Some("127.0.0.1"));
    assert_eq!(seen.ports, BTreeSet::from([HostSocket { protocol: Protocol::Tcp, port, address }]));

    let all = inspect(&spec.name);
    let (config, host, net) = (&all["Config"], &all["HostConfig"], &all["NetworkSettings"]["Networks"]);
    assert!(config["Env"].as_array().expect("a list").contains(&"GREETING=a=b c".into()));
    assert_eq!(config["Labels"]["com.example.x"], "y");
    assert_eq!(config["Labels"]["sh.hearth.app"], fixture.app.as_str());
    assert_eq!((&config["User"], &config["WorkingDir"]), (&"1000:1001".into(), &"/seed".into()));
    assert_eq!((&config["Hostname"], &config["Domainname"]), (&"here".into(), &"example".into()));
    assert_eq!(config["StopTimeout"], 2);
    assert_eq!(config["Healthcheck"]["Interval"], 500_000_000_u64);
    assert_eq!(config["Healthcheck"]["StartPeriod"], 1_500_000_000_u64);
    assert!(config["ExposedPorts"]["9000/udp"].is_object());
    assert_eq!(host["RestartPolicy"], serde_json::json!({"Name": "on-failure", "MaximumRetryCount": 3}));
    assert_eq!(
        (&host["Memory"], &host["NanoCpus"], &host["PidsLimit"]),
        (&(64 << 20).into(), &500_000_000.into(), &100.into())
    );
    assert_eq!(
        (&host["ReadonlyRootfs"], &host["Init"], &host["ShmSize"]),
        (&true.into(), &true.into(), &(32 << 20).into())
    );
    assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges:true"]));
    assert_eq!(host["Tmpfs"]["/t2"], "noexec,uid=1000");
    assert_eq!(host["Ulimits"][0]["Hard"], 2048);
    assert_eq!(host["LogConfig"]["Config"]["max-size"], "1m");
    assert_eq!(host["NetworkMode"], first.as_str());
    assert_eq!(host["ExtraHosts"][1], "static:10.0.0.9");
    let mount = |target: &str| {
        let mounts = all["Mounts"].as_array().expect("a list");
        mounts
            .iter()
            .find(|mount| mount["Destination"] == target)
            .unwrap_or_else(|| panic!("no {target}"))
            .clone()
    };
    assert_eq!((&mount("/bound")["RW"], &mount("/bound")["Propagation"]), (&false.into(), &"private".into()));
    assert_eq!(mount("/anonymous")["Type"], "volume");
    assert_eq!(net[&second]["IPAddress"], "10.213.7.77");
    assert!(net[&second]["Aliases"].as_array().expect("a list").contains(&"back".into()));
    assert!(net[&first]["Aliases"].as_array().expect("a list").contains(&"web".into()));

    let volume = mount("/anonymous")["Name"].as_str().expect("a name").to_owned();
    fixture.do_it(&EngineStep::RemoveContainer { name: spec.name.clone() }).await;
    assert!(docker_may_fail(["volume", "ls", "-q", "--filter", &format!("name={volume}")]).is_empty());
}

#[tokio::test]
async fn containers_find_one_another_by_alias() {
    let fixture = Fixture::new("alias");
    let net = fixture.name("net");
    fixture.network("net", NetworkSpec::default()).await;
    let server = ContainerSpec {
        network: networks(&[(&net, "db")]),
        ..fixture.shell("db", "while :; do echo hello | /bin/busybox nc -l -p 5432; done")
    };
    fixture.up(&server).await;
    let client = ContainerSpec {
        network: networks(&[(&net, "web")]),
        ..fixture
            .shell("web", "until /bin/busybox nc db 5432 < /dev/null | /bin/busybox grep hello; do :; done")
    };
    fixture.up(&client).await;
    let ended = fixture.wait_for_exit(&client).await;
    assert!(matches!(ended.state, ContainerState::Exited { exit_code: 0, .. }));
}

#[tokio::test]
async fn a_container_may_share_the_network_of_a_service() {
    let fixture = Fixture::new("share");
    let net = fixture.name("net");
    fixture.network("net", NetworkSpec::default()).await;
    let web = ContainerSpec { network: networks(&[(&net, "web")]), ..fixture.sleeper("web") };
    let side = ContainerSpec {
        network: NetworkMode::Service("web".parse().expect("valid")),
        ..fixture.sleeper("side")
    };
    let error = fixture.try_do(&fixture.creation(&side)).await.expect_err("no such service yet");
    assert!(error.to_string().contains("service web"), "{error}");
    fixture.up(&web).await;
    let id = fixture.see(&web).await.expect("there").id;
    fixture.create(&side).await;
    assert_eq!(inspect(&side.name)["HostConfig"]["NetworkMode"], format!("container:{id}"));
}

#[tokio::test]
async fn a_half_made_container_is_seen_and_made_anew() {
    let fixture = Fixture::new("half");
    let (one, two) = (fixture.name("one"), fixture.name("two"));
    fixture.network("one", NetworkSpec::default()).await;
    fixture.network("two", NetworkSpec::default()).await;
    let spec = ContainerSpec { network: networks(&[(&one, "a"), (&two, "a")]), ..fixture.sleeper("a") };
    fixture.create(&spec).await;
    let whole = fixture.see(&spec).await.expect("there");
    assert_eq!(whole.spec_hash, spec.hash());
    // As if Hearth had been killed between the two networks.
    docker(["network", "disconnect", &two, &spec.name]);
    let half = fixture.see(&spec).await.expect("there");
    assert_ne!(half.spec_hash, spec.hash(), "a half made container passes for a whole one");
    fixture.create(&spec).await;
    let anew = fixture.see(&spec).await.expect("there");
    assert_ne!(anew.id, whole.id);
    assert_eq!((anew.spec_hash, anew.networks), (spec.hash(), BTreeSet::from([one, two])));
}

#[tokio::test]
async fn nothing_is_left_when_a_network_is_missing() {
    let fixture = Fixture::new("nonet");
    let one = fixture.name("one");
    fixture.network("one", NetworkSpec::default()).await;
    let spec = ContainerSpec {
        network: networks(&[(&one, "a"), (&fixture.name("two"), "a")]),
        ..fixture.sleeper("a")
    };
    let error = fixture.try_do(&fixture.creation(&spec)).await.expect_err("no such network");
    assert!(error.to_string().contains("there is no network"), "{error}");
    assert_eq!(fixture.see(&spec).await, None);
}

#[tokio::test]
async fn a_changed_spec_makes_a_stopped_container_anew_and_spares_a_running_one() {
    let fixture = Fixture::new("changed");
    let old = fixture.sleeper("a");
    let new =
        ContainerSpec { environment: BTreeMap::from([("A".to_owned(), "1".to_owned())]), ..old.clone() };
    fixture.up(&old).await;
    let error = fixture.try_do(&fixture.creation(&new)).await.expect_err("it runs");
    assert_eq!(error.reason().code, ReasonCode::EngineRefused);
    fixture.do_it(&EngineStep::StopContainer { name: old.name.clone() }).await;
    fixture.create(&new).await;
    assert_eq!(fixture.see(&new).await.expect("there").spec_hash, new.hash());
}

#[tokio::test]
async fn what_is_not_ours_is_never_touched() {
    let (fixture, neighbour) = (Fixture::new("mine"), Fixture::new("theirs"));
    let theirs = neighbour.sleeper("a");
    neighbour.up(&theirs).await;
    let mine = ContainerSpec { name: theirs.name.clone(), ..fixture.sleeper("a") };
    for step in [
        fixture.creation(&mine),
        EngineStep::StartContainer { name: theirs.name.clone() },
        EngineStep::StopContainer { name: theirs.name.clone() },
        EngineStep::RemoveContainer { name: theirs.name.clone() },
    ] {
        let error = fixture.try_do(&step).await.expect_err("not ours");
        assert_eq!(error.reason().code, ReasonCode::NameTaken, "{error}");
    }
    let view = fixture.look().await;
    assert!(view.containers.is_empty());
    assert!(view.foreign_containers.contains(&theirs.name));
    assert_eq!(neighbour.see(&theirs).await.expect("there").state, ContainerState::Running);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let fixture = Fixture::new("port");
    let net = fixture.name("net");
    fixture.network("net", NetworkSpec::default()).await;
    let listener = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
    let by_program = listener.local_addr().expect("bound").port();
    let by_container = free_port();
    let publishing = |name: &str, port: u16| ContainerSpec {
        network: networks(&[(&net, name)]),
        ports: vec![PortBinding {
            host_ip: None,
            host_port: Some(port),
            container_port: 80,
            protocol: Protocol::Tcp,
        }],
        ..fixture.sleeper(name)
    };
    fixture.up(&publishing("holder", by_container)).await;
    for (name, port) in [("a", by_program), ("b", by_container)] {
        let spec = publishing(name, port);
        fixture.create(&spec).await;
        let error =
            fixture.try_do(&EngineStep::StartContainer { name: spec.name.clone() }).await.expect_err("taken");
        assert!(matches!(error, Error::PortTaken { port: Some(found), .. } if found == port), "{error}");
        assert_eq!(error.reason().code, ReasonCode::PortTaken);
        let seen = fixture.see(&spec).await.expect("there");
        assert!(matches!(seen.state, ContainerState::Created { error: Some(_) }), "{seen:?}");
    }
    drop(listener);
    fixture.start(&publishing("a", by_program)).await;
}

#[tokio::test]
async fn a_long_grace_period_is_waited_for_and_a_short_one_is_kept() {
    let fixture = Fixture::new("grace");
    let stubborn = "trap '' TERM; /bin/busybox echo ready; while :; do /bin/busybox sleep 0.1; done";
    let spec = ContainerSpec { stop_grace_period_ms: Some(1_000), ..fixture.shell("a", stubborn) };
    fixture.up(&spec).await;
    while fixture.engine.last_lines(&spec.name, 1).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let start = Instant::now();
    fixture.do_it(&EngineStep::StopContainer { name: spec.name.clone() }).await;
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(8)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    let seen = fixture.see(&spec).await.expect("there");
    assert!(matches!(seen.state, ContainerState::Exited { exit_code: 137, .. }), "{seen:?}");
}

#[tokio::test]
async fn a_missing_bind_source_is_named() {
    let fixture = Fixture::new("bind");
    let source = fixture.dir.path().join("not-there").to_string_lossy().into_owned();
    let mount = Mount::Bind {
        source: source.clone(),
        target: "/x".to_owned(),
        read_only: false,
        create_host_path: false,
        propagation: None,
        selinux: None,
        beneath: None,
    };
    let spec = ContainerSpec { mounts: vec![mount], ..fixture.sleeper("a") };
    let error = fixture.try_do(&fixture.creation(&spec)).await.expect_err("missing");
    assert_eq!(error.reason().code, ReasonCode::FileError);
    assert!(error.reason().message.contains(&source), "{error}");
    assert_eq!(fixture.see(&spec).await, None);
}

#[tokio::test]
async fn a_name_that_is_the_beginning_of_an_id_is_not_that_container() {
    let fixture = Fixture::new("id");
    let spec = fixture.sleeper("a");
    fixture.create(&spec).await;
    let id = fixture.see(&spec).await.expect("there").id;
    let prefix = id[..12].to_owned();
    fixture.do_it(&EngineStep::RemoveContainer { name: prefix.clone() }).await;
    assert!(fixture.see(&spec).await.is_some(), "a container was removed by the beginning of its id");
    let error = fixture.try_do(&EngineStep::StartContainer { name: prefix }).await.expect_err("no such name");
    assert!(error.to_string().contains("there is no container"), "{error}");
}

#[tokio::test]
async fn an_image_that_is_not_there_is_named() {
    let fixture = Fixture::new("noimage");
    let image = "hearthit-not-there:1".parse().expect("valid");
    let spec = ContainerSpec { image, ..fixture.sleeper("a") };
    let error = fixture.try_do(&fixture.creation(&spec)).await.expect_err("no image");
    assert_eq!(error.reason().code, ReasonCode::ImageNotFound, "{error}");
}

#[tokio::test]
async fn a_container_made_by_hand_is_a_name_taken() {
    let fixture = Fixture::new("byhand");
    let spec = fixture.sleeper("a");
    docker(["create", "--name", &spec.name, &crate::support::busybox().familiar()]);
    let _cleanup = Cleanup(vec!["rm".to_owned(), "-f".to_owned(), spec.name.clone()]);
    let error = fixture.try_do(&fixture.creation(&spec)).await.expect_err("taken");
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");
}
