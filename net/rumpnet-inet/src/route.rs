//! Routes: for an address the entry with the longest prefix that holds it, and among those the one of the lowest
//! metric. The cost of a look-up depends on how many lengths of prefixes there are, not on how many routes.

use crate::address::{Address, Prefix};
use crate::interface::InterfaceId;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use hashbrown::HashMap;
use rump_kpi::Errno;

/// Where packets of a route go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via<A> {
    /// To the destination itself, which is on the link.
    Link,
    /// To this router.
    Router(A),
    /// Nowhere, and the sender is told (`RTF_REJECT`).
    Reject,
    /// Nowhere (`RTF_BLACKHOLE`).
    Blackhole,
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<A> {
    /// Which destinations.
    pub prefix: Prefix<A>,
    /// Where they go.
    pub via: Via<A>,
    /// Through which interface.
    pub interface: InterfaceId,
    /// The lower of two that are equal otherwise counts.
    pub metric: u32,
}

/// What became of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed<A> {
    /// It is there.
    Added(Route<A>),
    /// It was.
    Removed(Route<A>),
}

/// Changes that wait to be told at most; what comes on top of that is not told.
const MOST_CHANGES: usize = 4096;

/// The routes of a stack.
#[derive(Debug)]
pub struct RoutingTable<A> {
    /// By length of the prefix; each list in order of metrics.
    by_length: BTreeMap<u8, HashMap<A, Vec<Route<A>>>>,
    /// Somebody wants to be told of changes.
    pub is_watched: bool,
    changes: Vec<Changed<A>>,
}

impl<A> Default for RoutingTable<A> {
    fn default() -> Self {
        Self { by_length: BTreeMap::new(), is_watched: false, changes: Vec::new() }
    }
}

impl<A: Address> RoutingTable<A> {
    /// The route of a destination.
    pub fn lookup(&self, destination: A) -> Option<&Route<A>> {
        self.by_length
            .iter()
            .rev()
            .find_map(|(length, routes)| routes.get(&destination.masked(*length))?.first())
    }

    /// Adds a route. Errors: EEXIST (there is one of this prefix and metric).
    pub fn add(&mut self, route: Route<A>) -> Result<(), Errno> {
        let same = self.by_length.entry(route.prefix.length()).or_default();
        let routes = same.entry(route.prefix.address()).or_default();
        match routes.binary_search_by_key(&route.metric, |route| route.metric) {
            Ok(_) => Err(Errno::EEXIST),
            Err(at) => {
                routes.insert(at, route);
                self.note(Changed::Added(route));
                Ok(())
            }
        }
    }

    /// Removes the first route of a prefix, or that of a metric. Errors: ESRCH (there is none).
    pub fn remove(&mut self, prefix: Prefix<A>, metric: Option<u32>) -> Result<Route<A>, Errno> {
        let mut removed = None;
        self.retain(|route| {
            let is_it = removed.is_none()
                && route.prefix == prefix
                && metric.is_none_or(|metric| metric == route.metric);
            if is_it {
                removed = Some(*route);
            }
            !is_it
        });
        removed.ok_or(Errno::ESRCH)
    }

    /// Removes all routes that are not wanted.
    pub fn retain(&mut self, mut is_wanted: impl FnMut(&Route<A>) -> bool) {
        let mut removed = Vec::new();
        self.by_length.retain(|_, same| {
            same.retain(|_, routes| {
                routes.retain(|route| {
                    let is_wanted = is_wanted(route);
                    if !is_wanted {
                        removed.push(*route);
                    }
                    is_wanted
                });
                !routes.is_empty()
            });
            !same.is_empty()
        });
        removed.into_iter().for_each(|route| self.note(Changed::Removed(route)));
    }

    fn note(&mut self, change: Changed<A>) {
        if self.is_watched && self.changes.len() < MOST_CHANGES {
            self.changes.push(change);
        }
    }

    /// What changed since it was asked for last, in order.
    pub fn take_changes(&mut self) -> Vec<Changed<A>> {
        core::mem::take(&mut self.changes)
    }

    /// The first route of a prefix, or that of a metric.
    pub fn find(&self, prefix: Prefix<A>, metric: Option<u32>) -> Option<&Route<A>> {
        let same = self.by_length.get(&prefix.length())?.get(&prefix.address())?;
        same.iter().find(|route| metric.is_none_or(|metric| metric == route.metric))
    }

    /// All routes, in order of prefixes, the longest first.
    pub fn all(&self) -> Vec<Route<A>> {
        let mut all: Vec<Route<A>> =
            self.by_length.values().flat_map(HashMap::values).flatten().copied().collect();
        all.sort_by_key(|route| (core::cmp::Reverse(route.prefix.length()), route.prefix, route.metric));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    fn route(prefix: [u8; 4], length: u8, metric: u32, via: Via<Ipv4Addr>) -> Route<Ipv4Addr> {
        Route { prefix: Prefix::new(prefix.into(), length), via, interface: InterfaceId(1), metric }
    }

    #[test]
    fn the_longest_prefix_and_then_the_lowest_metric_counts() {
        let router = |last| Via::Router(Ipv4Addr::new(10, 0, 0, last));
        let mut table = RoutingTable::default();
        for route in [
            route([0; 4], 0, 10, router(1)),
            route([0; 4], 0, 5, router(2)),
            route([10, 0, 0, 0], 8, 0, Via::Link),
            route([10, 9, 0, 0], 16, 0, Via::Reject),
            route([10, 9, 8, 7], 32, 0, Via::Blackhole),
        ] {
            table.add(route).unwrap();
        }
        let via =
            |table: &RoutingTable<_>, address: [u8; 4]| table.lookup(address.into()).map(|route| route.via);
        assert_eq!(via(&table, [192, 0, 2, 1]), Some(router(2)));
        assert_eq!(via(&table, [10, 1, 1, 1]), Some(Via::Link));
        assert_eq!(via(&table, [10, 9, 1, 1]), Some(Via::Reject));
        assert_eq!(via(&table, [10, 9, 8, 7]), Some(Via::Blackhole));
        assert_eq!(table.add(route([0; 4], 0, 5, Via::Link)), Err(Errno::EEXIST));
        table.remove(Prefix::new(Ipv4Addr::UNSPECIFIED, 0), None).unwrap();
        assert_eq!(via(&table, [192, 0, 2, 1]), Some(router(1)));
        table.remove(Prefix::new(Ipv4Addr::UNSPECIFIED, 0), Some(10)).unwrap();
        assert_eq!(via(&table, [192, 0, 2, 1]), None);
        assert_eq!(table.remove(Prefix::new(Ipv4Addr::UNSPECIFIED, 0), None), Err(Errno::ESRCH));
        assert_eq!(table.all().len(), 3);
    }
}
