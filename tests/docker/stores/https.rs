use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use hearth_tests::git::Repository;
use hearth_tests::machine::{Machine, on_a_machine};
use hearth_tests::process::{Process, run};
use hearth_tests::wait::{Answer, wait_for};
use hearth_tests::web::Page;

use super::{Shop, add, archive, packages, reason, refresh};
use crate::apps::PATIENCE;

/// Makes an authority and a certificate of its for 127.0.0.1.
const CERTIFICATES: &str = "cd \"$1\" &&
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=Test authority' -keyout ca.key -out ca.pem &&
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=127.0.0.1' -keyout own.key -out own.csr &&
printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' >own.ext &&
openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile own.ext -out own.pem";
/// Answers over HTTPS what the server at a port of this machine answers without.
const SERVER: &str = "import http.client, http.server, ssl, sys
class Pass(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        behind = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ('connection', 'content-length'):
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Pass)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('own.pem', 'own.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
open('port', 'w').write(str(server.server_port))
server.serve_forever()
";

/// Offers what a server offers behind HTTPS as well, and returns the address there and the file with the authority.
fn behind_https(machine: &Machine, shop: &Shop) -> Result<(Process, String, String)> {
    let folder = machine.path("tls");
    fs::create_dir(&folder)?;
    run("sh", &["-c", CERTIFICATES, "sh", folder.to_str().context("text")?])?;
    let plain = shop.server.url("");
    let port = plain.rsplit_once(':').context("an address")?.1.trim_end_matches('/').to_owned();
    let mut server = Command::new("python3");
    server.args(["-c", SERVER, &port]).current_dir(&folder);
    let server = Process::start(server, &machine.path("tls.log"))?;
    let port = wait_for("the server's port", PATIENCE, || {
        Ok(match fs::read_to_string(folder.join("port")) {
            Ok(port) if !port.is_empty() => Answer::Is(port),
            _ => Answer::NotYet("no port".to_owned()),
        })
    })?;
    let authority = folder.join("ca.pem").to_str().context("text")?.to_owned();
    Ok((server, format!("https://127.0.0.1:{port}"), authority))
}

#[test]
fn stores_behind_https_are_taken_from_whom_the_box_trusts() -> Result<()> {
    on_a_machine(|machine| {
        let mut shop = Shop::new(machine)?;
        shop.server.serve("/store.tar", Page::file(archive("notes", "1").finish()));
        let repository = Repository::new(machine.path("git/apps"))?;
        let offer = |id: &str, version: &str| -> Result<()> {
            let tar = machine.path("package.tar");
            fs::write(&tar, archive(id, version).finish())?;
            let (tar, to) = (tar.to_str().context("text")?, repository.folder().to_str().context("text")?);
            run("tar", &["-xf", tar, "-C", to, "--strip-components=1"])?;
            repository.commit(version).map(drop)
        };
        offer("wiki", "1")?;
        shop.server.serve("/git/", Page::Git(machine.path("git")));
        let (_server, address, authority) = behind_https(machine, &shop)?;
        let (file, git) = (format!("{address}/store.tar"), format!("{address}/git/apps/.git#main"));

        let hearth = shop.setup.start()?;
        let client = hearth.client();
        client.set_up()?;
        for (location, words) in [(&file, "cannot be fetched"), (&git, "certificate verification failed")] {
            let refused = reason(add(&client, "mine", location.clone()))?;
            ensure!(refused.contains(words), "{refused}");
        }
        hearth.stop()?;

        shop.setup.environment.push(("SSL_CERT_FILE".to_owned(), authority));
        let hearth = shop.setup.start()?;
        let client = hearth.client();
        client.sign_in()?;
        let added = add(&client, "file", file)?;
        ensure!(added.store.packages == 1 && packages(&client)? == ["notes 1"], "{added:?}");
        let added = add(&client, "git", git)?;
        ensure!(added.store.packages == 1, "{added:?}");
        offer("wiki", "2")?;
        refresh(&client, "git")?;
        let all = packages(&client)?;
        ensure!(all.contains(&"wiki 2".to_owned()) && all.len() == 2, "{all:?}");
        Ok(())
    })
}
