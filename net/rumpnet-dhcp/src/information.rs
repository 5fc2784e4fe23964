//! What a server tells of a network besides an address, checked.

use crate::message::Message;
use crate::options::{Options, code};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use rump_domain_name::{Compression, parse_list, parse_text};

/// Routes, servers and domains that are taken; a server that tells of more has something else in mind.
pub(crate) const MOST_ROUTES: usize = 64;
pub(crate) const MOST_SERVERS: usize = 8;
pub(crate) const MOST_DOMAINS: usize = 16;
/// What a host has to be able to receive (RFC 2132, section 5.1, has 68; a link of IPv4 carries more).
const LEAST_MTU: u16 = 576;

/// A route that a server tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where its prefix begins.
    pub destination: Ipv4Addr,
    /// How many bits of it count.
    pub length: u8,
    /// Through whom; `None`: the destination is on the link itself.
    pub router: Option<Ipv4Addr>,
}

impl Route {
    /// One of which the router may be that of nobody: the destination is on the link. Bits that do not count become zero.
    /// `None`: no such route can be.
    pub(crate) fn new(destination: Ipv4Addr, length: u8, router: Ipv4Addr) -> Option<Self> {
        let mask = u32::MAX.checked_shl(32_u32.checked_sub(length.into())?).unwrap_or(0);
        let destination = Ipv4Addr::from_bits(destination.to_bits() & mask);
        let on_link = router.is_unspecified();
        let can_be = (on_link || is_of_host(router)) && !destination.is_multicast();
        can_be.then_some(Self { destination, length, router: (!on_link).then_some(router) })
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Information {
    /// Length of the network's prefix, if it is told.
    pub prefix_length: Option<u8>,
    /// The address of all, if it is told.
    pub broadcast: Option<Ipv4Addr>,
    /// Routes: the classless ones if there are any (RFC 3442), else a default route for the first router.
    pub routes: Vec<Route>,
    /// Who resolves names.
    pub name_servers: Vec<Ipv4Addr>,
    /// The domain of the host.
    pub domain: Option<String>,
    /// Domains that a name without dots may be in.
    pub search: Vec<String>,
    /// Most bytes of a packet.
    pub mtu: Option<u16>,
    /// What the host is called.
    pub host_name: Option<String>,
}

impl Information {
    /// What a message tells. An option that makes no sense is left out.
    pub fn of(message: &Message) -> Self {
        let options = &message.options;
        let search = options.find(code::SEARCH).map(|bytes| parse_list(bytes, Compression::Allowed));
        let mut search = search.and_then(Result::ok).unwrap_or_default();
        search.truncate(MOST_DOMAINS);
        // Some put a list there.
        let domain = options.text(code::DOMAIN).unwrap_or_default();
        let domain = domain.split(|byte| *byte == b' ').next().and_then(parse_text);
        Self {
            prefix_length: options.address(code::SUBNET_MASK).and_then(prefix_length),
            broadcast: options.address(code::BROADCAST).filter(is_broadcast),
            routes: routes(options),
            name_servers: unicast(options, code::NAME_SERVERS).take(MOST_SERVERS).collect(),
            domain,
            search,
            mtu: options.number(code::MTU).filter(is_mtu),
            host_name: options.text(code::HOST_NAME).and_then(parse_text),
        }
    }

    /// Where names are looked for: what was told, or the domain.
    pub fn search_domains(&self) -> Vec<String> {
        if self.search.is_empty() { self.domain.iter().cloned().collect() } else { self.search.clone() }
    }
}

/// The length of a prefix that has this mask. `None`: its ones do not stand together.
fn prefix_length(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let length = bits.leading_ones();
    (bits.count_ones() == length && length > 0).then_some(length as u8)
}

/// Whether a link of IPv4 may have this MTU.
pub(crate) fn is_mtu(mtu: &u16) -> bool {
    *mtu >= LEAST_MTU
}

/// Whether an address may be that of all.
pub(crate) fn is_broadcast(all: &Ipv4Addr) -> bool {
    !all.is_multicast() && !all.is_unspecified()
}

/// Whether a host may have an address.
pub(crate) fn is_of_host(address: Ipv4Addr) -> bool {
    !(address.octets()[0] == 0
        || address.is_loopback()
        || address.is_multicast()
        || address.octets()[0] >= 240)
}

fn unicast(options: &Options, code: u8) -> impl Iterator<Item = Ipv4Addr> + '_ {
    options.addresses(code).filter(|address| is_of_host(*address))
}

/// RFC 3442: classless routes win, the default one among them.
fn routes(options: &Options) -> Vec<Route> {
    if let Some(routes) = options.find(code::CLASSLESS_ROUTES).and_then(classless_routes) {
        return routes;
    }
    let default = |router| Route { destination: Ipv4Addr::UNSPECIFIED, length: 0, router: Some(router) };
    unicast(options, code::ROUTERS).take(1).map(default).collect()
}

/// ```text
/// length of the prefix (1), as many bytes of it as count (0..4), router (4)
/// ```
/// `None`: malformed, or there are none.
fn classless_routes(mut bytes: &[u8]) -> Option<Vec<Route>> {
    let mut routes = Vec::new();
    while let [length, rest @ ..] = bytes {
        if *length > 32 {
            return None;
        }
        let (significant, rest) = rest.split_at_checked(usize::from(*length).div_ceil(8))?;
        let (router, after) = rest.split_at_checked(4)?;
        bytes = after;
        let mut octets = [0; 4];
        octets[..significant.len()].copy_from_slice(significant);
        let router = Ipv4Addr::from(<[u8; 4]>::try_from(router).ok()?);
        let room = MOST_ROUTES - routes.len();
        routes.extend(Route::new(octets.into(), *length, router).into_iter().take(room));
    }
    (!routes.is_empty()).then_some(routes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Kind;

    fn told(options: &[(u8, &[u8])]) -> Information {
        let mut message = Message::request(Kind::Ack, 1, [0; 6]);
        options.iter().for_each(|(code, content)| message.options.set(*code, content));
        Information::of(&message)
    }

    fn route(destination: [u8; 4], length: u8, router: Option<[u8; 4]>) -> Route {
        Route { destination: destination.into(), length, router: router.map(Into::into) }
    }

    #[test]
    fn classless_routes_win_over_routers() {
        let routers = (code::ROUTERS, &[10, 0, 0, 1, 10, 0, 0, 2][..]);
        assert_eq!(told(&[routers]).routes, [route([0; 4], 0, Some([10, 0, 0, 1]))]);
        let bytes = [
            &[0, 10, 0, 0, 9][..],
            &[8, 10, 10, 0, 0, 3],
            // Bits that do not count, and on the link itself.
            &[20, 172, 16, 255, 0, 0, 0, 0],
            &[32, 192, 0, 2, 7, 10, 0, 0, 4],
        ];
        let expected = [
            route([0; 4], 0, Some([10, 0, 0, 9])),
            route([10, 0, 0, 0], 8, Some([10, 0, 0, 3])),
            route([172, 16, 240, 0], 20, None),
            route([192, 0, 2, 7], 32, Some([10, 0, 0, 4])),
        ];
        let bytes = bytes.concat();
        assert_eq!(told(&[routers, (code::CLASSLESS_ROUTES, &bytes)]).routes, expected);
        // One that is malformed is as if it was not there.
        for bad in [&[33, 1, 2, 3, 4, 5, 1, 1, 1, 1][..], &[24, 10, 0], &bytes[..bytes.len() - 1]] {
            assert_eq!(told(&[routers, (code::CLASSLESS_ROUTES, bad)]).routes.len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        let all = told(&[
            (code::SUBNET_MASK, &[255, 0, 255, 0]),
            (code::ROUTERS, &[224, 0, 0, 1]),
            (code::NAME_SERVERS, &[10, 0, 0, 1, 10]),
            (code::MTU, &[0, 60]),
            (code::DOMAIN, b"bad\nname"),
            (code::SEARCH, b"\x03abc"),
            (code::BROADCAST, &[0; 4]),
            (code::HOST_NAME, b"a;b"),
        ]);
        assert_eq!(all, Information::default());
        let flood = [10, 0, 0, 1].repeat(200);
        let routes = [8, 10, 10, 0, 0, 3].repeat(500);
        let all = told(&[(code::NAME_SERVERS, &flood), (code::CLASSLESS_ROUTES, &routes)]);
        assert_eq!((all.name_servers.len(), all.routes.len()), (MOST_SERVERS, MOST_ROUTES));
    }

    #[test]
    fn what_is_told_is_taken() {
        let all = told(&[
            (code::SUBNET_MASK, &[255, 255, 240, 0]),
            (code::BROADCAST, &[10, 0, 15, 255]),
            (code::NAME_SERVERS, &[10, 0, 0, 1, 9, 9, 9, 9]),
            (code::DOMAIN, b"example.org\0"),
            (code::MTU, &[5, 0]),
            (code::HOST_NAME, b"seven"),
        ]);
        assert_eq!((all.prefix_length, all.mtu), (Some(20), Some(1280)));
        assert_eq!(all.name_servers, [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(9, 9, 9, 9)]);
        assert_eq!(all.search_domains(), ["example.org"]);
        let search = b"\x01a\x07example\x00\x01b\xc0\x02";
        let all = told(&[(code::DOMAIN, b"example.org"), (code::SEARCH, search)]);
        assert_eq!(all.search_domains(), ["a.example", "b.example"]);
    }
}
