use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use tokio::net::{TcpListener, UnixListener};

use super::lock::StateLock;

/// Ports that are tried after the one that was asked for.
const FALLBACK_PORTS: u16 = 100;

/// Listens on `host:port`.
///
/// # Errors
/// Says which port is taken and what to do.
pub(super) async fn network(listen: &str, port_fallback: bool) -> anyhow::Result<TcpListener> {
    let mut addresses = tokio::net::lookup_host(listen).await.with_context(|| {
        format!("`{listen}` is not an address to listen on; use `host:port`, as in 127.0.0.1:8080")
    })?;
    let Some(wanted) = addresses.next() else {
        bail!("`{listen}` has no address to listen on; use `host:port`, as in 127.0.0.1:8080");
    };
    let last = if port_fallback { wanted.port().saturating_add(FALLBACK_PORTS) } else { wanted.port() };
    for port in wanted.port()..=last {
        match TcpListener::bind(SocketAddr::new(wanted.ip(), port)).await {
            Ok(listener) => {
                if port != wanted.port() {
                    tracing::warn!("port {} is taken; listening on port {port} instead", wanted.port());
                }
                return Ok(listener);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(error).with_context(|| cannot_listen(wanted)),
        }
    }
    if port_fallback {
        bail!(
            "every port from {} to {last} is taken; name a free one with --listen {}:PORT",
            wanted.port(),
            wanted.ip()
        );
    }
    bail!(
        "port {port} is taken by another program; stop it, choose another with --listen {ip}:PORT, or let Hearth take \
         the next free one with --port-fallback",
        port = wanted.port(),
        ip = wanted.ip()
    )
}

fn cannot_listen(address: SocketAddr) -> String {
    if address.port() < 1024 {
        format!(
            "failed to listen on {address}; ports below 1024 need root, or choose one above with --listen"
        )
    } else {
        format!("failed to listen on {address}; is that an address of this machine?")
    }
}

/// Listens on the Unix socket. The lock proves that a socket that is there already is nobody's.
pub(super) fn local(path: &Path, _lock: &StateLock) -> anyhow::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("failed to remove the old socket {}", path.display()));
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| {
        format!("failed to make the socket {}; a socket's path may have at most 107 bytes, choose a shorter --state-dir", path.display())
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .with_context(|| format!("failed to protect the socket {}", path.display()))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_or_passed_over() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = network(&address.to_string(), false).await.unwrap_err().to_string();
        assert!(error.contains(&format!("port {} is taken", address.port())), "{error}");
        let other = network(&address.to_string(), true).await.unwrap().local_addr().unwrap();
        assert!(other.port() > address.port() && other.ip() == address.ip());
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused_with_an_example() {
        for bad in ["8080", "127.0.0.1", "127.0.0.1:99999", ""] {
            let error = network(bad, false).await.unwrap_err().to_string();
            assert!(error.contains("as in 127.0.0.1:8080"), "{bad}: {error}");
        }
    }

    #[tokio::test]
    async fn the_socket_replaces_a_stale_one_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let lock = StateLock::acquire(folder.path()).unwrap();
        let path = folder.path().join("hearth.sock");
        drop(local(&path, &lock).unwrap());
        let _listener = local(&path, &lock).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
