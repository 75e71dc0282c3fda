use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use super::Error;

/// Attempts in a row from one address; one more every [`REFILL`].
const BURST_PER_ADDRESS: NonZeroU32 = NonZeroU32::new(10).expect("10 is not zero");
/// Attempts in a row on one name, from wherever; one more every [`REFILL`]. More than for an address, so that one
/// guest who tries cannot lock the owner out.
const BURST_PER_NAME: NonZeroU32 = NonZeroU32::new(30).expect("30 is not zero");
/// 8640 guesses a day at most.
const REFILL: Duration = Duration::from_secs(10);
/// Addresses or names remembered at once; when more than this many tried in the last minutes, everybody waits.
const MAX_KEYS: usize = 4096;

/// Who is at the other end of a connection, as the operating system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Somebody on the network, who must sign in.
    Address(IpAddr),
    /// The Unix user of this host, by name, who has the right to the socket and needs no password.
    LocalUser(String),
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, MonotonicClock, NoOpMiddleware<Instant>>;

/// Counts attempts to sign in.
#[derive(Debug, Clone)]
pub(super) struct RateLimits {
    addresses: Arc<Limiter<IpAddr>>,
    names: Arc<Limiter<String>>,
}

impl RateLimits {
    pub(super) fn new() -> Self {
        let quota = |burst| Quota::with_period(REFILL).expect("the period is not zero").allow_burst(burst);
        Self {
            addresses: Arc::new(RateLimiter::hashmap_with_clock(quota(BURST_PER_ADDRESS), MonotonicClock)),
            names: Arc::new(RateLimiter::hashmap_with_clock(quota(BURST_PER_NAME), MonotonicClock)),
        }
    }

    /// Counts one attempt from an address.
    pub(super) fn check_peer(&self, peer: &Peer) -> Result<(), Error> {
        match peer {
            Peer::LocalUser(_) => Ok(()),
            Peer::Address(address) => check(&self.addresses, &network(*address)),
        }
    }

    /// Counts one attempt on a name, in any case of its letters.
    pub(super) fn check_username(&self, username: &str) -> Result<(), Error> {
        check(&self.names, &username.to_ascii_lowercase())
    }
}

fn check<K: Hash + Eq + Clone>(limiter: &Limiter<K>, key: &K) -> Result<(), Error> {
    if limiter.len() >= MAX_KEYS {
        // Those who have all their attempts again need not be remembered.
        limiter.retain_recent();
        if limiter.len() >= MAX_KEYS {
            return Err(Error::TooMany { retry_after_secs: REFILL.as_secs() });
        }
    }
    limiter.check_key(key).map_err(|not_until| {
        let wait = not_until.wait_time_from(MonotonicClock.now());
        Error::TooMany { retry_after_secs: wait.as_secs() + 1 }
    })
}

/// Whoever has one IPv6 address has the 2^64 of its network as well: they count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Peer {
        Peer::Address(text.parse().unwrap())
    }

    #[test]
    fn an_address_has_ten_attempts_and_others_keep_theirs() {
        let limits = RateLimits::new();
        for _ in 0..10 {
            limits.check_peer(&address("192.0.2.1")).unwrap();
        }
        let Err(Error::TooMany { retry_after_secs }) = limits.check_peer(&address("192.0.2.1")) else {
            panic!("an eleventh attempt was let through");
        };
        assert!((1..=11).contains(&retry_after_secs), "{retry_after_secs}");
        // The same machine under the name that a dual-stack socket gives it.
        assert!(limits.check_peer(&address("::ffff:192.0.2.1")).is_err());
        limits.check_peer(&address("192.0.2.2")).unwrap();
        limits.check_peer(&Peer::LocalUser("root".into())).unwrap();
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one() {
        let limits = RateLimits::new();
        for host in 0..10 {
            limits.check_peer(&address(&format!("2001:db8::{host}"))).unwrap();
        }
        assert!(limits.check_peer(&address("2001:db8::ffff")).is_err());
        limits.check_peer(&address("2001:db8:0:1::1")).unwrap();
    }

    #[test]
    fn a_flood_of_addresses_takes_a_bounded_amount_of_memory() {
        let limits = RateLimits::new();
        let mut refused = 0;
        for n in 0..10_000_u32 {
            let flood = Peer::Address(IpAddr::V4(n.into()));
            refused += u32::from(limits.check_peer(&flood).is_err());
        }
        assert!(refused > 0 && limits.addresses.len() <= MAX_KEYS, "{refused} {}", limits.addresses.len());
    }
}
