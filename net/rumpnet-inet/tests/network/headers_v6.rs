//! Extension headers and fragments as others send them, sound and not (RFC 8200, sections 4.1 to 4.7).

use super::frames::{STRANGER, address, datagram, discovery, frame, icmp, messages};
use super::ipv6::{FIRST, ONE, at6};
use super::lan::{Impairment, Lan, hardware};
use core::net::Ipv6Addr;
use core::time::Duration;
use rump_kpi::Errno;
use rumpnet_inet::address::Version;
use rumpnet_inet::sockets::SocketId;
use rumpnet_inet::wire::extension::FragmentHeader;
use rumpnet_inet::wire::icmpv6::{Message, Problem};
use rumpnet_inet::wire::ipv4::{Fragment, Protocol};
use rumpnet_inet::wire::ipv6::Ipv6;
use rumpnet_inet::wire::ndp;

/// Who sends.
const HIM: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x99);

/// A host, with a socket at port 7, that knows the stranger's hardware address.
fn host() -> (Lan, SocketId) {
    let mut lan = Lan::new(Impairment::default());
    lan.add_host_v6(&[0], |_| {});
    lan.call(0, |stack, _| stack.add_address_v6(FIRST, ONE, 64)).unwrap();
    lan.run(Duration::from_secs(20));
    let socket = lan.stack(0).udp_socket(Version::V6);
    lan.stack(0).bind(socket, at6(ONE, 7)).unwrap();
    show_himself(&mut lan);
    lan.watch();
    (lan, socket)
}

/// The stranger asks for the host's address, so that his own is known.
fn show_himself(lan: &mut Lan) {
    let options = ndp::Options { source: Some(STRANGER), ..ndp::Options::default() };
    let ask = ndp::Message::NeighbourSolicitation { target: ONE };
    lan.inject(0, FIRST, &discovery(hardware(0, 0), (HIM, ONE), &ask, &options));
}

fn send(lan: &mut Lan, to: Ipv6Addr, kind: Protocol, content: &[u8]) {
    lan.inject(0, FIRST, &frame(hardware(0, 0), &Ipv6::new(HIM, to, kind, 64), content));
}

fn received(lan: &mut Lan, socket: SocketId) -> Option<Vec<u8>> {
    match lan.stack(0).receive_datagram(socket, false) {
        Ok(received) => received.map(|received| received.content.to_vec()),
        Err(error) => {
            assert_eq!(error, Errno::EAGAIN);
            None
        }
    }
}

/// What the host says to what it was sent.
fn answers(lan: &mut Lan) -> Vec<Message> {
    messages(&lan.take_watched()).into_iter().map(|(_, _, message)| message).collect()
}

fn problem(problem: Problem, pointer: u32) -> Vec<Message> {
    vec![Message::ParameterProblem { problem, pointer }]
}

#[test]
fn headers_in_any_sound_order_lead_to_the_datagram() {
    let (mut lan, socket) = host();
    let udp = datagram((HIM, ONE), (9, 7), b"through headers");
    let hop_by_hop = |next| [next, 0, 5, 2, 0, 0, 1, 0];
    let destination = |next| [next, 0, 1, 4, 0, 0, 0, 0];
    let routing = |next| [next, 0, 0, 0, 0, 0, 0, 0];
    let atomic = |next| [next, 0, 0, 0, 1, 2, 3, 4];
    let cases: Vec<(u8, Vec<[u8; 8]>)> = vec![
        (17, vec![]),
        (0, vec![hop_by_hop(17)]),
        (0, vec![hop_by_hop(60), destination(43), routing(60), destination(17)]),
        (44, vec![atomic(17)]),
        (60, vec![destination(44), atomic(60), destination(17)]),
        (43, vec![routing(44), atomic(44), atomic(17)]),
    ];
    for (first, headers) in cases {
        let content = [headers.concat(), udp.clone()].concat();
        send(&mut lan, ONE, Protocol(first), &content);
        assert_eq!(
            received(&mut lan, socket).as_deref(),
            Some(&b"through headers"[..]),
            "{first} {headers:?}"
        );
        assert_eq!(answers(&mut lan), []);
    }
}

#[test]
fn headers_that_are_not_understood_are_complained_of_as_they_ask() {
    let (mut lan, socket) = host();
    let udp = datagram((HIM, ONE), (9, 7), b"never");
    let group = address("ff02::1");
    let group_udp = datagram((HIM, group), (9, 7), b"never");
    let option = |bits: u8| [17, 0, 1, 0, bits | 0x1e, 2, 0, 0];
    let option_at = Message::ParameterProblem { problem: Problem::Option, pointer: 44 };
    for (kind, header, of_one, of_many) in [
        (60, option(0x40), vec![], vec![]),
        (60, option(0x80), vec![option_at], vec![option_at]),
        (0, option(0xc0), vec![option_at], vec![]),
        // A type 0 routing header that is not done (RFC 5095), and one that nobody knows.
        (43, [17, 0, 0, 1, 0, 0, 0, 0], problem(Problem::Field, 42), vec![]),
        (43, [17, 0, 99, 5, 0, 0, 0, 0], problem(Problem::Field, 42), vec![]),
        // Options of every hop that do not come first.
        (60, [0, 0, 1, 4, 0, 0, 0, 0], problem(Problem::NextHeader, 40), vec![]),
        // A protocol that nobody speaks.
        (60, [200, 0, 1, 4, 0, 0, 0, 0], problem(Problem::NextHeader, 40), vec![]),
        // An option that is longer than its header.
        (60, [17, 0, 1, 9, 0, 0, 0, 0], vec![], vec![]),
        // Nothing follows: whatever that is.
        (59, [17, 0, 1, 4, 0, 0, 0, 0], vec![], vec![]),
    ] {
        for (to, udp, expected) in [(ONE, &udp, of_one), (group, &group_udp, of_many)] {
            let content = [&header[..], udp].concat();
            send(&mut lan, to, Protocol(kind), &content);
            assert_eq!(answers(&mut lan), expected, "{kind} {header:?} to {to}");
            assert_eq!(received(&mut lan, socket), None);
        }
        lan.run(Duration::from_secs(1));
    }
}

#[test]
fn chains_of_any_length_end() {
    let (mut lan, socket) = host();
    let udp = datagram((HIM, ONE), (9, 7), b"deep");
    for count in [1, 8, 15, 16, 17, 100, 170] {
        let mut chain = [60, 0, 1, 4, 0, 0, 0, 0].repeat(count - 1);
        chain.extend([17, 0, 1, 4, 0, 0, 0, 0]);
        send(&mut lan, ONE, Protocol::DESTINATION_OPTIONS, &[chain, udp.clone()].concat());
        assert_eq!(received(&mut lan, socket).is_some(), count < 16, "{count} headers");
        assert_eq!(answers(&mut lan), []);
    }
    // As many options as fit into a header.
    for (options, is_taken) in [(60, true), (900, false)] {
        let mut header = vec![17, 0, 0, 0];
        header.extend([0x1e, 0].repeat(options));
        header.resize(header.len().next_multiple_of(8), 0);
        header[1] = (header.len() / 8 - 1) as u8;
        send(&mut lan, ONE, Protocol::DESTINATION_OPTIONS, &[header, udp.clone()].concat());
        assert_eq!(received(&mut lan, socket).is_some(), is_taken, "{options} options");
    }
}

/// One part of a packet.
fn part(kind: Protocol, number: u32, offset: usize, has_more: bool, content: &[u8]) -> Vec<u8> {
    let fragment = Fragment { offset: offset as u16, has_more };
    let mut packet = rump_kpi::packet::Packet::with_content([bytes::Bytes::copy_from_slice(content)]);
    FragmentHeader { next_header: kind, fragment, identification: number }.emit(&mut packet);
    packet.to_vec()
}

#[test]
fn fragments_come_together_in_any_order_and_overlaps_do_not() {
    let (mut lan, socket) = host();
    let text: Vec<u8> = (0..200).collect();
    let udp = datagram((HIM, ONE), (9, 7), &text);
    let whole = udp.len();
    let pieces = [(0, 64), (64, 128), (128, whole)];
    for (number, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0]].into_iter().enumerate() {
        for at in order {
            let (start, end) = pieces[at];
            let content = part(Protocol::UDP, number as u32, start, end < whole, &udp[start..end]);
            send(&mut lan, ONE, Protocol::FRAGMENT, &content);
        }
        assert_eq!(received(&mut lan, socket), Some(text.clone()));
    }
    // One byte twice, and another thing: nothing of it is taken, whatever follows.
    for (start, end, has_more) in
        [(0, 64, true), (56, 128, true), (0, 64, true), (64, 128, true), (128, whole, false)]
    {
        let content = part(Protocol::UDP, 77, start, has_more, &udp[start..end]);
        send(&mut lan, ONE, Protocol::FRAGMENT, &content);
    }
    assert_eq!((received(&mut lan, socket), answers(&mut lan)), (None, vec![]));
}

#[test]
fn fragments_that_are_not_sound_are_complained_of() {
    let (mut lan, socket) = host();
    let udp = datagram((HIM, ONE), (9, 7), &[7; 64]);
    let send_part = |lan: &mut Lan, content: &[u8]| send(lan, ONE, Protocol::FRAGMENT, content);
    // Not a multiple of eight bytes, and not the last.
    send_part(&mut lan, &part(Protocol::UDP, 1, 0, true, &udp[..63]));
    assert_eq!(answers(&mut lan), problem(Problem::Field, 4));
    // Beyond the longest packet.
    send_part(&mut lan, &part(Protocol::UDP, 2, 65_528, false, &udp[..16]));
    assert_eq!(answers(&mut lan), problem(Problem::Field, 42));
    // The header of the transport is not there, or none but other headers are (RFC 7112).
    send_part(&mut lan, &part(Protocol::TCP, 3, 0, true, &udp[..8]));
    assert_eq!(answers(&mut lan), problem(Problem::HeaderChain, 0));
    send_part(&mut lan, &part(Protocol::DESTINATION_OPTIONS, 4, 0, true, &[60, 9, 1, 4, 0, 0, 0, 0]));
    assert_eq!(answers(&mut lan), problem(Problem::HeaderChain, 0));
    // A fragment in a fragment.
    let inner = part(Protocol::UDP, 6, 0, true, &udp[..32]);
    send_part(&mut lan, &part(Protocol::FRAGMENT, 5, 0, true, &inner));
    send_part(&mut lan, &part(Protocol::FRAGMENT, 5, inner.len(), false, &udp[..8]));
    assert_eq!((received(&mut lan, socket), answers(&mut lan)), (None, vec![]));
    // The rest does not come.
    send_part(&mut lan, &part(Protocol::UDP, 7, 0, true, &udp[..32]));
    lan.run(Duration::from_secs(59));
    show_himself(&mut lan);
    lan.run(Duration::from_secs(2));
    assert_eq!(answers(&mut lan), [Message::ReassemblyTimeExceeded]);
    send_part(&mut lan, &part(Protocol::UDP, 8, 32, false, &udp[32..]));
    lan.run(Duration::from_secs(61));
    assert_eq!(answers(&mut lan), [], "without the first one nobody is told");
}

#[test]
fn packets_from_and_to_impossible_addresses_are_dropped() {
    let (mut lan, socket) = host();
    let before = lan.stack(0).interfaces[&FIRST].statistics.errors_in;
    for (count, (source, to)) in [
        ("ff02::1", "2001:db8:1::1"),
        ("::1", "2001:db8:1::1"),
        ("2001:db8:1::99", "::1"),
        ("2001:db8:1::99", "::"),
        ("2001:db8:1::99", "ff01::1"),
        ("::ffff:192.0.2.1", "2001:db8:1::1"),
        ("2001:db8:1::99", "::ffff:192.0.2.1"),
    ]
    .into_iter()
    .enumerate()
    {
        let [source, to] = [source, to].map(address);
        let udp = datagram((source, to), (9, 7), b"never");
        lan.inject(0, FIRST, &frame(hardware(0, 0), &Ipv6::new(source, to, Protocol::UDP, 64), &udp));
        let errors = lan.stack(0).interfaces[&FIRST].statistics.errors_in;
        assert_eq!(errors, before + count as u64 + 1, "from {source} to {to}");
    }
    // A checksum that is left out.
    let mut udp = datagram((HIM, ONE), (9, 7), b"never");
    udp[6..8].fill(0);
    send(&mut lan, ONE, Protocol::UDP, &udp);
    assert_eq!((received(&mut lan, socket), answers(&mut lan)), (None, vec![]));
}

#[test]
fn nobody_complains_of_complaints_nor_answers_groups() {
    let (mut lan, _) = host();
    let group = address("ff02::1");
    // To a port that nobody has, but to a group; an echo that would be answered by all; a complaint of nothing.
    send(&mut lan, group, Protocol::UDP, &datagram((HIM, group), (9, 9), b"all"));
    let echo = Message::EchoRequest { identifier: 1, sequence: 1 };
    send(&mut lan, group, Protocol::ICMPV6, &icmp((HIM, group), echo, b"smurf"));
    let error = Message::Other { kind: 100, code: 0 };
    send(&mut lan, ONE, Protocol::ICMPV6, &icmp((HIM, ONE), error, &[0; 48]));
    let unreachable = Message::TimeExceeded;
    send(
        &mut lan,
        ONE,
        Protocol::DESTINATION_OPTIONS,
        &[&[58, 0, 0x9e, 4, 0, 0, 0, 0][..], &icmp((HIM, ONE), unreachable, &[0; 48])].concat(),
    );
    assert_eq!(answers(&mut lan), []);
    // A group on the link alone is enough.
    let all_nodes = rumpnet_inet::wire::ethernet::MacAddress::of_group_v6(group);
    let udp = datagram((HIM, ONE), (9, 9), b"all");
    lan.inject(0, FIRST, &frame(all_nodes, &Ipv6::new(HIM, ONE, Protocol::UDP, 64), &udp));
    assert_eq!(answers(&mut lan), []);
    // And not more than so many a second.
    for _ in 0..1000 {
        send(&mut lan, ONE, Protocol::UDP, &datagram((HIM, ONE), (9, 9), b"flood"));
    }
    assert_eq!(answers(&mut lan).len(), 100);
}
