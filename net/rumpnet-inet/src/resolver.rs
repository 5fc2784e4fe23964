//! Who resolves names: what was configured for an interface, and what routers of IPv6 told with a lifetime (RFC 8106).

use crate::time::Instant;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;

/// Of each kind on an interface. When that is full, who comes new is not believed, so that a flood drives nobody out.
const MOST_TOLD: usize = 8;

/// What was told, and for how long.
#[derive(Debug)]
pub struct Told<T>(Vec<(T, Option<Instant>)>);

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone + PartialEq> Told<T> {
    /// Something is told for so long, `None` for ever; zero takes it back. Answers whether there is more or less now.
    pub fn told(&mut self, now: Instant, what: T, lifetime: Option<Duration>) -> bool {
        let known = self.0.iter().position(|(known, _)| *known == what);
        let until = lifetime.map(|lifetime| now + lifetime);
        match known {
            Some(at) if lifetime == Some(Duration::ZERO) => {
                self.0.remove(at);
                true
            }
            Some(at) => {
                self.0[at].1 = until;
                false
            }
            None if lifetime == Some(Duration::ZERO) || self.0.len() >= MOST_TOLD => false,
            None => {
                self.0.push((what, until));
                true
            }
        }
    }

    /// Forgets what is over. Answers whether something was.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = self.0.len();
        self.0.retain(|(_, until)| until.is_none_or(|until| until > now));
        self.0.len() < before
    }

    /// When the next thing is over.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(|(_, until)| *until).min()
    }

    /// What lasts.
    pub fn all(&self) -> impl Iterator<Item = T> + '_ {
        self.0.iter().map(|(what, _)| what.clone())
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Resolver {
    /// Name servers that were configured.
    pub servers: Vec<IpAddr>,
    /// And domains.
    pub domains: Vec<String>,
    /// Name servers that routers told of.
    pub told_servers: Told<Ipv6Addr>,
    /// And domains.
    pub told_domains: Told<String>,
}

impl Resolver {
    /// All name servers.
    pub fn servers(&self) -> Vec<IpAddr> {
        self.servers.iter().copied().chain(self.told_servers.all().map(IpAddr::from)).collect()
    }

    /// All domains.
    pub fn domains(&self) -> Vec<String> {
        self.domains.iter().cloned().chain(self.told_domains.all()).collect()
    }

    /// Forgets what is over. Answers whether something was.
    pub fn expire(&mut self, now: Instant) -> bool {
        let servers = self.told_servers.expire(now);
        self.told_domains.expire(now) || servers
    }

    /// When the next thing is over.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.told_servers.next_deadline(), self.told_domains.next_deadline()].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_is_told_lasts_as_long_as_it_is_told() {
        let second = Duration::from_secs;
        let mut told = Told::default();
        assert!(told.told(second(0), 1, Some(second(10))));
        assert!(told.told(second(0), 2, None));
        assert!(!told.told(second(5), 1, Some(second(10))));
        assert!(!told.told(second(5), 3, Some(second(0))));
        assert_eq!((told.next_deadline(), told.expire(second(14))), (Some(second(15)), false));
        assert!(told.expire(second(15)));
        assert_eq!(told.all().collect::<Vec<_>>(), vec![2]);
        assert!(told.told(second(16), 2, Some(second(0))));
        for number in 0..100 {
            told.told(second(20), number, None);
        }
        assert_eq!(told.all().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    }
}
