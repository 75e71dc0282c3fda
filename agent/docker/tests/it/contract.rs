//! What is sent to the engine, held against what its API takes.
//!
//! The files in `api` are what request bodies may hold, cut by `api/extract.py` out of the
//! [API's published documents](https://github.com/moby/moby/tree/master/api/docs) (Apache-2.0). Those of 1.49 to 1.51
//! are the same as 1.48's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hearth_docker::{Engine, Exec, Options};
use hearth_model::container::{
    ContainerSpec, Device, DeviceRequest, Dns, Endpoint, Healthcheck, Link, Logging, Mount, Namespace,
    NetworkMode, PortBinding, Protocol, PullPolicy, Resources, RestartPolicy, Ulimit, VolumesFrom,
};
use hearth_model::plan::EngineStep;
use hearth_model::spec::{IpamPool, NetworkSpec, VolumeSpec};
use hearth_model::{AppId, Digest};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;

/// Version of the API, with what its request bodies may hold.
const VERSIONS: [(&str, &str); 6] = [
    ("1.44", include_str!("api/v1.44.json")),
    ("1.45", include_str!("api/v1.45.json")),
    ("1.46", include_str!("api/v1.46.json")),
    ("1.47", include_str!("api/v1.47.json")),
    ("1.48", include_str!("api/v1.48.json")),
    ("1.52", include_str!("api/v1.52.json")),
];

/// What is sent all the same: where, until which version the document does not have it, and why it is right.
const KNOWN: [(&str, &str, &str); 4] = [
    ("/containers/create/NetworkingConfig/EndpointsConfig/first/GwPriority", "1.48", PASSED_OVER),
    ("/networks/{id}/connect/EndpointConfig/GwPriority", "1.48", PASSED_OVER),
    ("/containers/create/HostConfig/LogConfig/Type is \"local\"", "1.48", NOT_WRITTEN_DOWN),
    (
        "/exec/{id}/start/OutputCapacity",
        "2",
        "bollard sends along how it reads, and every engine passes over it",
    ),
];
const PASSED_OVER: &str =
    "an engine without it passes over the word, and its networks have no order of gateways";
const NOT_WRITTEN_DOWN: &str = "the engine knows the word for longer than its document has it";

#[tokio::test]
async fn every_request_body_is_one_that_the_engines_api_takes() {
    let mut problems = BTreeSet::new();
    let mut needed = BTreeSet::new();
    let mut paths = BTreeSet::new();
    for (version, document) in VERSIONS {
        let document: Value = serde_json::from_str(document).expect("JSON");
        let schema = Schema { definitions: &document["definitions"] };
        let sent = everything_sent_to(version).await;
        for (path, body) in &sent {
            paths.insert(path.clone());
            let expected = document["bodies"].get(path).unwrap_or_else(|| panic!("{path} takes no body"));
            let mut found = Vec::new();
            schema.check(expected, body, path, &mut found);
            for problem in found {
                match KNOWN.iter().find(|(at, until, _)| version < *until && problem.starts_with(at)) {
                    Some((at, ..)) => drop(needed.insert(*at)),
                    None => drop(problems.insert(format!("{version} {problem}"))),
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.into_iter().collect::<Vec<_>>().join("\n"));
    assert_eq!(needed.len(), KNOWN.len(), "some of these are sent no more: {KNOWN:?}");
    let all: Value = serde_json::from_str(VERSIONS[0].1).expect("JSON");
    let all: BTreeSet<String> = all["bodies"].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(paths, all, "a request with a body is not made by this test");
}

#[test]
fn what_an_api_does_not_have_is_found() {
    let document: Value = serde_json::from_str(VERSIONS[0].1).expect("JSON");
    let schema = Schema { definitions: &document["definitions"] };
    let mut found = Vec::new();
    let body = json!({ "Name": "n", "Labels": { "a": 1 }, "DriverOps": {}, "ClusterVolumeSpec": null });
    schema.check(&document["bodies"]["/volumes/create"], &body, "", &mut found);
    assert_eq!(found, ["/DriverOps is unknown", "/Labels/a is 1, which is no string"]);
}

/// A part of the API's document ([Swagger 2.0, schema](https://swagger.io/specification/v2/#schema-object)).
struct Schema<'a> {
    definitions: &'a Value,
}

impl Schema<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        if value.is_null() {
            // Go reads `null` as a field that was not sent.
            return;
        }
        if let Some(name) = schema["$ref"].as_str() {
            return self.check(&self.definitions[name], value, at, found);
        }
        if let (Some(parts), false) = (schema["allOf"].as_array(), value.is_object()) {
            // A word to which the document adds a description.
            return parts.iter().for_each(|part| self.check(part, value, at, found));
        }
        match value {
            Value::Object(fields) => self.check_object(schema, fields, at, found),
            Value::Array(items) => {
                expect(schema, "array", value, at, found);
                for (number, item) in items.iter().enumerate() {
                    self.check(&schema["items"], item, &format!("{at}/{number}"), found);
                }
            }
            Value::Bool(_) => expect(schema, "boolean", value, at, found),
            Value::Number(number) if number.is_i64() || number.is_u64() => {
                expect(schema, "integer", value, at, found);
            }
            Value::String(_) | Value::Number(_) | Value::Null => expect(schema, "string", value, at, found),
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            found.push(format!("{at} is {value}, which is none of {}", schema["enum"]));
        }
    }

    fn check_object(
        &self,
        schema: &Value,
        fields: &serde_json::Map<String, Value>,
        at: &str,
        found: &mut Vec<String>,
    ) {
        let properties = self.properties(schema);
        for (name, value) in fields {
            let at = format!("{at}/{name}");
            match properties.get(name.as_str()).copied().or_else(|| schema.get("additionalProperties")) {
                Some(schema) => self.check(schema, value, &at, found),
                None => found.push(format!("{at} is unknown")),
            }
        }
    }

    fn properties<'b>(&'b self, schema: &'b Value) -> BTreeMap<&'b str, &'b Value> {
        if let Some(name) = schema["$ref"].as_str() {
            return self.properties(&self.definitions[name]);
        }
        let own = schema["properties"].as_object().into_iter().flatten();
        let mut all: BTreeMap<&str, &Value> = own.map(|(name, value)| (name.as_str(), value)).collect();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            all.extend(self.properties(part));
        }
        all
    }
}

fn expect(schema: &Value, kind: &str, value: &Value, at: &str, found: &mut Vec<String>) {
    if schema["type"] != kind {
        found.push(format!(
            "{at} is {value}, which is no {}",
            schema["type"].as_str().unwrap_or("such thing")
        ));
    }
}

/// Does everything that sends a body to an engine of this version, and returns what was sent where.
async fn everything_sent_to(version: &str) -> Vec<(String, Value)> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let socket = dir.path().join("docker.sock");
    let stand_in = StandIn::listen(&socket, version);
    let app: AppId = "demo".parse().expect("valid");
    std::fs::create_dir(dir.path().join("demo")).expect("made");
    let engine = Engine::connect(&socket, Options::new("contract", dir.path()));
    let network = NetworkSpec {
        driver: "bridge".to_owned(),
        driver_opts: text("com.docker.network.bridge.name", "br0"),
        internal: true,
        attachable: true,
        enable_ipv6: true,
        ipam: vec![IpamPool {
            subnet: Some("10.9.0.0/24".to_owned()),
            ip_range: Some("10.9.0.0/25".to_owned()),
            gateway: Some("10.9.0.1".to_owned()),
            aux_addresses: text("router", "10.9.0.2"),
        }],
        ipam_driver: Some("default".to_owned()),
        labels: text("x", "y"),
        external: false,
        shared: false,
    };
    let volume = VolumeSpec {
        driver: "local".to_owned(),
        driver_opts: text("type", "tmpfs"),
        labels: text("x", "y"),
        external: false,
        folder: None,
        is_base: false,
    };
    let app_of = Some(app.clone());
    let steps = [
        EngineStep::CreateNetwork { app: app_of.clone(), name: "new".to_owned(), network },
        // The engine has no addresses left for this one.
        EngineStep::CreateNetwork { app: app_of, name: "full".to_owned(), network: NetworkSpec::default() },
        EngineStep::RemoveNetwork { name: "there".to_owned() },
        EngineStep::CreateVolume { app: app.clone(), name: "new".to_owned(), volume },
        creation(every_word(dir.path())),
        creation(ContainerSpec::new("plain", "web:1".parse().expect("valid"))),
    ];
    for step in &steps {
        let done = engine.execute(step, &|_| {}).await;
        done.unwrap_or_else(|error| panic!("{}: {error:?}", step.describe()));
    }
    let exec = Exec {
        command: vec!["true".to_owned()],
        environment: text("A", "b"),
        user: Some("1".to_owned()),
        working_dir: Some("/".to_owned()),
    };
    let part = engine.execute(&creation(part_of_a_volume()), &|_| {}).await;
    assert_eq!(part.is_ok(), version != "1.44", "a volume is mounted whole: {part:?}");
    // The stand-in runs nothing; what it was asked for is all that matters.
    let _ = engine.exec("ours", &exec).await;
    stand_in.sent()
}

fn text(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn words<T: FromIterator<String>>(all: &[&str]) -> T {
    all.iter().map(|word| (*word).to_owned()).collect()
}

fn creation(container: ContainerSpec) -> EngineStep {
    EngineStep::CreateContainer {
        app: "demo".parse().expect("valid"),
        service: "web".parse().expect("valid"),
        package_digest: Digest::of(b"package"),
        restarts: 0,
        container: Box::new(container),
    }
}

fn part_of_a_volume() -> ContainerSpec {
    let mount = Mount::Volume {
        source: "named".to_owned(),
        target: "/data".to_owned(),
        read_only: false,
        nocopy: false,
        subpath: Some("photos".to_owned()),
        beneath: None,
    };
    ContainerSpec { mounts: vec![mount], ..ContainerSpec::new("part", "web:1".parse().expect("valid")) }
}

/// Every field with something in it, so that a new one must be filled here.
fn every_word(dir: &Path) -> ContainerSpec {
    let endpoint = |priority| Endpoint {
        aliases: words(&["web"]),
        ipv4_address: Some("10.9.0.9".to_owned()),
        ipv6_address: Some("fd00::9".to_owned()),
        link_local_ips: words(&["169.254.1.1"]),
        mac_address: Some("02:42:ac:11:00:02".to_owned()),
        priority,
        gw_priority: Some(100),
        driver_opts: text("x", "y"),
    };
    let service = || "db".parse().expect("valid");
    ContainerSpec {
        name: "demo-web-1".to_owned(),
        image: "web:1".parse().expect("valid"),
        platform: Some("linux/amd64".to_owned()),
        command: Some(words(&["serve"])),
        entrypoint: Some(words(&["/init"])),
        environment: text("A", "b"),
        labels: text("x", "y"),
        user: Some("1000".to_owned()),
        group_add: words(&["44"]),
        working_dir: Some("/srv".to_owned()),
        hostname: Some("here".to_owned()),
        domainname: Some("example".to_owned()),
        mounts: mounts(dir),
        ports: vec![PortBinding {
            host_ip: Some("127.0.0.1".to_owned()),
            host_port: Some(8080),
            container_port: 80,
            protocol: Protocol::Tcp,
        }],
        expose: words(&["9000/udp"]),
        network: NetworkMode::Networks(BTreeMap::from([
            ("first".to_owned(), endpoint(2)),
            ("second".to_owned(), endpoint(1)),
        ])),
        restart: RestartPolicy::OnFailure(3),
        healthcheck: Some(Healthcheck {
            test: words(&["CMD", "true"]),
            interval_ms: Some(500),
            timeout_ms: Some(2_000),
            retries: Some(4),
            start_period_ms: Some(1_500),
            start_interval_ms: Some(100),
        }),
        stop_signal: Some("SIGINT".to_owned()),
        stop_grace_period_ms: Some(1_500),
        init: Some(true),
        tty: true,
        stdin_open: true,
        read_only: true,
        privileged: true,
        cap_add: words(&["NET_ADMIN"]),
        cap_drop: words(&["CHOWN"]),
        security_opt: words(&["no-new-privileges:true"]),
        devices: vec![Device {
            source: "/dev/fuse".to_owned(),
            target: "/dev/fuse".to_owned(),
            permissions: "rwm".to_owned(),
        }],
        device_cgroup_rules: words(&["c 13:* rmw"]),
        device_requests: vec![DeviceRequest {
            driver: "nvidia".to_owned(),
            count: Some(-1),
            device_ids: words(&["0"]),
            capabilities: words(&["gpu"]),
            options: text("x", "y"),
        }],
        sysctls: text("net.ipv4.ip_forward", "1"),
        ulimits: BTreeMap::from([("nofile".to_owned(), Ulimit { soft: 1024, hard: 2048 })]),
        resources: Resources {
            memory_bytes: Some(1 << 30),
            memory_reservation_bytes: Some(1 << 29),
            memory_swap_bytes: Some(-1),
            memory_swappiness: Some(10),
            nano_cpus: Some(500_000_000),
            cpu_shares: Some(512),
            cpu_period: Some(100_000),
            cpu_quota: Some(50_000),
            cpuset: Some("0".to_owned()),
            pids_limit: Some(100),
            oom_score_adj: Some(100),
            oom_kill_disable: Some(false),
            blkio_weight: Some(300),
        },
        shm_size_bytes: Some(1 << 26),
        pid: Some(Namespace::Service(service())),
        ipc: Some(Namespace::Engine("private".to_owned())),
        uts: Some("host".to_owned()),
        userns_mode: Some("host".to_owned()),
        cgroup: Some("private".to_owned()),
        cgroup_parent: Some("apps.slice".to_owned()),
        dns: Dns {
            servers: words(&["9.9.9.9"]),
            search: words(&["example.org"]),
            options: words(&["ndots:2"]),
        },
        extra_hosts: words(&["nas:10.0.0.2"]),
        links: vec![Link { service: service(), alias: "database".to_owned() }],
        volumes_from: vec![VolumesFrom { service: service(), read_only: true }],
        logging: Some(Logging { driver: "json-file".to_owned(), options: text("max-size", "1m") }),
        runtime: Some("runc".to_owned()),
        storage_opt: text("size", "10G"),
        annotations: text("x", "y"),
        pull_policy: PullPolicy::Missing,
    }
}

fn mounts(dir: &Path) -> Vec<Mount> {
    let bind = |propagation: Option<&str>, selinux: Option<&str>| Mount::Bind {
        source: dir.to_string_lossy().into_owned(),
        target: "/bound".to_owned(),
        read_only: true,
        create_host_path: true,
        propagation: propagation.map(str::to_owned),
        selinux: selinux.map(str::to_owned),
        beneath: None,
    };
    let volume = |source: &str| Mount::Volume {
        source: source.to_owned(),
        target: "/data".to_owned(),
        read_only: false,
        nocopy: true,
        subpath: None,
        beneath: None,
    };
    let tmpfs = |options: Option<&str>| Mount::Tmpfs {
        target: "/tmp".to_owned(),
        size_bytes: Some(1 << 20),
        mode: Some(0o1770),
        options: options.map(str::to_owned),
    };
    vec![
        bind(Some("rslave"), None),
        bind(None, Some("z")),
        volume("named"),
        volume(""),
        tmpfs(None),
        tmpfs(Some("noexec")),
    ]
}

/// Answers as an engine would, and notes the bodies of requests.
struct StandIn {
    sent: Arc<Mutex<Vec<(String, Value)>>>,
}

impl StandIn {
    fn listen(socket: &Path, version: &str) -> Self {
        let listener = UnixListener::bind(socket).expect("bound");
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (noted, version) = (Arc::clone(&sent), version.to_owned());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (noted, version) = (Arc::clone(&noted), version.clone());
                let service = service_fn(move |request| answer(request, Arc::clone(&noted), version.clone()));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(async move { http.serve_connection(TokioIo::new(connection), service).await });
            }
        });
        Self { sent }
    }

    fn sent(&self) -> Vec<(String, Value)> {
        self.sent.lock().expect("not poisoned").clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    noted: Arc<Mutex<Vec<(String, Value)>>>,
    version: String,
) -> hyper::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = body.collect().await?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) =
        answer_to(head.method.as_str(), &path, head.uri.query().unwrap_or_default(), &body);
    if !body.is_null() {
        noted.lock().expect("not poisoned").push((documented(&path), body));
    }
    let response = Response::builder()
        .status(status)
        .header("Api-Version", version)
        .header("Server", "Docker/25.0.0 (linux)")
        .body(Full::new(Bytes::from(answer.to_string())));
    Ok(response.expect("plain words"))
}

/// Returns a path as the API's document has it.
fn documented(path: &str) -> String {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        [what, _, verb] => format!("/{what}/{{id}}/{verb}"),
        _ => path.to_owned(),
    }
}

fn answer_to(method: &str, path: &str, query: &str, body: &Value) -> (u16, Value) {
    let ours = json!({ "sh.hearth.box": "contract" });
    let nothing = (404, json!({ "message": "no such thing" }));
    match (method, path) {
        ("GET", "/networks") if query.contains("there") => {
            (200, json!([{ "Name": "there", "Id": "n1", "Labels": ours }]))
        }
        ("GET", "/networks") if query.contains("second") => {
            (200, json!([{ "Name": "second", "Id": "n2", "Labels": ours }]))
        }
        ("GET", "/networks") => (200, json!([])),
        ("GET", "/networks/n1") => {
            (200, json!({ "Name": "there", "Id": "n1", "Labels": ours, "Containers": { "gone": {} } }))
        }
        ("GET", "/containers/json") => {
            (200, json!([{ "Id": "c1", "Names": ["/demo-db-1"], "Labels": ours }]))
        }
        ("GET", "/containers/ours/json") => {
            (200, json!({ "Id": "c2", "Name": "/ours", "Config": { "Labels": ours } }))
        }
        ("GET", "/_ping") => (200, json!("OK")),
        ("POST", "/networks/create") if body["Name"] == "full" && body["IPAM"]["Config"].is_null() => {
            (403, json!({ "message": "could not find an available, non-overlapping IPv4 address pool" }))
        }
        ("POST", "/networks/create") => (201, json!({ "Id": "n3", "Warning": "" })),
        ("POST", "/containers/create") => (201, json!({ "Id": "c3", "Warnings": [] })),
        ("POST", "/volumes/create") => {
            let volume = json!({ "Name": "new", "Driver": "local", "Mountpoint": "/v", "Labels": {},
                "Scope": "local", "Options": {} });
            (201, volume)
        }
        ("POST", "/containers/c2/exec") => (201, json!({ "Id": "e1" })),
        ("POST", _) => (200, json!({})),
        ("DELETE", _) => (204, json!(null)),
        _ => nothing,
    }
}
