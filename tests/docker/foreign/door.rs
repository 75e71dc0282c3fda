use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hearth_model::AppState;
use hearth_model::api::apps::InstallCheck;
use hearth_tests::client::{self, Client};
use hearth_tests::machine::on_a_machine;
use hearth_tests::wait::{Answer, wait_for};

use super::{install, refusal, site};
use crate::apps::{PATIENCE, Site};

const PORT: u16 = 8401;
/// What is uploaded in one piece.
const UPLOAD_BYTES: usize = 100 << 20;
/// What Hearth may grow by while that passes through it.
const GROWTH_BYTES: u64 = 16 << 20;

const WIKI: [(&str, &str); 3] = [
    ("wiki/umbrel-app.yml", "manifestVersion: 1\nid: wiki\nname: Wiki\nversion: '1'\nport: 8401\n"),
    (
        "wiki/docker-compose.yml",
        "services:
  app_proxy:
    environment:
      APP_HOST: wiki_web_1
      APP_PORT: 80
      PROXY_AUTH_WHITELIST: '/open/*,/health'
      PROXY_AUTH_BLACKLIST: /open/admin/*
  web:
    image: IMAGE
    init: true
    command: [busybox, nc, -ll, -p, '80', -e, sh, /data/handler]
    volumes: ['${APP_DATA_DIR}/data:/data']
",
    ),
    ("wiki/data/handler", HANDLER),
];
/// Answers one connection: what it was asked, an echo, how much came, or an event and then nothing.
const HANDLER: &str = r#"end=$(printf '\r')
read -r method path version
length=0
headers=
while read -r line; do
  line=${line%"$end"}
  test -z "$line" && break
  headers="$headers$line
"
  case $line in content-length:*) length=${line#*: } ;; esac
done
case $path in
  /ws*)
    printf 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    exec cat ;;
  /events)
    printf 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: first\n\n'
    read -r forever
    exit ;;
  /upload) body="got $(busybox head -c "$length" | busybox wc -c) bytes" ;;
  *) body="$method $path
$headers" ;;
esac
printf 'HTTP/1.1 200 OK\r\nSet-Cookie: own=1\r\nSet-Cookie: hearth_session=stolen; Path=/\r\n'
printf 'Content-Type: text/plain\r\nContent-Length: %s\r\n\r\n%s' "${#body}" "$body"
"#;

fn connect(port: u16) -> Result<TcpStream> {
    let stream =
        TcpStream::connect(("127.0.0.1", port)).with_context(|| format!("nobody listens on {port}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// Sends a request without a body and returns the whole answer.
fn ask(path: &str, headers: &[&str]) -> Result<String> {
    let mut stream = connect(PORT)?;
    stream.write_all(head("GET", path, headers, "close").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn head(method: &str, path: &str, headers: &[&str], connection: &str) -> String {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: box.localhost:{PORT}\r\nConnection: {connection}\r\n{headers}\r\n"
    )
}

/// Reads until what came holds `end`.
fn read_until(stream: &mut TcpStream, end: &str) -> Result<String> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(end.as_bytes()) {
        ensure!(stream.read(&mut byte)? == 1, "it ended after {:?}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    Ok(String::from_utf8(seen)?)
}

/// Waits until the app behind the door answers who is signed in.
fn wait_for_page(session: &str) -> Result<String> {
    wait_for("the page", PATIENCE, || {
        let answer = ask("/", &[session])?;
        Ok(if answer.starts_with("HTTP/1.1 200") { Answer::Is(answer) } else { Answer::NotYet(answer) })
    })
}

fn session(client: &Client) -> String {
    format!("Cookie: a=1; {}; b=2", client.cookie())
}

#[test]
fn only_who_is_signed_in_passes_and_only_the_session_stays_behind() -> Result<()> {
    on_a_machine(|machine| {
        let site = site(machine, "door", &WIKI)?;
        let (hearth, client) = site.set_up()?;
        let check: InstallCheck = client.send("POST", "apps/check", &client::install("store", "wiki")?)?;
        ensure!(check.warnings.is_empty(), "{:?}", check.warnings);
        install(&client, "wiki")?;
        let published = site.engine.docker(&["port", "wiki_web_1"])?;
        ensure!(published.trim().is_empty(), "the container is reached around the door: {published}");
        let session = session(&client);
        let page = wait_for_page(&session)?;
        for expected in
            ["GET /\n", "host: box.localhost:8401", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"]
        {
            ensure!(page.to_lowercase().contains(&expected.to_lowercase()), "`{expected}` is not in {page}");
        }
        ensure!(page.contains("cookie: a=1; b=2\n"), "the other cookies: {page}");
        ensure!(!page.contains("hearth_session"), "the session got out, or one was set: {page}");
        ensure!(page.to_lowercase().contains("set-cookie: own=1"), "{page}");

        let refused = ask("/x?y=z", &["Accept: application/json"])?;
        ensure!(refused.starts_with("HTTP/1.1 401"), "{refused}");
        ensure!(refused.contains("urn:hearth:problem:signed-out"), "{refused}");
        let wrong = ask("/", &["Cookie: hearth_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])?;
        ensure!(wrong.starts_with("HTTP/1.1 401"), "{wrong}");
        let many = format!("Cookie: hearth_session=x; {}", client.cookie());
        ensure!(ask("/", &[&many])?.starts_with("HTTP/1.1 200"), "a cookie of an app's hides the owner's");
        let sent_away = ask("/x?y=/z", &["Accept: text/html,*/*;q=0.8"])?;
        ensure!(sent_away.starts_with("HTTP/1.1 303"), "{sent_away}");
        let own_port = hearth.address().rsplit_once(':').context("an address")?.1;
        let way = format!("location: http://box.localhost:{own_port}/open/wiki/%2Fx%3Fy%3D%2Fz\r\n");
        ensure!(sent_away.contains(&way), "{sent_away}");

        for (path, status) in [
            ("/open/x", "200"),
            ("/health", "200"),
            ("/open", "401"),
            ("/open/admin/x", "401"),
            ("/open/../secret", "401"),
            ("/open/%2e%2e/secret", "401"),
        ] {
            let answer = ask(path, &[])?;
            ensure!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        }
        // A page of another app is of the same site: the browser sends the owner's session along.
        for (method, extra, origin, status) in [
            ("POST", "Content-Length: 0", "http://box.localhost:8402", "403"),
            ("POST", "Content-Length: 0", "http://box.localhost:8401", "200"),
            ("GET", "Upgrade: websocket", "http://box.localhost:8402", "403"),
            ("GET", "Accept: */*", "http://box.localhost:8402", "200"),
        ] {
            let connection = if extra.starts_with("Upgrade") { "Upgrade" } else { "close" };
            let mut page = connect(PORT)?;
            let origin = format!("Origin: {origin}");
            page.write_all(head(method, "/x", &[&session, extra, &origin], connection).as_bytes())?;
            let answer = read_until(&mut page, "\r\n")?;
            ensure!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method} {extra} {origin}: {answer}");
        }
        let mut rebound = connect(PORT)?;
        write!(rebound, "GET /open/x HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")?;
        let answer = read_until(&mut rebound, "\r\n")?;
        ensure!(answer.starts_with("HTTP/1.1 421"), "a name that anybody can point here: {answer}");
        // What pages without a door are given opens doors, and not Hearth.
        client.forget_key();
        for (method, path) in [("POST", "apps/wiki/stop"), ("GET", "events"), ("GET", "apps/wiki/logs")] {
            let refused = refusal(client.act(method, path))?;
            ensure!(refused.contains("urn:hearth:problem:signed-out"), "{method} {path}: {refused}");
        }
        client.act("DELETE", "session")?;
        ensure!(
            ask("/", &[&session])?.starts_with("HTTP/1.1 200"),
            "the cookie is enough for a door, and ends nothing"
        );
        client.sign_in()?;
        let session = self::session(&client);
        ensure!(ask("/", &[&session])?.starts_with("HTTP/1.1 200"), "the owner signed in again");
        client.act("DELETE", "session")?;
        ensure!(ask("/", &[&session])?.starts_with("HTTP/1.1 401"), "the session is over");
        Ok(())
    })
}

#[test]
fn what_lasts_or_is_large_passes_as_it_comes() -> Result<()> {
    on_a_machine(|machine| {
        let site = site(machine, "stream", &WIKI)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "wiki")?;
        let session = session(&client);
        wait_for_page(&session)?;

        let upgrade = head("GET", "/ws", &["Upgrade: websocket"], "Upgrade");
        let mut refused = connect(PORT)?;
        refused.write_all(upgrade.as_bytes())?;
        ensure!(read_until(&mut refused, "\r\n")?.contains("401"));
        let mut socket = connect(PORT)?;
        socket.write_all(head("GET", "/ws", &["Upgrade: websocket", &session], "Upgrade").as_bytes())?;
        let answer = read_until(&mut socket, "\r\n\r\n")?;
        ensure!(answer.starts_with("HTTP/1.1 101") && answer.contains("upgrade: websocket"), "{answer}");
        for message in ["one ", "two "] {
            socket.write_all(message.as_bytes())?;
            ensure!(read_until(&mut socket, " ")? == message);
        }

        let mut events = connect(PORT)?;
        events.write_all(head("GET", "/events", &[&session], "close").as_bytes())?;
        read_until(&mut events, "data: first\n\n")?;

        let before = hearth.resident_bytes()?;
        let mut upload = connect(PORT)?;
        let length = format!("Content-Length: {UPLOAD_BYTES}");
        upload.write_all(head("POST", "/upload", &[&session, &length], "keep-alive").as_bytes())?;
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..UPLOAD_BYTES / piece.len() {
            upload.write_all(&piece)?;
        }
        read_until(&mut upload, &format!("got {UPLOAD_BYTES} bytes"))?;
        let grown = hearth.resident_bytes()?.saturating_sub(before);
        ensure!(grown < GROWTH_BYTES, "Hearth grew by {grown} bytes while {UPLOAD_BYTES} passed through it");
        upload.write_all(head("GET", "/again", &[&session], "close").as_bytes())?;
        read_until(&mut upload, "GET /again")?;

        hearth.stop().context("open connections hold Hearth up")?;
        ensure!(matches!(socket.read(&mut [0]), Ok(0) | Err(_)), "the connection goes on without Hearth");
        Ok(())
    })
}

#[test]
fn a_door_says_what_the_app_does_and_comes_and_goes_with_it() -> Result<()> {
    on_a_machine(|machine| {
        let site = site(machine, "states", &WIKI)?;
        let (hearth, client) = site.set_up()?;
        install(&client, "wiki")?;
        let cookie = session(&client);
        wait_for_page(&cookie)?;

        client.act("POST", "apps/wiki/stop")?;
        client.wait_for_state("wiki", AppState::Stopped, PATIENCE)?;
        let page = ask("/", &["Accept: text/html", &cookie])?;
        ensure!(page.starts_with("HTTP/1.1 503") && page.contains("<h1>Wiki is stopped</h1>"), "{page}");
        ensure!(page.contains("http-equiv=refresh") && page.contains("retry-after"), "{page}");
        let problem = ask("/", &[&cookie])?;
        ensure!(problem.contains("urn:hearth:problem:app-not-answering"), "{problem}");
        let stranger = ask("/", &["Accept: text/html"])?;
        ensure!(stranger.starts_with("HTTP/1.1 303"), "a stranger learns nothing: {stranger}");

        client.act("POST", "apps/wiki/start")?;
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        wait_for_page(&cookie)?;
        site.engine.docker(&["rm", "--force", "wiki_web_1"])?;
        wait_for_page(&cookie).context("the way leads to the container that was made anew")?;

        hearth.stop()?;
        ensure!(connect(PORT).is_err(), "a door without Hearth");
        let taken = TcpListener::bind(("127.0.0.1", PORT))?;
        let (_hearth, client) = site.start()?;
        let kept_out = client.wait_for_state("wiki", AppState::Unhealthy, PATIENCE)?;
        let reason = kept_out.reason.context("a reason")?.message;
        ensure!(reason.contains(&format!("Port {PORT} (tcp) is used by `")), "{reason}");
        drop(taken);
        client.wait_for_state("wiki", AppState::Running, PATIENCE)?;
        wait_for("the door to open again", PATIENCE, || Ok(Answer::when(connect(PORT).is_ok(), "closed")))?;
        wait_for_page(&cookie).context("the session lasts")?;
        client.act("DELETE", "apps/wiki?data=delete")?;
        client.wait_until_gone("wiki", PATIENCE)?;
        wait_for("the door to close", PATIENCE, || Ok(Answer::when(connect(PORT).is_err(), "open")))?;
        Ok(())
    })
}

#[test]
fn a_package_of_ours_may_ask_for_the_sign_in() -> Result<()> {
    on_a_machine(|machine| {
        let mut site = Site::new(machine)?;
        site.offer_page("page", "1", PORT)?;
        let manifest = site.store.path().join("apps/page/app.yml");
        let gate = "gate: { sign_in: true, open_paths: [/index.html] }\n";
        fs::write(&manifest, fs::read_to_string(&manifest)? + gate)?;
        let (_hearth, client) = site.set_up()?;
        install(&client, "page")?;
        let page = wait_for_page(&session(&client))?;
        ensure!(page.contains("it works"), "{page}");
        ensure!(ask("/", &[])?.starts_with("HTTP/1.1 401"), "a stranger passes");
        ensure!(ask("/index.html", &[])?.starts_with("HTTP/1.1 200"), "the open path is closed");
        let published = site.engine.docker(&["port", "page-web-1"])?;
        ensure!(published.trim().is_empty(), "the container is reached around the door: {published}");
        Ok(())
    })
}
