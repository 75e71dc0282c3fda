use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::machine::on_a_machine;
use hearth_tests::process::{Process, run};
use hearth_tests::wait::{Answer, wait_for};

use super::{install, site};
use crate::apps::PATIENCE;

/// An app whose page speaks HTTPS, in the host's network.
const VAULT: [(&str, &str); 2] = [
    ("vault/umbrel-app.yml", "manifestVersion: 1\nid: vault\nname: Vault\nversion: '1'\nport: 8431\n"),
    (
        "vault/docker-compose.yml",
        "services:
  app_proxy: { environment: { APP_HOST: 10.21.0.1, APP_PORT: 9443, APP_PROTOCOL: https } }
  web: { image: IMAGE, init: true, network_mode: host }
",
    ),
];
/// Its page, with a certificate that nobody but itself vouches for, of another name.
const SERVER: &str = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=vault.example' \
-keyout own.key -out own.pem && exec python3 -c \"
import http.server, ssl
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f'{self.path} for {self.headers[\\\"host\\\"]}, {self.headers[\\\"x-forwarded-proto\\\"]}'.encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.HTTPServer(('127.0.0.1', 9443), Page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('own.pem', 'own.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()\"";

#[test]
fn a_page_that_speaks_https_has_a_door_too() -> Result<()> {
    on_a_machine(|machine| {
        let site = site(machine, "secure", &VAULT)?;
        let (_hearth, client) = site.set_up()?;
        let folder = machine.path("vault");
        fs::create_dir(&folder)?;
        let mut server = Command::new("sh");
        server.args(["-c", SERVER]).current_dir(&folder);
        let server = Process::start(server, &machine.path("vault.log"))?;
        install(&client, "vault")?;
        let page = client.app("vault")?.open.context("a page")?;
        ensure!((page.scheme.as_str(), page.port) == ("http", 8431), "{page:?}");

        let ask = |more: &[&str]| {
            let arguments =
                [&["-s", "-i", "--max-time", "10"], more, &["http://127.0.0.1:8431/x?y"]].concat();
            run("curl", &arguments)
        };
        let cookie = client.cookie();
        let seen = wait_for("the page", PATIENCE, || {
            let answer = ask(&["-b", &cookie])?;
            Ok(if answer.contains(" 200 OK") { Answer::Is(answer) } else { Answer::NotYet(answer) })
        })?;
        ensure!(seen.ends_with("/x?y for 127.0.0.1:8431, http"), "{seen}");
        ensure!(ask(&[])?.starts_with("HTTP/1.1 401"), "a stranger passes");
        drop(server);
        let away = ask(&["-b", &cookie])?;
        ensure!(away.starts_with("HTTP/1.1 502") || away.starts_with("HTTP/1.1 503"), "{away}");
        Ok(())
    })
}
