//! What others send that is not for us, or is not true.

use crate::rig::{config, seconds};
use core::net::Ipv4Addr;
use core::time::Duration;
use rumpnet_dhcp::{Action, Client, Kind, Message, Phase, code};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);

/// The last message that was sent.
fn sent(client: &mut Client) -> Message {
    let sent = client.take_actions().into_iter().rev().find_map(|action| match action {
        Action::Send { message, .. } => Message::parse(&message).ok(),
        _ => None,
    });
    sent.expect("something was sent")
}

fn good(to: &Message, kind: Kind) -> Message {
    let mut reply = to.reply(kind, SERVER, OURS);
    reply.options.set(code::LEASE_TIME, &3600_u32.to_be_bytes());
    reply
}

/// A client that has asked for an offer, and what it sent.
fn requesting() -> (Client, Message) {
    let mut client = Client::new(config(), 3);
    client.poll(seconds(1));
    let offer = good(&sent(&mut client), Kind::Offer);
    client.receive(seconds(1), &offer.emit());
    client.poll(seconds(2));
    assert_eq!(client.phase(), Phase::Requesting);
    let request = sent(&mut client);
    (client, request)
}

type Change = fn(&mut Message);

#[test]
fn what_is_not_for_us_changes_nothing() {
    let changes: [Change; 14] = [
        |message| message.exchange ^= 1,
        |message| message.hardware[5] ^= 1,
        |message| message.operation = rumpnet_dhcp::Operation::Request,
        |message| message.options.set(code::SERVER, &[10, 0, 0, 2]),
        |message| message.options.set(code::SERVER, &[10, 0, 0]),
        |message| message.options.set(code::SERVER, &[255; 4]),
        |message| message.options.set(code::CLIENT_IDENTIFIER, &[1, 2, 3]),
        |message| message.options.set(code::LEASE_TIME, &[0; 4]),
        |message| message.options.set(code::LEASE_TIME, &[1]),
        |message| message.yours = Ipv4Addr::new(10, 0, 0, 8),
        |message| message.yours = Ipv4Addr::BROADCAST,
        |message| message.yours = Ipv4Addr::LOCALHOST,
        |message| message.yours = Ipv4Addr::UNSPECIFIED,
        |message| message.kind = Kind::Offer,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (mut client, request) = requesting();
        let mut reply = good(&request, Kind::Ack);
        change(&mut reply);
        client.receive(seconds(3), &reply.emit());
        assert_eq!((client.phase(), client.take_actions()), (Phase::Requesting, vec![]), "{number}");
        // And the true one is heard afterwards.
        client.receive(seconds(3), &good(&request, Kind::Ack).emit());
        assert_eq!(client.phase(), Phase::Claiming, "{number}");
    }
}

#[test]
fn refusals_of_others_change_nothing() {
    let (mut client, request) = requesting();
    client.receive(seconds(3), &request.reply(Kind::Nak, Ipv4Addr::new(10, 0, 0, 2), OURS).emit());
    let mut nobody = request.reply(Kind::Nak, SERVER, OURS);
    nobody.options.set(code::SERVER, &[]);
    client.receive(seconds(3), &nobody.emit());
    assert_eq!(client.phase(), Phase::Requesting);
    client.receive(seconds(3), &request.reply(Kind::Nak, SERVER, OURS).emit());
    assert_eq!(client.phase(), Phase::Waiting);
}

#[test]
fn who_is_bound_hears_nobody() {
    let (mut client, request) = requesting();
    client.receive(seconds(3), &good(&request, Kind::Ack).emit());
    client.claimed();
    client.take_actions();
    for kind in [Kind::Offer, Kind::Ack, Kind::Nak] {
        client.receive(seconds(4), &good(&request, kind).emit());
        assert_eq!((client.phase(), client.take_actions()), (Phase::Bound, vec![]));
    }
}

#[test]
fn an_address_that_no_host_has_is_not_asked_for() {
    for address in [[0, 0, 0, 0], [0, 1, 2, 3], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255; 4]] {
        let mut client = Client::new(config(), 3);
        client.poll(seconds(1));
        let mut offer = good(&sent(&mut client), Kind::Offer);
        offer.yours = address.into();
        client.receive(seconds(1), &offer.emit());
        client.poll(seconds(2));
        assert_eq!(client.phase(), Phase::Selecting, "{address:?}");
    }
}

#[test]
fn a_flood_of_offers_is_bounded() {
    let mut client = Client::new(config(), 3);
    client.poll(seconds(1));
    let discover = sent(&mut client);
    for number in 0..10_000_u32 {
        let mut offer = good(&discover, Kind::Offer);
        offer.options.set(code::SERVER, &(0x0a00_0001 + number).to_be_bytes());
        client.receive(seconds(1), &offer.emit());
    }
    // Each that was taken is told of.
    assert_eq!(client.take_actions().len(), 16);
    client.poll(seconds(2));
    assert_eq!(client.phase(), Phase::Requesting);
}

#[test]
fn damaged_messages_are_survived() {
    let mut random = 7_u64;
    let mut next = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize
    };
    for _ in 0..20_000 {
        let (mut client, request) = requesting();
        let mut reply = good(&request, Kind::Ack);
        reply.options.set(code::SEARCH, b"\x03abc\x00\x01d\xc0\x00");
        reply.options.set(code::CLASSLESS_ROUTES, &[24, 10, 0, 0, 10, 0, 0, 1]);
        let mut bytes = reply.emit();
        for _ in 0..=next() % 4 {
            let at = 236 + next() % (bytes.len() - 236);
            bytes[at] = next() as u8;
        }
        bytes.truncate(bytes.len() - next() % 40);
        client.receive(seconds(3), &bytes);
        client.claimed();
        for _ in 0..4 {
            if let Some(due) = client.next_deadline() {
                client.poll(due);
            }
            client.poll(Duration::MAX / 4);
        }
    }
}
