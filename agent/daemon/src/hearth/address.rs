use std::net::{IpAddr, UdpSocket};
use std::sync::PoisonError;

use crate::db;
use crate::hearth::Hearth;

impl Hearth {
    /// Notes the address that the box has in its own network. While it has none it keeps the last one: an app that uses the
    /// address is made anew once another is known, and not because a cable was pulled.
    pub(crate) async fn observe_address(&self) {
        let Some(address) = own() else { return };
        if *self.address.read().unwrap_or_else(PoisonError::into_inner) == address {
            return;
        }
        tracing::debug!("this box has the address {address}");
        self.address.write().unwrap_or_else(PoisonError::into_inner).clone_from(&address);
        if let Err(error) = db::identity::set_address(&self.db, &address).await {
            tracing::error!("{error}");
        }
    }
}

/// Returns the address that this host has in its own network: the one it would send from. Nothing is sent. `None` while it
/// has none, as before a router has given it one.
pub(super) fn own() -> Option<String> {
    // An address that is kept free for documents (RFC 5737); only its route is looked up.
    let probe = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    reachable(probe.ok()?.ip()).map(|address| address.to_string())
}

/// Returns an address that others in the network may have a use for: a host without a network answers with its own loopback.
fn reachable(address: IpAddr) -> Option<IpAddr> {
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_no_address_of_the_box() {
        for none in ["127.0.0.1", "127.0.1.1", "0.0.0.0", "::1"] {
            assert_eq!(reachable(none.parse().expect("an address")), None, "{none}");
        }
        let address: IpAddr = "192.168.1.20".parse().expect("an address");
        assert_eq!(reachable(address), Some(address));
    }
}
