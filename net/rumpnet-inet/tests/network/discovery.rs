//! Neighbour discovery, addresses that are made and grow old, routers and redirects (RFC 4861, RFC 4862), and the same of
//! IPv4: addresses that others have (RFC 5227), redirects.

use super::frames::{STRANGER, address, discoveries, discovery, link_local};
use super::ipv6::{FIRST, ONE, TWO, at6, pair};
use super::lan::{Impairment, Lan, hardware};
use super::packet;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::device::AddressState;
use rumpnet_inet::address::{Prefix, Version, solicited_node};
use rumpnet_inet::stack::{Dropped, Identifiers, Options};
use rumpnet_inet::wire::ethernet::MacAddress;
use rumpnet_inet::wire::ndp::{self, Message, Preference, PrefixInformation, RouterAdvertisement};

const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const OTHER_ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);

/// A host whose link has nobody else.
fn host() -> Lan {
    let mut lan = Lan::new(Impairment::default());
    lan.add_host_v6(&[0], |_| {});
    lan.run(Duration::from_secs(3));
    lan.watch();
    lan
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn advertisement(lifetime: u64, preference: Preference) -> RouterAdvertisement {
    RouterAdvertisement {
        hop_limit: 0,
        managed: false,
        other: false,
        preference,
        lifetime: seconds(lifetime),
        reachable: Duration::ZERO,
        retransmit: Duration::ZERO,
    }
}

fn prefix(text: &str, valid: u64, preferred: u64) -> PrefixInformation {
    PrefixInformation {
        prefix: Prefix::new(address(text), 64),
        on_link: true,
        autonomous: true,
        valid: Some(seconds(valid)),
        preferred: Some(seconds(preferred)),
    }
}

fn tell(lan: &mut Lan, router: Ipv6Addr, told: RouterAdvertisement, options: &ndp::Options) {
    let group = MacAddress::of_group_v6(ALL_NODES);
    let message = Message::RouterAdvertisement(told);
    lan.inject(0, FIRST, &discovery(group, (router, ALL_NODES), &message, options));
}

fn with_prefixes(prefixes: &[PrefixInformation]) -> ndp::Options {
    ndp::Options { source: Some(STRANGER), prefixes: prefixes.to_vec(), ..ndp::Options::default() }
}

fn states(lan: &mut Lan) -> Vec<(Ipv6Addr, AddressState)> {
    let addresses = &lan.stack(0).interfaces[&FIRST].v6.addresses;
    addresses.iter().map(|own| (own.address, own.state())).collect()
}

/// The way to an address: whom a packet goes to, and from where.
fn way(lan: &mut Lan, to: Ipv6Addr) -> Result<(IpAddr, IpAddr), Errno> {
    lan.stack(0).path(to.into(), &Options::default()).map(|path| (path.next_hop, path.source))
}

#[test]
fn an_interface_that_comes_up_asks_for_its_address_and_then_for_routers() {
    let mut lan = Lan::new(Impairment::default());
    lan.watch();
    lan.add_host_v6(&[0], |_| {});
    lan.run(seconds(30));
    let own = link_local(hardware(0, 0));
    let watched = lan.take_watched();
    let all = discoveries(&watched);
    let kinds: Vec<_> =
        all.iter().map(|(_, header, message, _)| (header.source, header.destination, *message)).collect();
    let ask = (Ipv6Addr::UNSPECIFIED, solicited_node(own), Message::NeighbourSolicitation { target: own });
    let told = Message::NeighbourAdvertisement {
        target: own,
        is_router: false,
        is_solicited: false,
        overrides: false,
    };
    // Routers need not ask for it (RFC 9131).
    let tell = (own, address("ff02::2"), told);
    let routers = (own, address("ff02::2"), Message::RouterSolicitation);
    assert_eq!(kinds, [ask, tell, routers, routers, routers]);
    assert_eq!((all[1].3.target, all[2].3.source), (Some(hardware(0, 0)), Some(hardware(0, 0))));
    assert!(all[0].3.nonce.is_some() && all[0].3.source.is_none());
    // Four seconds lie between questions for routers.
    let asked: Vec<Duration> = watched
        .iter()
        .filter(|sent| {
            matches!(discoveries(core::slice::from_ref(sent))[..], [(_, _, Message::RouterSolicitation, _)])
        })
        .map(|sent| sent.at)
        .collect();
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] == seconds(4)));
    assert_eq!(states(&mut lan), [(own, AddressState::Preferred)]);
    assert_eq!(lan.stack(0).next_deadline(), None, "a host at rest waits for nothing");
}

#[test]
fn name_servers_and_domains_last_as_long_as_routers_tell() {
    let mut lan = host();
    let servers = |lan: &mut Lan| lan.stack(0).interfaces[&FIRST].resolver.servers();
    let domains = |lan: &mut Lan| lan.stack(0).interfaces[&FIRST].resolver.domains();
    let (first, second) = (address("2001:db8::53"), address("fe80::53"));
    let told = |servers: &[(Ipv6Addr, u64)], domain: u64| ndp::Options {
        servers: servers.iter().map(|(server, lifetime)| (*server, Some(seconds(*lifetime)))).collect(),
        domains: vec![("example.org".into(), Some(seconds(domain)))],
        ..with_prefixes(&[])
    };
    // What routers tell that are none by default counts as well.
    let none = advertisement(0, Preference::Medium);
    tell(&mut lan, ROUTER, none, &told(&[(first, 100), (second, 50), (ALL_NODES, 100)], 60));
    assert_eq!(servers(&mut lan), [IpAddr::from(first), second.into()]);
    assert_eq!(domains(&mut lan), ["example.org"]);
    lan.run(seconds(49));
    assert_eq!(servers(&mut lan).len(), 2);
    lan.run(seconds(2));
    assert_eq!((servers(&mut lan), domains(&mut lan).len()), (vec![first.into()], 1));
    tell(&mut lan, ROUTER, none, &told(&[(first, 0)], 600));
    assert_eq!((servers(&mut lan).len(), domains(&mut lan).len()), (0, 1));
    lan.run(seconds(599));
    assert_eq!(domains(&mut lan).len(), 1);
    lan.run(seconds(2));
    assert_eq!(domains(&mut lan).len(), 0);
    assert_eq!(lan.stack(0).next_deadline(), None);
    // A flood drives nobody out, and an interface that is told not to listen does not.
    tell(&mut lan, ROUTER, none, &told(&[(first, 1000)], 1000));
    for number in 0..100 {
        tell(&mut lan, ROUTER, none, &told(&[(address(&format!("2001:db8::{number:x}")), 1000)], 1000));
    }
    assert_eq!((servers(&mut lan).len(), servers(&mut lan)[0]), (8, first.into()));
    lan.call(0, |stack, _| stack.set_autoconf(FIRST, false)).unwrap();
    assert!(servers(&mut lan).is_empty() && domains(&mut lan).is_empty());
    tell(&mut lan, ROUTER, none, &told(&[(first, 1000)], 1000));
    assert!(servers(&mut lan).is_empty());
}

#[test]
fn an_address_that_somebody_has_is_not_used() {
    // Two interfaces with one hardware address make one address; whoever comes first has it.
    let mut lan = host();
    let own = link_local(hardware(0, 0));
    let wanted = address("2001:db8:1::7");
    lan.call(0, |stack, _| stack.add_address_v6(FIRST, wanted, 64)).unwrap();
    lan.run(Duration::from_millis(100));
    assert_eq!(states(&mut lan), [(own, AddressState::Preferred), (wanted, AddressState::Tentative)]);
    let advert = Message::NeighbourAdvertisement {
        target: wanted,
        is_router: false,
        is_solicited: false,
        overrides: true,
    };
    let options = ndp::Options { target: Some(STRANGER), ..ndp::Options::default() };
    lan.inject(
        0,
        FIRST,
        &discovery(MacAddress::of_group_v6(ALL_NODES), (wanted, ALL_NODES), &advert, &options),
    );
    lan.run(seconds(10));
    assert_eq!(states(&mut lan)[1], (wanted, AddressState::Duplicate));
    let socket = lan.stack(0).udp_socket(Version::V6);
    assert_eq!(lan.stack(0).bind(socket, at6(wanted, 7)), Err(Errno::EADDRNOTAVAIL));
    // Somebody who asks for it at the same time is as bad; our own question that comes back is not.
    for (last, has_nonce, expected) in
        [(8, false, AddressState::Duplicate), (9, true, AddressState::Preferred)]
    {
        let wanted = Ipv6Addr::from_bits(address("2001:db8:1::").to_bits() | last);
        lan.take_watched();
        lan.call(0, |stack, _| stack.add_address_v6(FIRST, wanted, 64)).unwrap();
        lan.run(Duration::from_millis(100));
        let asked = lan.take_watched();
        let ask = asked.iter().find(|sent| !discoveries(core::slice::from_ref(sent)).is_empty()).unwrap();
        let nonce = discoveries(core::slice::from_ref(ask))[0].3.nonce.filter(|_| has_nonce);
        let options = ndp::Options { nonce, ..ndp::Options::default() };
        let message = Message::NeighbourSolicitation { target: wanted };
        let group = solicited_node(wanted);
        let addresses = (Ipv6Addr::UNSPECIFIED, group);
        lan.inject(0, FIRST, &discovery(MacAddress::of_group_v6(group), addresses, &message, &options));
        lan.run(seconds(5));
        assert_eq!(states(&mut lan).last(), Some(&(wanted, expected)));
    }
}

#[test]
fn hosts_make_addresses_of_their_hardware_or_of_a_secret() {
    for identifiers in [Identifiers::Hardware, Identifiers::Opaque] {
        let mut lan = Lan::new(Impairment::default());
        for _ in 0..2 {
            lan.add_host_v6(&[0], |settings| settings.identifiers = identifiers);
        }
        lan.run(seconds(10));
        let own: Vec<_> = (0..2).map(|host| lan.stack(host).interfaces[&FIRST].v6.addresses[0]).collect();
        assert!(own[0].address != own[1].address && own.iter().all(|own| own.is_usable()));
        let hardware_made = own[0].address == link_local(hardware(0, 0));
        assert_eq!(hardware_made, identifiers == Identifiers::Hardware);
    }
}

#[test]
fn an_opaque_address_that_somebody_has_makes_room_for_another() {
    let mut lan = Lan::new(Impairment::default());
    lan.add_host_v6(&[0], |settings| settings.identifiers = Identifiers::Opaque);
    let mut tried = Vec::new();
    for _ in 0..6 {
        lan.run(Duration::from_millis(10));
        let own = lan.stack(0).interfaces[&FIRST].v6.addresses[0].address;
        tried.push(own);
        let advert = Message::NeighbourAdvertisement {
            target: own,
            is_router: false,
            is_solicited: false,
            overrides: true,
        };
        let frame = discovery(
            MacAddress::of_group_v6(ALL_NODES),
            (own, ALL_NODES),
            &advert,
            &ndp::Options::default(),
        );
        lan.inject(0, FIRST, &frame);
    }
    tried.dedup();
    assert_eq!(tried.len(), 4, "three others are tried: {tried:?}");
    lan.run(seconds(5));
    assert_eq!(states(&mut lan)[0].1, AddressState::Duplicate);
}

#[test]
fn a_router_gives_an_address_a_way_and_parameters_for_a_time() {
    let mut lan = host();
    let told = RouterAdvertisement { hop_limit: 99, ..advertisement(1800, Preference::Medium) };
    let mut options = with_prefixes(&[prefix("2001:db8:1::", 20_000, 10_000)]);
    options.mtu = Some(1400);
    tell(&mut lan, ROUTER, told, &options);
    lan.run(seconds(5));
    let own = Ipv6Addr::from_bits(
        address("2001:db8:1::").to_bits() | link_local(hardware(0, 0)).to_bits() << 64 >> 64,
    );
    assert_eq!(states(&mut lan)[1], (own, AddressState::Preferred));
    assert_eq!(way(&mut lan, FAR), Ok((ROUTER.into(), own.into())));
    assert_eq!(way(&mut lan, TWO), Ok((TWO.into(), own.into())));
    let socket = lan.stack(0).udp_socket(Version::V6);
    lan.take_watched();
    lan.call(0, |stack, now| stack.send_datagram(now, socket, Some(at6(FAR, 7)), packet(1360))).unwrap();
    let sent = lan.take_watched();
    assert_eq!(sent.len(), 2, "the packet is cut for the link");
    assert_eq!(&sent[0].frame[..6], &STRANGER.0, "to the router whose hardware address was told");
    assert!(sent.iter().all(|sent| sent.frame.len() <= 1414 && sent.frame[21] == 99));
    // The router is silent: it is forgotten, then the address is old, then gone with the prefix.
    lan.run(seconds(1800));
    assert_eq!(way(&mut lan, FAR), Err(Errno::ENETUNREACH));
    lan.run(seconds(8300));
    assert_eq!(states(&mut lan)[1], (own, AddressState::Deprecated));
    assert_eq!(way(&mut lan, TWO), Ok((TWO.into(), own.into())), "old, but there is no other");
    lan.run(seconds(10_000));
    assert_eq!(states(&mut lan).len(), 1);
    assert_eq!(way(&mut lan, TWO), Err(Errno::ENETUNREACH));
    assert_eq!(lan.stack(0).next_deadline(), None);
}

#[test]
fn nobody_cuts_the_life_of_an_address_below_two_hours() {
    let mut lan = host();
    let valid_until = |lan: &mut Lan| lan.stack(0).interfaces[&FIRST].v6.addresses[1].valid_until.unwrap();
    let tell_lifetime = |lan: &mut Lan, valid| {
        tell(
            lan,
            ROUTER,
            advertisement(1800, Preference::Medium),
            &with_prefixes(&[prefix("2001:db8:1::", valid, 0)]),
        );
        let now = lan.now();
        valid_until(lan) - now
    };
    assert_eq!(tell_lifetime(&mut lan, 20_000), seconds(20_000));
    assert_eq!(tell_lifetime(&mut lan, 10), seconds(7200));
    assert_eq!(tell_lifetime(&mut lan, 10), seconds(7200));
    assert_eq!(tell_lifetime(&mut lan, 8000), seconds(8000));
    lan.run(seconds(7900));
    assert_eq!(tell_lifetime(&mut lan, 50), seconds(100));
    assert_eq!(tell_lifetime(&mut lan, 101), seconds(101));
}

#[test]
fn of_several_routers_the_preferred_one_that_answers_is_taken() {
    let mut lan = host();
    lan.call(0, |stack, _| stack.add_address_v6(FIRST, ONE, 64)).unwrap();
    lan.run(seconds(3));
    let none = ndp::Options::default();
    tell(&mut lan, OTHER_ROUTER, advertisement(1800, Preference::Medium), &none);
    tell(&mut lan, ROUTER, advertisement(1800, Preference::High), &none);
    let next = |lan: &mut Lan| way(lan, FAR).map(|way| way.0);
    assert_eq!(next(&mut lan), Ok(ROUTER.into()));
    // It does not answer.
    let socket = lan.stack(0).udp_socket(Version::V6);
    lan.call(0, |stack, now| stack.send_datagram(now, socket, Some(at6(FAR, 7)), packet(1))).unwrap();
    lan.run(Duration::from_millis(1500));
    assert_eq!(next(&mut lan), Ok(OTHER_ROUTER.into()));
    // It says that it is none any more; and the other that it is no router at all.
    tell(&mut lan, ROUTER, advertisement(0, Preference::High), &none);
    assert_eq!(next(&mut lan), Ok(OTHER_ROUTER.into()));
    let advert = Message::NeighbourAdvertisement {
        target: OTHER_ROUTER,
        is_router: false,
        is_solicited: false,
        overrides: true,
    };
    let frame = discovery(MacAddress::of_group_v6(ALL_NODES), (OTHER_ROUTER, ALL_NODES), &advert, &none);
    lan.inject(0, FIRST, &frame);
    assert_eq!(next(&mut lan), Err(Errno::ENETUNREACH));
}

#[test]
fn messages_that_no_neighbour_can_have_sent_change_nothing() {
    let mut lan = host();
    let own = link_local(hardware(0, 0));
    let group = MacAddress::of_group_v6(ALL_NODES);
    let options = with_prefixes(&[prefix("2001:db8:1::", 1000, 1000)]);
    let told = Message::RouterAdvertisement(advertisement(1800, Preference::Medium));
    let mut through_router = discovery(group, (ROUTER, ALL_NODES), &told, &options);
    through_router[21] = 254;
    let from_afar = discovery(group, (FAR, ALL_NODES), &told, &options);
    let ask = Message::NeighbourSolicitation { target: own };
    let source = ndp::Options { source: Some(STRANGER), ..ndp::Options::default() };
    // As nobody, to one alone, or with a hardware address.
    let anonymous = discovery(hardware(0, 0), (Ipv6Addr::UNSPECIFIED, own), &ask, &ndp::Options::default());
    let with_source = discovery(group, (Ipv6Addr::UNSPECIFIED, solicited_node(own)), &ask, &source);
    let of_group = Message::NeighbourSolicitation { target: ALL_NODES };
    let for_group = discovery(group, (ROUTER, ALL_NODES), &of_group, &source);
    let mut short = discovery(group, (ROUTER, solicited_node(own)), &ask, &source);
    short.truncate(short.len() - 3);
    let answered = Message::NeighbourAdvertisement {
        target: ROUTER,
        is_router: true,
        is_solicited: true,
        overrides: true,
    };
    let solicited_to_all = discovery(group, (ROUTER, ALL_NODES), &answered, &source);
    lan.take_watched();
    for (number, frame) in
        [through_router, from_afar, anonymous, with_source, for_group, short, solicited_to_all]
            .iter()
            .enumerate()
    {
        let before = lan.stack(0).interfaces[&FIRST].statistics.errors_in;
        lan.inject(0, FIRST, frame);
        let interface = &lan.stack(0).interfaces[&FIRST];
        assert_eq!(interface.statistics.errors_in, before + 1, "frame {number}");
        assert_eq!(interface.neighbours_v6().unwrap().known().count(), 0, "frame {number}");
    }
    assert_eq!(lan.take_watched().len(), 0);
    assert_eq!((states(&mut lan).len(), lan.stack(0).routers.all().len()), (1, 0));
}

#[test]
fn what_a_neighbour_asks_is_answered_to_whom_it_belongs() {
    let mut lan = host();
    let own = link_local(hardware(0, 0));
    let group = solicited_node(own);
    let ask = Message::NeighbourSolicitation { target: own };
    for (source, options, to, solicited) in [
        (ROUTER, ndp::Options { source: Some(STRANGER), ..ndp::Options::default() }, ROUTER, true),
        (Ipv6Addr::UNSPECIFIED, ndp::Options::default(), ALL_NODES, false),
    ] {
        lan.take_watched();
        lan.inject(0, FIRST, &discovery(MacAddress::of_group_v6(group), (source, group), &ask, &options));
        let answers = discoveries(&lan.take_watched());
        let [(_, header, message, options)] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!((header.source, header.destination, options.target), (own, to, Some(hardware(0, 0))));
        let expected = Message::NeighbourAdvertisement {
            target: own,
            is_router: false,
            is_solicited: solicited,
            overrides: true,
        };
        assert_eq!(*message, expected);
    }
}

#[test]
fn a_redirect_of_the_router_is_followed_and_no_other() {
    let mut lan = host();
    lan.call(0, |stack, _| stack.add_address_v6(FIRST, ONE, 64)).unwrap();
    lan.run(seconds(3));
    tell(&mut lan, ROUTER, advertisement(1800, Preference::Medium), &with_prefixes(&[]));
    let redirect = |source: Ipv6Addr, target: Ipv6Addr, to: Ipv6Addr| {
        let message = Message::Redirect { target, destination: to };
        let options = ndp::Options { target: Some(STRANGER), ..ndp::Options::default() };
        discovery(hardware(0, 0), (source, ONE), &message, &options)
    };
    let next = |lan: &mut Lan, to| way(lan, to).map(|way| way.0);
    for forged in [
        redirect(OTHER_ROUTER, OTHER_ROUTER, FAR),
        redirect(FAR, OTHER_ROUTER, FAR),
        redirect(ROUTER, address("2001:db8:9::9"), FAR),
        redirect(ROUTER, OTHER_ROUTER, ALL_NODES),
        redirect(ROUTER, OTHER_ROUTER, ONE),
        redirect(ROUTER, OTHER_ROUTER, TWO),
    ] {
        lan.inject(0, FIRST, &forged);
        assert_eq!(next(&mut lan, FAR), Ok(ROUTER.into()));
        assert_eq!(next(&mut lan, TWO), Ok(TWO.into()));
    }
    lan.inject(0, FIRST, &redirect(ROUTER, OTHER_ROUTER, FAR));
    assert_eq!(next(&mut lan, FAR), Ok(OTHER_ROUTER.into()));
    lan.inject(0, FIRST, &redirect(OTHER_ROUTER, FAR, FAR));
    assert_eq!(next(&mut lan, FAR), Ok(FAR.into()), "it is a neighbour");
    lan.run(seconds(601));
    assert_eq!(next(&mut lan, FAR), Ok(ROUTER.into()), "forgotten");
    lan.stack(0).settings.accepts_redirects_v6 = false;
    lan.inject(0, FIRST, &redirect(ROUTER, OTHER_ROUTER, FAR));
    assert_eq!(next(&mut lan, FAR), Ok(ROUTER.into()));
}

#[test]
fn a_router_redirects_who_asks_it_for_a_neighbour() {
    use rumpnet_inet::route::{Route, Via};
    let mut lan = pair(Impairment::default());
    let router = lan.add_host_v6(&[0], |settings| settings.forwarding_v6 = true);
    lan.call(router, |stack, _| stack.add_address_v6(FIRST, address("2001:db8:1::3"), 64)).unwrap();
    lan.call(1, |stack, _| stack.add_address_v6(FIRST, address("2001:db8:2::2"), 64)).unwrap();
    lan.call(router, |stack, _| stack.add_address_v6(FIRST, address("2001:db8:2::3"), 64)).unwrap();
    lan.run(seconds(5));
    let via = Via::Router(link_local(hardware(router, 0)));
    let all = Prefix::new(Ipv6Addr::UNSPECIFIED, 0);
    lan.stack(0).routes_v6.add(Route { prefix: all, via, interface: FIRST, metric: 0 }).unwrap();
    let to = address("2001:db8:2::2");
    let server = lan.stack(1).udp_socket(Version::V6);
    lan.stack(1).bind(server, at6(to, 7)).unwrap();
    let client = lan.stack(0).udp_socket(Version::V6);
    lan.stack(0).connect(client, at6(to, 7)).unwrap();
    for hop_limit in [63, 64] {
        lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(10))).unwrap();
        lan.settle();
        let received = lan.stack(1).receive_datagram(server, false).unwrap().unwrap();
        assert_eq!(received.hop_limit, hop_limit);
    }
}

#[test]
fn an_address_of_ipv4_is_asked_for_announced_and_defended() {
    use rumpnet_inet::wire::arp;
    use rumpnet_inet::wire::ethernet::{EtherType, Frame};
    let own = Ipv4Addr::new(192, 0, 2, 1);
    let mut lan = Lan::new(Impairment::default());
    lan.add_host_v6(&[0], |settings| (settings.claims_v4, settings.makes_link_local) = (3, false));
    lan.watch();
    lan.call(0, |stack, _| stack.add_address(FIRST, own, 24)).unwrap();
    assert!(!lan.stack(0).is_local(own.into()));
    lan.run(seconds(20));
    assert!(lan.stack(0).is_local(own.into()));
    let senders = |lan: &mut Lan| -> Vec<Ipv4Addr> {
        let message = |sent: super::lan::Sent| {
            let mut packet = rump_kpi::packet::Packet::received(sent.frame.into());
            (Frame::take(&mut packet).unwrap().ether_type == EtherType::ARP)
                .then(|| arp::Message::parse(&mut packet).unwrap().sender.1)
        };
        lan.take_watched().into_iter().filter_map(message).collect()
    };
    let nobody = Ipv4Addr::UNSPECIFIED;
    assert_eq!(senders(&mut lan), [nobody, nobody, nobody, own, own]);
    let conflict = |sender: Ipv4Addr, target: Ipv4Addr| {
        let message = arp::Message {
            operation: arp::Operation::Request,
            sender: (STRANGER, sender),
            target: (MacAddress([0; 6]), target),
        };
        let mut packet = message.emit();
        Frame { destination: MacAddress::BROADCAST, source: STRANGER, ether_type: EtherType::ARP }
            .emit(&mut packet);
        packet.to_vec()
    };
    for expected in [1, 0] {
        lan.inject(0, FIRST, &conflict(own, own));
        assert_eq!(senders(&mut lan).len(), expected, "not each time");
    }
    lan.run(seconds(10));
    lan.inject(0, FIRST, &conflict(own, own));
    assert_eq!(senders(&mut lan), [own]);
    // Somebody has it, or wants it at the same time.
    for (last, sender) in [(2, Ipv4Addr::new(192, 0, 2, 2)), (3, nobody)] {
        let wanted = Ipv4Addr::new(192, 0, 2, last);
        lan.call(0, |stack, _| stack.add_address(FIRST, wanted, 24)).unwrap();
        lan.run(seconds(2));
        lan.inject(0, FIRST, &conflict(sender, wanted));
        lan.run(seconds(20));
        assert!(!lan.stack(0).is_local(wanted.into()));
    }
}

#[test]
fn who_is_connected_again_says_who_he_is() {
    use rumpnet_inet::wire::arp;
    use rumpnet_inet::wire::ethernet::{EtherType, Frame};
    let (own, other) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    let mut lan = host();
    lan.add_host(&[(0, other, 24)]);
    lan.call(0, |stack, _| stack.add_address(FIRST, own, 24)).unwrap();
    let socket = lan.stack(0).udp_socket(Version::V4);
    let to = super::at(other, 7);
    lan.call(0, |stack, now| stack.send_datagram(now, socket, Some(to), packet(10))).unwrap();
    lan.run(seconds(30));
    let known = |lan: &mut Lan| lan.stack(0).interfaces[&FIRST].neighbours().unwrap().known().count();
    assert_eq!(known(&mut lan), 1);
    lan.take_watched();
    lan.call(0, |stack, now| stack.set_carrier(now, FIRST, false));
    // Somebody else may be there next.
    assert_eq!((known(&mut lan), lan.take_watched().len()), (0, 0));
    lan.call(0, |stack, now| stack.send_datagram(now, socket, Some(to), packet(10))).unwrap();
    lan.take_watched();
    let connected = lan.now();
    lan.call(0, |stack, now| stack.set_carrier(now, FIRST, true));
    lan.run(seconds(20));
    let sent: Vec<_> = lan.take_watched().into_iter().filter(|sent| sent.host == 0).collect();
    let announced = sent.iter().filter_map(|sent| {
        let mut packet = rump_kpi::packet::Packet::received(sent.frame.clone().into());
        let is_arp = Frame::take(&mut packet).unwrap().ether_type == EtherType::ARP;
        let message = is_arp.then(|| arp::Message::parse(&mut packet).unwrap())?;
        (message.sender.1 == own && message.target.1 == own).then_some(sent.at - connected)
    });
    assert_eq!(announced.collect::<Vec<_>>(), [seconds(0), seconds(2)]);
    let address = link_local(hardware(0, 0));
    let (mut told, mut asked) = (0, 0);
    for (_, header, message, options) in discoveries(&sent) {
        match message {
            Message::NeighbourAdvertisement { target, is_solicited: false, overrides: true, .. } => {
                assert_eq!((target, header.destination), (address, ALL_NODES));
                assert_eq!(options.target, Some(hardware(0, 0)));
                told += 1;
            }
            Message::RouterSolicitation => asked += 1,
            _ => {}
        }
    }
    assert_eq!((told, asked), (1, 3));
    // What waited for an answer was sent.
    assert_eq!(known(&mut lan), 1);
    // Nothing is said where nothing changed.
    lan.call(0, |stack, now| stack.set_carrier(now, FIRST, true));
    assert!(lan.take_watched().is_empty());
}

#[test]
fn redirects_of_ipv4_are_followed_if_that_is_chosen() {
    use rumpnet_inet::route::{Route, Via};
    use rumpnet_inet::wire::icmpv4;
    use rumpnet_inet::wire::ipv4::{Ipv4, Protocol};
    let mut lan = super::pair(Impairment::default());
    let [own, router, better] = [1, 2, 3].map(|last| Ipv4Addr::new(192, 0, 2, last));
    let far = Ipv4Addr::new(198, 51, 100, 1);
    let all = Prefix::new(Ipv4Addr::UNSPECIFIED, 0);
    let route = Route { prefix: all, via: Via::Router(router), interface: FIRST, metric: 0 };
    lan.stack(0).routes.add(route).unwrap();
    let redirect = |from: Ipv4Addr, to: Ipv4Addr| {
        use rumpnet_inet::wire::ethernet::{EtherType, Frame};
        let mut quoted = packet(8);
        Ipv4::new(own, far, Protocol::UDP, 64).emit(&mut quoted);
        let mut message = rump_kpi::packet::Packet::with_content(quoted.into_parts());
        icmpv4::Message::Redirect { router: to }.emit(&mut message);
        Ipv4::new(from, own, Protocol::ICMP, 64).emit(&mut message);
        let frame = Frame { destination: hardware(0, 0), source: STRANGER, ether_type: EtherType::IPV4 };
        frame.emit(&mut message);
        message.to_vec()
    };
    let next = |lan: &mut Lan| lan.stack(0).path(far.into(), &Options::default()).unwrap().next_hop;
    lan.inject(0, FIRST, &redirect(router, better));
    assert_eq!(next(&mut lan), router, "not unless that is chosen");
    lan.stack(0).settings.accepts_redirects = true;
    for forged in [redirect(better, better), redirect(router, far), redirect(router, own)] {
        lan.inject(0, FIRST, &forged);
        assert_eq!(next(&mut lan), router);
    }
    assert_eq!(lan.stack(0).dropped(Dropped::NotForUs), 4);
    lan.inject(0, FIRST, &redirect(router, better));
    assert_eq!(next(&mut lan), better);
    lan.run(seconds(601));
    assert_eq!(next(&mut lan), router);
}

#[test]
fn an_interface_that_goes_down_forgets_what_it_heard() {
    let mut lan = host();
    let options = with_prefixes(&[prefix("2001:db8:1::", 20_000, 10_000)]);
    tell(&mut lan, ROUTER, advertisement(1800, Preference::Medium), &options);
    lan.run(seconds(5));
    assert!(way(&mut lan, FAR).is_ok());
    lan.call(0, |stack, _| stack.set_up(FIRST, false)).unwrap();
    let stack = lan.stack(0);
    assert!(stack.routers.all().is_empty() && stack.routes_v6.all().is_empty());
    assert_eq!(states(&mut lan).len(), 1);
    lan.take_watched();
    lan.call(0, |stack, _| stack.set_up(FIRST, true)).unwrap();
    assert_eq!(states(&mut lan)[0].1, AddressState::Tentative);
    lan.run(seconds(30));
    assert_eq!(states(&mut lan)[0].1, AddressState::Preferred);
    let asked = discoveries(&lan.take_watched());
    assert_eq!(asked.iter().filter(|asked| asked.2 == Message::RouterSolicitation).count(), 3);
}
