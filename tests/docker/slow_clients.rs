use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hearth_tests::client::Client;
use hearth_tests::hearth::Hearth;
use hearth_tests::machine::on_a_machine;
use tokio::net::TcpSocket;

use crate::apps::{installed_page, page};

/// How long others may have to wait, on a machine that does much else: shorter than a client has that sends nothing.
const SOON: Duration = Duration::from_secs(15);
/// How often those who behave ask.
const ROUNDS: usize = 5;

/// Connects from an address of loopback: to the service that is a peer of its own.
fn connect_from(address: [u8; 4], to: SocketAddr) -> Result<TcpStream> {
    // The standard library cannot choose where a connection comes from.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((address, 0).into())?;
        // Little of an answer is on its way while nobody reads it.
        socket.set_recv_buffer_size(4096)?;
        socket.connect(to).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Opens many connections from one address and begins each with `words`. Those that are refused at once are counted as well.
fn open(address: [u8; 4], to: SocketAddr, count: usize, words: &str) -> Result<Vec<TcpStream>> {
    let mut open = Vec::new();
    for _ in 0..count {
        let mut stream = connect_from(address, to)?;
        stream.set_write_timeout(Some(Duration::from_millis(50)))?;
        // The service closes what is too many, and stops reading from who does not read.
        let _ = stream.write_all(words.as_bytes());
        open.push(stream);
    }
    Ok(open)
}

/// Sends a byte on every connection, now and then, until it is over.
fn trickle(mut streams: Vec<TcpStream>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        for stream in &mut streams {
            let _ = stream.write_all(b"x");
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// Holds that the dashboard, an app's page and the command line answer soon.
fn others_are_served(hearth: &Hearth, client: &Client) -> Result<()> {
    let soon = |what: &str, ask: &dyn Fn() -> Result<()>| -> Result<()> {
        let began = Instant::now();
        ask().with_context(|| what.to_owned())?;
        ensure!(began.elapsed() < SOON, "{what} took {:?}", began.elapsed());
        Ok(())
    };
    for _ in 0..ROUNDS {
        soon("the API", &|| client.apps().map(drop))?;
        soon("the app's page", &|| page(8090).map(drop))?;
        soon("the command line", &|| listed(hearth))?;
    }
    soon("signing in", &|| Client::new(hearth.address()).sign_in())
}

fn listed(hearth: &Hearth) -> Result<()> {
    let output = hearth.command_line(&["app", "list"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn slow_clients_take_the_box_from_nobody() -> Result<()> {
    on_a_machine(|machine| {
        let (_site, hearth, client) = installed_page(machine)?;
        let dashboard: SocketAddr = hearth.address().parse().context("an address")?;
        let gateway = SocketAddr::from(([127, 0, 0, 1], 8090));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let attack = || -> Result<Vec<TcpStream>> {
                let mut idle = Vec::new();
                for to in [dashboard, gateway] {
                    idle.extend(open([127, 0, 0, 2], to, 600, "")?);
                    let head = "GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\nX: ";
                    let slow = open([127, 0, 0, 3], to, 100, head)?;
                    let body = "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                                Content-Length: 100000\r\n\r\n{";
                    let trickling = open([127, 0, 0, 4], to, 100, body)?;
                    for streams in [slow, trickling] {
                        scope.spawn(|| trickle(streams, &is_over));
                    }
                    // Large answers, which nobody reads.
                    let ask = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(4);
                    idle.extend(open([127, 0, 0, 5], to, 40, &ask)?);
                }
                Ok(idle)
            };
            let result = attack().and_then(|mut idle| {
                others_are_served(&hearth, &client)?;
                // One address has a part of the places: what it opened beyond that is closed.
                let closed = idle.iter().take(600).filter(|stream| is_closed(stream)).count();
                ensure!(closed > 500, "only {closed} of 600 connections were closed");
                // Many addresses can take every place there is, and still not the command line.
                for last in 10..40 {
                    idle.extend(open([127, 0, 1, last], dashboard, 32, "")?);
                }
                listed(&hearth)
            });
            is_over.store(true, Ordering::Relaxed);
            result
        })?;
        // They are gone, and nothing of them is left.
        others_are_served(&hearth, &client)
    })
}

fn is_closed(mut stream: &TcpStream) -> bool {
    let _ = stream.set_nonblocking(true);
    !matches!(stream.read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}
