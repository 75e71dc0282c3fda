use std::collections::{BTreeMap, BTreeSet};

use hearth_model::container::{Mount, NetworkMode, PortBinding, Protocol, RestartPolicy};
use hearth_model::package::{AccessKind, Requirements, Scheme, WebPage};
use hearth_model::{AppSpec, Digest, ServiceName};

use super::{ContainerNaming, Gate, Lowering, TimeZone, lower};
use crate::diagnostics::Diagnostics;
use crate::load::{ProjectInput, SourceFile, load};
use crate::reader::MemoryFiles;

fn web(service: &str, port: u16, host_port: u16) -> WebPage {
    serde_json::from_value(serde_json::json!({"service": service, "port": port, "host_port": host_port}))
        .expect("valid")
}

struct Given {
    web: Option<WebPage>,
    gate: Option<Gate>,
    ports: BTreeMap<String, u16>,
    time_zone: TimeZone,
}

impl Default for Given {
    fn default() -> Self {
        Self { web: None, gate: None, ports: BTreeMap::new(), time_zone: TimeZone::utc() }
    }
}

fn try_lower(text: &str, given: Given) -> Result<AppSpec, Diagnostics> {
    let files = BTreeMap::from([("nginx.conf".to_owned(), "x".to_owned())]);
    let reader = MemoryFiles(&files);
    let input = ProjectInput {
        name: Some("demo".to_owned()),
        files: vec![SourceFile { path: "compose.yml".to_owned(), text: text.to_owned() }],
        environment: BTreeMap::from([
            ("APP_DATA_DIR".to_owned(), "/apps/demo".to_owned()),
            ("KEY".to_owned(), "k3y".to_owned()),
        ]),
        working_dir: "/apps/demo".to_owned(),
        profiles: Vec::new(),
        reader: &reader,
    };
    let context = Lowering {
        app: "demo".parse().expect("valid"),
        app_dir: "/apps/demo",
        package_digest: Digest::of(b""),
        version: "1".to_owned(),
        web: given.web,
        gate: given.gate.as_ref(),
        ports: &given.ports,
        requires: Requirements::default(),
        naming: ContainerNaming::Compose,
        time_zone: &given.time_zone,
    };
    lower(&load(&input)?, &context)
}

fn lowered(text: &str) -> AppSpec {
    try_lower(text, Given::default()).unwrap_or_else(|found| panic!("{found}"))
}

fn refused(text: &str) -> String {
    let given = Given::default();
    try_lower(text, given).expect_err("refused").to_string()
}

fn service<'a>(spec: &'a AppSpec, name: &str) -> &'a hearth_model::spec::ServiceSpec {
    &spec.services[&name.parse::<ServiceName>().expect("valid")]
}

fn access(text: &str) -> BTreeSet<(AccessKind, String)> {
    lowered(text).access.into_iter().map(|access| (access.kind, access.detail)).collect()
}

#[test]
fn a_whole_package_is_lowered() {
    let text = "services:\n  web:\n    image: wordpress:6\n    restart: unless-stopped\n    user: \"33:34\"\n    depends_on: {db: {condition: service_healthy}, setup: {condition: service_completed_successfully}}\n    environment: {HOST: db, NONE: }\n    volumes: [\"./html:/var/www\", \"./nginx.conf:/etc/nginx.conf:ro\", \"${APP_DATA_DIR}/up:/up\"]\n    configs: [{source: ini, target: /etc/x.ini, mode: 0440}]\n    secrets: [key]\n  db:\n    image: mariadb:11\n    container_name: database\n    volumes: [\"data:/var/lib/mysql\"]\n    stop_grace_period: 1m\n    mem_limit: 256m\n    cpus: 0.5\n    healthcheck: {test: [CMD, check], interval: 10s, retries: 3}\n  setup: {image: wordpress:6, command: setup --now}\nvolumes: {data: {name: someone-elses}}\nconfigs: {ini: {content: \"a=1\"}}\nsecrets: {key: {environment: KEY}}\n";
    let given = Given {
        web: Some(web("web", 80, 8080)),
        ports: BTreeMap::from([("8080/tcp".to_owned(), 9090)]),
        ..Given::default()
    };
    insta::assert_json_snapshot!(try_lower(text, given).unwrap_or_else(|found| panic!("{found}")));
}

#[test]
fn paths_that_lead_out_in_disguise_are_refused() {
    for volumes in [
        "[\"../other:/x\"]",
        "[\"./a/../../other:/x\"]",
        "[\"${APP_DATA_DIR}/../other:/x\"]",
        "[\"/apps/demo/../../etc:/x\"]",
        "[{type: bind, source: ../other, target: /x}]",
        "[{type: bind, source: /apps/demo/../x, target: /x}]",
    ] {
        let found = refused(&format!("services:\n  a:\n    image: a\n    volumes: {volumes}\n"));
        assert!(found.contains("leads out of the app's folder"), "{volumes}: {found}");
        assert!(found.contains("compose.yml:4"), "{found}");
    }
    let found = refused("services:\n  a: {image: a, secrets: [s]}\nsecrets: {s: {file: ../../etc/shadow}}\n");
    assert!(found.contains("leads out of the app's folder"), "{found}");
    let found = refused("services:\n  a: {image: a, volumes: [\"./.hearth:/x\"]}\n");
    assert!(found.contains("Hearth's own"), "{found}");
    let found = refused(
        "services:\n  a: {image: a, volumes: [\"dir:/x\"]}\nvolumes: {dir: {driver: local, driver_opts: {type: none, o: bind, device: /apps/demo/../x}}}\n",
    );
    assert!(found.contains("`..`"), "{found}");
}

#[test]
fn what_reaches_beyond_the_app_needs_consent() {
    use AccessKind::{
        Capabilities, Devices, DockerSocket, HostNamespace, HostNetwork, HostPaths, Privileged, Unconfined,
    };
    for (keys, kind, detail) in [
        ("privileged: true", Privileged, ""),
        ("network_mode: host", HostNetwork, ""),
        ("network_mode: \"container:else\"", HostNetwork, "container else"),
        ("pid: host", HostNamespace, "pid"),
        ("ipc: host", HostNamespace, "ipc"),
        ("uts: host", HostNamespace, "uts"),
        ("volumes: [\"/srv/media:/m\"]", HostPaths, "/srv/media"),
        ("volumes: [\"/apps/demo2:/m\"]", HostPaths, "/apps/demo2"),
        ("volumes: [\"/etc/hostname:/x\"]", HostPaths, "/etc/hostname"),
        ("volumes: [\"/var/run/docker.sock:/var/run/docker.sock:ro\"]", DockerSocket, ""),
        ("volumes: [\"/run//./docker.sock:/x\"]", DockerSocket, ""),
        ("volumes: [\"/var/run:/x\"]", DockerSocket, ""),
        ("volumes: [\"/:/host:ro\"]", DockerSocket, ""),
        ("devices: [/dev/dri]", Devices, "/dev/dri"),
        ("gpus: all", Devices, "gpu"),
        ("device_cgroup_rules: [\"c 13:* rmw\"]", Devices, "rule c 13:* rmw"),
        ("cap_add: [cap_net_admin]", Capabilities, "NET_ADMIN"),
        ("cap_add: [ALL]", Capabilities, "ALL"),
        ("security_opt: [\"seccomp:unconfined\"]", Unconfined, "seccomp:unconfined"),
        ("security_opt: [apparmor=unconfined]", Unconfined, "apparmor=unconfined"),
        ("security_opt: [\"no-new-privileges:false\"]", Unconfined, "no-new-privileges:false"),
    ] {
        let found = access(&format!("services:\n  a:\n    image: a\n    {keys}\n"));
        assert!(found.contains(&(kind, detail.to_owned())), "{keys}: {found:?}");
    }
    let outside = "services:\n  a: {image: a, networks: [n], volumes: [\"vol:/v\", \"wol:/w\", \"nas:/n\"]}\nnetworks: {n: {external: true}}\nvolumes: {vol: {external: true}, wol: {driver_opts: {type: none, o: bind, device: /srv}}, nas: {driver_opts: {type: cifs, o: \"username=a,password=s3cret\", device: //nas/films}}}\n";
    let found = access(outside);
    let share = "share CIFS //nas/films";
    for expected in
        [(HostNetwork, "network n"), (HostPaths, "volume vol"), (HostPaths, "/srv"), (HostPaths, share)]
    {
        assert!(found.contains(&(expected.0, expected.1.to_owned())), "{found:?}");
    }
}

#[test]
fn a_device_of_a_volume_is_resolved_whatever_the_driver_is_called() {
    for options in ["{type: none, o: bind, device: ./x}", "{o: \"rbind,ro\", device: x}"] {
        for driver in ["", "driver: local, "] {
            let spec = lowered(&format!(
                "services:\n  a: {{image: a, volumes: [\"dir:/d\"]}}\nvolumes: {{dir: {{{driver}driver_opts: {options}}}}}\n"
            ));
            assert_eq!(spec.volumes["demo_dir"].host_folder(), Some("/apps/demo/x"), "{driver}{options}");
            assert!(spec.folders.contains_key("/apps/demo/x") && spec.access.is_empty(), "{spec:?}");
        }
    }
    let found = refused(
        "services: {a: {image: a, volumes: [\"dir:/d\"]}}\nvolumes:\n  dir:\n    driver_opts: {type: proc, device: proc}\n",
    );
    assert!(found.contains("`proc`") && found.contains("compose.yml:"), "{found}");
}

#[test]
fn a_path_that_comes_back_into_the_folder_is_fine() {
    let spec = lowered(
        "services:\n  a: {image: a, volumes: [\"${APP_DATA_DIR}/x/../data:/data\", \"./y/../z:/z\"]}\n",
    );
    let sources: Vec<_> = spec.folders.keys().map(String::as_str).collect();
    assert_eq!(sources, ["/apps/demo/data", "/apps/demo/z"]);
}

#[test]
fn an_ordinary_app_needs_no_consent() {
    let text = "services:\n  a:\n    image: a\n    cap_add: [CHOWN]\n    volumes: [\"./a:/a\", \"vol:/v\", \"/etc/localtime:/etc/localtime:ro\"]\n    tmpfs: /run\n    ports: [\"80:80\"]\n    security_opt: [\"no-new-privileges:true\"]\nvolumes: {vol: }\n";
    assert_eq!(access(text), BTreeSet::new());
}

#[test]
fn rights_cannot_grow_unless_the_package_says_so() {
    let options = |keys: &str| {
        let spec = lowered(&format!("services:\n  a:\n    image: a\n    {keys}\n"));
        service(&spec, "a").container.security_opt.clone()
    };
    assert_eq!(options("tty: true"), ["no-new-privileges:true"]);
    assert_eq!(options("privileged: true"), Vec::<String>::new());
    assert_eq!(options("security_opt: [\"no-new-privileges:false\"]"), ["no-new-privileges:false"]);
}

#[test]
fn names_on_the_engine_are_the_apps_own() {
    let text = "services:\n  a: {image: a, container_name: other-db-1, networks: [n], volumes: [\"vol:/v\"]}\n  b: {image: b, network_mode: \"container:other-db-1\"}\nnetworks: {n: {name: other_default}}\nvolumes: {vol: {name: other_data}}\n";
    let spec = lowered(text);
    assert_eq!(service(&spec, "a").container.name, "demo-a-1");
    assert!(spec.networks.contains_key("demo_n") && spec.volumes.contains_key("demo_vol"), "{spec:?}");
    let NetworkMode::Networks(endpoints) = &service(&spec, "a").container.network else { panic!("{spec:?}") };
    assert!(endpoints["demo_n"].aliases.contains("other-db-1"));
    assert_eq!(service(&spec, "b").container.network, NetworkMode::Service("a".parse().expect("valid")));
    assert_eq!(spec.access, BTreeSet::new());
}

#[test]
fn the_owner_moves_ports() {
    let text = "services:\n  a: {image: a, ports: [\"8080:80\", \"53:53/udp\"]}\n";
    let ports = BTreeMap::from([("8080/tcp".to_owned(), 9000), ("53/udp".to_owned(), 5353)]);
    let spec = try_lower(text, Given { web: Some(web("a", 80, 8080)), ports, ..Given::default() })
        .unwrap_or_else(|found| panic!("{found}"));
    let binding = |host_port, container_port, protocol| PortBinding {
        host_ip: None,
        host_port: Some(host_port),
        container_port,
        protocol,
    };
    let expected = [binding(9000, 80, Protocol::Tcp), binding(5353, 53, Protocol::Udp)];
    assert_eq!(service(&spec, "a").container.ports, expected);
    assert_eq!(spec.web.expect("given").host_port, 9000);
}

#[test]
fn a_port_may_be_published_once_on_each_address() {
    let apart = "services:\n  a: {image: a, ports: [\"0.0.0.0:53:53\", \"[::]:53:53\"]}\n";
    assert_eq!(service(&lowered(apart), "a").container.ports.len(), 2);
    let apart = "services:\n  a: {image: a, ports: [\"127.0.0.1:53:53\"]}\n  b: {image: b, ports: [\"127.0.0.2:53:53\"]}\n";
    assert_eq!(lowered(apart).services.len(), 2);
    let both = apart.replace("127.0.0.1", "0.0.0.0");
    let found = try_lower(&both, Given::default()).expect_err("two on one address").to_string();
    assert!(
        found.contains("the port 53/tcp on 127.0.0.2 of the host is published by `a` and `b`"),
        "{found}"
    );
}

#[test]
fn the_web_page_follows_a_shared_network() {
    let text = "services:\n  vpn: {image: a}\n  app: {image: b, network_mode: \"service:vpn\"}\n  host: {image: c, network_mode: host}\n";
    let given = |web| Given { web: Some(web), ..Given::default() };
    let spec = try_lower(text, given(web("app", 80, 8080))).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(service(&spec, "vpn").container.ports.len(), 1);
    let found = try_lower(text, given(web("nobody", 80, 8080))).expect_err("no such service").to_string();
    assert!(found.contains("`web.service` is `nobody`; the services are `app`, `host`, `vpn`"), "{found}");
    let spec = try_lower(text, given(web("host", 80, 80))).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(service(&spec, "host").container.ports, []);
    assert!(try_lower(text, given(web("host", 80, 8080))).is_err());
}

#[test]
fn what_hearth_cannot_run_is_refused() {
    insta::assert_snapshot!(refused(
        "services:\n  a:\n    image: a\n    scale: 2\n    cpu_count: 2\n    external_links: [x]\n    post_start: [{command: x}]\n    labels: {sh.hearth.app: x}\n    restart: sometimes\n    ports: [\"80:80\", \"8000-8010:90\"]\n    devices: [nvidia.com/gpu=0, relative]\n    volumes: [{type: npipe, source: x, target: /y}, \"./a:/same\", \"./b:/same\", \"c:relative\"]\n    security_opt: [\"seccomp:./profile.json\"]\n    volumes_from: [\"container:x\"]\n  b: {image: A, deploy: {replicas: 3, mode: global}}\n  c: {image: c, ports: [\"80:81\"], network_mode: bridge}\n  d: {image: d, network_mode: sideways, secrets: [s]}\nvolumes: {c: }\nsecrets: {s: {external: true}}\n"
    ));
}

#[test]
fn restart_policies_are_lowered() {
    for (keys, expected) in [
        ("restart: \"no\"", RestartPolicy::No),
        ("restart: always", RestartPolicy::Always),
        ("restart: on-failure", RestartPolicy::OnFailure(0)),
        ("restart: on-failure:5", RestartPolicy::OnFailure(5)),
        ("deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}", RestartPolicy::OnFailure(2)),
        ("deploy: {restart_policy: {condition: any}}", RestartPolicy::Always),
    ] {
        let spec = lowered(&format!("services:\n  a:\n    image: a\n    {keys}\n"));
        assert_eq!(service(&spec, "a").container.restart, expected, "{keys}");
    }
}

#[test]
fn a_disabled_health_check_is_none() {
    let spec = lowered(
        "services:\n  a: {image: a, healthcheck: {disable: true}}\n  b: {image: b, healthcheck: {}}\n",
    );
    assert_eq!(service(&spec, "a").container.healthcheck.as_ref().expect("set").test, ["NONE"]);
    assert_eq!(service(&spec, "b").container.healthcheck, None);
}

#[test]
fn a_service_ends_when_another_waits_for_its_end() {
    let spec = lowered(
        "services:\n  a: {image: a, depends_on: {b: {condition: service_completed_successfully}}}\n  b: {image: b}\n  c: {image: c, x-hearth: {one_shot: true}}\n",
    );
    assert!(!service(&spec, "a").one_shot && service(&spec, "b").one_shot && service(&spec, "c").one_shot);
}

#[test]
fn tmpfs_and_anonymous_volumes_are_mounted() {
    let spec = lowered("services:\n  a: {image: a, tmpfs: \"/run:size=1m\", volumes: [/cache]}\n");
    let mounts = &service(&spec, "a").container.mounts;
    assert!(matches!(&mounts[0], Mount::Volume { source, .. } if source.is_empty()), "{mounts:?}");
    assert!(
        matches!(&mounts[1], Mount::Tmpfs { options: Some(options), .. } if options == "size=1m"),
        "{mounts:?}"
    );
}

#[test]
fn a_page_behind_the_agent_is_a_door_and_no_published_port() {
    let gate = Some(Gate { sign_in: true, ..Gate::default() });
    let given = |page: WebPage| Given {
        web: Some(page),
        ports: BTreeMap::from([("8080/tcp".to_owned(), 9000)]),
        gate: gate.clone(),
        ..Given::default()
    };
    let text = "services:\n  vpn: {image: a, ports: [\"53:53/udp\"]}\n  app: {image: b, network_mode: \"service:vpn\"}\n  host: {image: c, network_mode: host}\n";
    let published = text.replace("\"53:53", "\"8080:80\", \"53:53");
    let spec = try_lower(&published, given(web("app", 80, 8080))).unwrap_or_else(|found| panic!("{found}"));
    let door = spec.door.clone().expect("a door");
    assert_eq!((door.service.as_str(), door.port, door.host_port), ("vpn", 80, 9000));
    assert!(door.gate.sign_in);
    let taken: Vec<(u16, Protocol)> =
        spec.host_ports().map(|port| (port.socket.port, port.socket.protocol)).collect();
    assert_eq!(taken, [(53, Protocol::Udp), (9000, Protocol::Tcp)]);

    let spec = try_lower(text, given(web("host", 80, 8080))).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(spec.door.map(|door| (door.port, door.host_port)), Some((80, 9000)));
    let spec = try_lower(text, given(web("host", 8081, 8081))).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(spec.door, None, "the container itself has the port");
    let secure = WebPage { scheme: Scheme::Https, ..web("app", 80, 8080) };
    let spec = try_lower(text, given(secure)).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(spec.door.map(|door| door.scheme), Some(Scheme::Https), "the door speaks HTTPS with the app");

    let twice = "services:\n  a: {image: a}\n  b: {image: b, ports: [\"8080:81\"]}\n";
    let found = try_lower(twice, given(web("a", 80, 8080))).expect_err("the port is taken").to_string();
    assert!(
        found.contains("the port 9000/tcp of the host is published by `the app's web page` and `b`"),
        "{found}"
    );
}

#[test]
fn the_time_zone_comes_from_hearth_whatever_the_host_has() {
    let zone = |name: &str| TimeZone { name: name.to_owned(), localtime: (*b"TZif").into() };
    let text = "services:\n  a:\n    image: a\n    volumes: [\"/etc/localtime:/etc/localtime\", {type: bind, source: /etc/timezone, target: /tz, read_only: true, bind: {create_host_path: false}}]\n";
    let spec = |name: &str| {
        try_lower(text, Given { time_zone: zone(name), ..Given::default() })
            .unwrap_or_else(|found| panic!("{found}"))
    };
    let berlin = spec("Europe/Berlin");
    assert!(berlin.access.is_empty(), "{:?}", berlin.access);
    let paths = ["/apps/demo/.hearth/localtime/Europe/Berlin", "/apps/demo/.hearth/timezone/Europe/Berlin"];
    let contents: Vec<&[u8]> = paths.iter().map(|path| berlin.files[*path].content.as_slice()).collect();
    assert_eq!(contents, [b"TZif".as_slice(), b"Europe/Berlin\n"]);
    let container = |spec: &AppSpec| service(spec, "a").container.clone();
    for (mount, path) in container(&berlin).mounts.iter().zip(paths) {
        assert!(
            matches!(mount, Mount::Bind { source, read_only: true, create_host_path: false, .. } if source == path),
            "{mount:?}"
        );
    }
    assert_ne!(
        container(&berlin).hash(),
        container(&spec("Asia/Tokyo")).hash(),
        "a change reaches the container"
    );
}

#[test]
fn a_mount_of_a_file_is_not_made_as_a_folder() {
    let spec = lowered(
        "services:\n  a:\n    image: a\n    volumes: [\"./made.yml:/etc/app/config.yml\", \"./nginx.conf:/x.conf\", \"./site.conf:/etc/conf.d\", \"./data:/data/x.json\", \"./up:/up\", \"/srv/media:/media\"]\n",
    );
    let made: Vec<(&str, bool)> =
        spec.folders.iter().map(|(path, folder)| (path.as_str(), folder.mounted)).collect();
    assert_eq!(
        made,
        [("/apps/demo/data", true), ("/apps/demo/site.conf", true), ("/apps/demo/up", true)],
        "neither what both sides call a file, nor what the package has, nor what is the host's"
    );
}

#[test]
fn exposed_ports_are_keys_of_their_own() {
    let exposed = |ports: &str| {
        let spec = lowered(&format!("services:\n  a: {{image: a, expose: [{ports}]}}\n"));
        service(&spec, "a").container.expose.iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(exposed("\"9091-9093\""), ["9091/tcp", "9092/tcp", "9093/tcp"]);
    assert_eq!(exposed("\"53-54/UDP\", 54, \"8080/TCP\""), ["53/udp", "54/tcp", "54/udp", "8080/TCP"]);
    for (bad, why) in [
        ("\"9093-9091\"", "ends before it begins"),
        ("\"0\"", "ports are 1 to 65535"),
        ("\"70000\"", "`70000` is not a port"),
        ("\"80/icmp\"", "`icmp` is not a protocol"),
        ("\"1-60000\"", "at most 1000"),
        ("\"web\"", "`web` is not a port"),
    ] {
        let found = refused(&format!("services:\n  a:\n    image: a\n    expose: [{bad}]\n"));
        assert!(found.contains(why) && found.contains("compose.yml:4"), "{bad}: {found}");
    }
}

#[test]
fn a_name_that_the_kernel_refuses_is_refused_before_the_start() {
    let name =
        |length: usize| format!("services:\n  a:\n    image: a\n    hostname: {}\n", "x".repeat(length));
    lowered(&name(64));
    let found = refused(&name(65));
    assert!(found.contains("`hostname` has 65 bytes") && found.contains("compose.yml:4"), "{found}");
    let found = refused("services:\n  a: {image: a, domainname: \"a b\"}\n");
    assert!(found.contains("`domainname` must not have spaces"), "{found}");
    // Names that Docker takes although they are none of DNS.
    lowered("services:\n  a: {image: a, hostname: \"box_1.example.org:8929\"}\n");
}

/// What a package may reach beyond the app.
mod isolation;
