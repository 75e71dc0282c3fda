use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::peer::{Peer, network};

/// Room for something that each peer holds for a while, such as connections. Cheap to clone.
///
/// One address gets a part of it only, and whoever comes by the box's own socket has room of their own: nobody on the network
/// can take the command line away.
#[derive(Debug, Clone)]
pub struct ConnectionLimit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    of_the_network: Arc<Semaphore>,
    of_the_socket: Arc<Semaphore>,
    per_address: usize,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// A part of the limit, held until this is dropped.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// The count of what an address holds.
#[derive(Debug)]
struct Share {
    limit: ConnectionLimit,
    address: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut addresses = self.limit.0.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = addresses.get_mut(&self.address) {
            *held -= 1;
            if *held == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

impl ConnectionLimit {
    /// Returns room for `total` on the network, `per_address` of them for one address, and for as many at the socket as for
    /// one address.
    pub fn new(total: usize, per_address: usize) -> Self {
        Self(Arc::new(Inner {
            of_the_network: Arc::new(Semaphore::new(total)),
            of_the_socket: Arc::new(Semaphore::new(per_address)),
            per_address,
            addresses: Mutex::default(),
        }))
    }

    /// Takes a permit, waiting for one if all are taken; `None` when the peer holds its whole share already.
    pub async fn take(&self, peer: &Peer) -> Option<Permit> {
        let share = self.share(peer)?;
        let permit = Arc::clone(self.of(peer)).acquire_owned().await.ok()?;
        Some(Permit { _permit: permit, _share: share })
    }

    /// Takes a permit if there is one.
    pub fn try_take(&self, peer: &Peer) -> Option<Permit> {
        let share = self.share(peer)?;
        let permit = Arc::clone(self.of(peer)).try_acquire_owned().ok()?;
        Some(Permit { _permit: permit, _share: share })
    }

    fn of(&self, peer: &Peer) -> &Arc<Semaphore> {
        match peer {
            Peer::Address(_) => &self.0.of_the_network,
            Peer::LocalUser(_) => &self.0.of_the_socket,
        }
    }

    /// Counts one more for the peer's address. Programs of this machine itself, such as a proxy of the owner's, share theirs
    /// among many people and are not counted.
    #[expect(
        clippy::option_option,
        reason = "the outer says whether there is room, the inner whether it is counted"
    )]
    fn share(&self, peer: &Peer) -> Option<Option<Share>> {
        let Peer::Address(address) = peer else { return Some(None) };
        if address.to_canonical().is_loopback() {
            return Some(None);
        }
        let address = network(*address);
        let mut addresses = self.0.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let held = addresses.entry(address).or_default();
        if *held >= self.0.per_address {
            return None;
        }
        *held += 1;
        Some(Some(Share { limit: self.clone(), address }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Address(address.parse().unwrap())
    }

    #[test]
    fn one_address_leaves_room_for_others_and_all_of_them_for_the_socket() {
        let limit = ConnectionLimit::new(4, 2);
        let here = peer("192.0.2.1");
        let held: Vec<_> = (0..2).map(|_| limit.try_take(&here).expect("its part")).collect();
        assert!(limit.try_take(&here).is_none(), "more than its part");
        assert!(limit.try_take(&peer("::ffff:192.0.2.1")).is_none(), "the same machine");
        let _there =
            [limit.try_take(&peer("192.0.2.2")).unwrap(), limit.try_take(&peer("192.0.2.2")).unwrap()];
        assert!(limit.try_take(&peer("192.0.2.3")).is_none(), "all are taken");
        let local = Peer::LocalUser("root".to_owned());
        let _local = [limit.try_take(&local).unwrap(), limit.try_take(&local).unwrap()];
        drop(held);
        assert!(limit.try_take(&here).is_some(), "given back");
        assert!(!limit.0.addresses.lock().unwrap().contains_key(&"192.0.2.1".parse::<IpAddr>().unwrap()));
    }

    #[tokio::test]
    async fn who_gives_up_waiting_gives_the_share_back() {
        let limit = ConnectionLimit::new(1, 1);
        let _held = limit.take(&peer("192.0.2.1")).await.unwrap();
        let there = peer("192.0.2.2");
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(10), limit.take(&there)).await;
        assert!(waiting.is_err());
        assert_eq!(limit.0.addresses.lock().unwrap().len(), 1);
    }
}
