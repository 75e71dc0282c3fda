use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::engine::Engine;
use hearth_tests::machine::on_a_machine;
use hearth_tests::process::{Process, run};
use hearth_tests::registry::Registry;
use hearth_tests::wait::{Answer, wait_for};

/// The box's own address in the home network.
const BOX: &str = "192.168.7.2";
/// A device at home.
const HOME: &str = "192.168.7.50";
/// Somebody on the internet, whose packets come through a port that the router forwards.
const ELSEWHERE: &str = "203.0.113.5";
/// What listens in neighbours' networks.
const LISTENS: &str = "cd /etc; exec busybox httpd -f -p 5000";

/// A network beside the box's own, joined to it by a cable.
pub(crate) struct Neighbour(Process);

impl Neighbour {
    /// `interface` is the box's end of the cable.
    pub(crate) fn new(folder: &Path, interface: &str) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", &format!("ip link set lo up; {LISTENS}")]);
        let neighbour = Self(Process::start(command, &folder.join(format!("{interface}.log")))?);
        let id = neighbour.0.id();
        let ours = std::fs::read_link("/proc/thread-self/ns/net")?;
        wait_for("the neighbour's network", Duration::from_secs(10), || {
            let theirs = std::fs::read_link(format!("/proc/{id}/ns/net"))?;
            Ok(Answer::when(theirs != ours, "it is the box's own"))
        })?;
        let id = id.to_string();
        run("ip", &["link", "add", interface, "type", "veth", "peer", "name", "eth0", "netns", &id])?;
        run("ip", &["link", "set", interface, "up"])?;
        neighbour.run(&["ip", "link", "set", "eth0", "up"])?;
        Ok(neighbour)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        let target = format!("--target={}", self.0.id());
        run("nsenter", &[&[&target, "--net", "--"], words].concat())
    }

    /// Tells whether something answers who asks from `address`.
    fn reaches(&self, address: &str, host: &str, port: u16) -> bool {
        let url = format!("http://{host}:{port}/");
        let ask =
            ["curl", "--silent", "--output", "/dev/null", "--max-time", "2", "--interface", address, &url];
        self.run(&ask).is_ok()
    }
}

/// Loads the device's firewall, with what the owner adds to it.
fn load(machine: &Path, own: &str) -> Result<()> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../system-config/etc/nftables.conf");
    let text = std::fs::read_to_string(&config).context("the device's firewall")?;
    let (rules, _theirs) = text.split_once("include \"/var").context("the owner's folder is included")?;
    let path = machine.join("firewall.nft");
    std::fs::write(&path, format!("{rules}{own}\n"))?;
    run("nft", &["--file", path.to_str().context("text")?]).map(|_| ())
}

#[test]
fn containers_answer_the_home_and_others_at_open_ports_alone() -> Result<()> {
    on_a_machine(|machine| {
        let mut registry = Registry::start(machine)?;
        let image = registry.push("ground", "1", 0)?.to_string();
        let engine = Engine::start(machine)?;
        let outside = Neighbour::new(machine.folder(), "lan0")?;
        run("ip", &["address", "add", &format!("{BOX}/24"), "dev", "lan0"])?;
        run("ip", &["route", "add", "203.0.113.0/24", "dev", "lan0"])?;
        for address in [HOME, ELSEWHERE] {
            outside.run(&["ip", "address", "add", &format!("{address}/24"), "dev", "eth0"])?;
        }
        outside.run(&["ip", "route", "add", "default", "via", BOX, "src", HOME])?;
        // A virtual machine of the owner's, which they forward ports to.
        let guest = Neighbour::new(machine.folder(), "guest0")?;
        for words in [
            &["link", "add", "br-lan", "type", "bridge"][..],
            &["link", "set", "br-lan", "up"],
            &["link", "set", "guest0", "master", "br-lan"],
            &["address", "add", "10.99.0.1/24", "dev", "br-lan"],
        ] {
            run("ip", words)?;
        }
        guest.run(&["ip", "address", "add", "10.99.0.2/24", "dev", "eth0"])?;
        guest.run(&["ip", "route", "add", "default", "via", "10.99.0.1"])?;
        // What Docker says to do for such a machine; it would drop all else that is forwarded.
        run("iptables", &["--insert", "DOCKER-USER", "--out-interface", "br-lan", "--jump", "ACCEPT"])?;
        run("iptables", &["--insert", "DOCKER-USER", "--in-interface", "br-lan", "--jump", "ACCEPT"])?;

        engine.docker(&["network", "create", "apps"])?;
        let serve = ["sh", "-c", "mkdir /w; echo x >/w/index.html; exec httpd -f -p 80 -h /w"];
        for (network, ports) in [("bridge", ["8096:80", "443:80"]), ("apps", ["8097:80", "444:80"])] {
            let run = ["run", "--detach", "--name", network, "--network", network];
            let publish = ["--publish", ports[0], "--publish", ports[1], &image];
            engine.docker(&[&run[..], &publish, &serve].concat())?;
        }
        load(machine.folder(), "")?;
        for port in [8096, 8097, 443, 444] {
            wait_for("a page at home", Duration::from_secs(10), || {
                Ok(Answer::when(outside.reaches(HOME, BOX, port), format!("port {port} does not answer")))
            })?;
            let is_open = outside.reaches(ELSEWHERE, BOX, port);
            ensure!(is_open == (port == 443), "port {port} is open to everybody: {is_open}");
        }
        // Nor by the container's own address, for who has a way there.
        let inspect = ["inspect", "--format", "{{.NetworkSettings.IPAddress}}", "bridge"];
        let container = engine.docker(&inspect)?.trim().to_owned();
        ensure!(!outside.reaches(ELSEWHERE, &container, 80), "a container is open to everybody");

        // Containers get out. With nc, because the static wget of the image breaks off even without a firewall.
        let ask = format!("printf 'GET /passwd HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {HOME} 5000");
        for container in ["bridge", "apps"] {
            let answer = engine.docker(&["exec", container, "sh", "-c", &ask])?;
            ensure!(answer.contains("200 OK"), "{container} does not reach the home: {answer:?}");
        }

        // What is not a container's is the owner's to judge.
        for from in [HOME, ELSEWHERE] {
            ensure!(outside.reaches(from, "10.99.0.2", 5000), "{from} does not reach the virtual machine");
        }
        // The owner opens a port, and loads the rules once more.
        load(machine.folder(), "add element inet hearth open_tcp { 8097 }")?;
        ensure!(outside.reaches(ELSEWHERE, BOX, 8097) && !outside.reaches(ELSEWHERE, BOX, 8096));
        Ok(())
    })
}
