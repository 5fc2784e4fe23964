//! Bytes that were laid out by hand from the structures of route(4).

use super::*;
use crate::netbsd::interface::{IFT_ETHER, IfData};
use core::net::Ipv6Addr;

/// `route add -net 10.9.0.0/16 10.0.0.1`, as route(8) sends it.
fn add() -> Vec<u8> {
    let mut bytes = alloc::vec![0; 120];
    (bytes[0], bytes[2], bytes[3]) = (168, 4, 1);
    bytes[8..12].copy_from_slice(&[0x03, 0x08, 0, 0]);
    (bytes[12], bytes[20]) = (7, 9);
    bytes.extend([16, 2, 0, 0, 10, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([16, 2, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    // A mask is cut behind its last one, and of no family.
    bytes.extend([6, 0, 0, 0, 255, 255, 0, 0]);
    bytes.extend([0; 8]);
    bytes
}

fn route(bytes: &[u8]) -> Result<(RtMsghdr, Addresses), Malformed> {
    match Message::parse(bytes)?.0 {
        Message::Route(header, addresses) => Ok((header, addresses)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_route_is_read_from_what_route_sends() {
    let (header, addresses) = route(&add()).unwrap();
    assert_eq!((header.kind, header.sequence, header.flags), (RTM_ADD, 9, RTF_UP | RTF_GATEWAY | RTF_STATIC));
    assert_eq!(addresses.destination, Some(Address::Inet([10, 9, 0, 0].into())));
    assert_eq!(addresses.gateway, Some(Address::Inet([10, 0, 0, 1].into())));
    assert_eq!((addresses.mask, addresses.family()), (Some(16), 2));
    let mut bytes = add();
    (bytes[152], bytes[156], bytes[157]) = (0, 1, 2);
    assert_eq!(route(&bytes).unwrap().1.mask, Some(0), "a mask without bytes is that of all");
    bytes[152] = 16;
    assert_eq!(route(&bytes), Err(Malformed::Address), "a mask with a hole");
}

#[test]
fn a_message_has_the_lengths_and_the_mask_of_what_is_in_it() {
    let (header, addresses) = route(&add()).unwrap();
    let header = RtMsghdr { length: 1, version: 7, addresses: 0, ..header };
    let bytes = Message::Route(header, addresses.clone()).to_bytes();
    let mut expected = add();
    (expected[152], expected[153]) = (16, 2);
    assert_eq!(bytes, expected);
    assert_eq!(route(&bytes).unwrap().1, addresses);
}

#[test]
fn members_are_where_the_structures_have_them() {
    let mut bytes: [u8; 120] = core::array::from_fn(|index| index as u8);
    (bytes[0], bytes[1], bytes[2], bytes[3]) = (120, 0, 4, 4);
    bytes[12..16].fill(0);
    let (header, _) = route(&bytes).unwrap();
    assert_eq!((header.index, header.flags), (0x0504, 0x0b0a_0908));
    assert_eq!((header.pid, header.sequence), (0x1312_1110, 0x1716_1514));
    assert_eq!((header.errno, header.uses, header.inits), (0x1b1a_1918, 0x1f1e_1d1c, 0x2322_2120));
    let metrics = header.metrics;
    let eight = |begin: u8| u64::from_le_bytes(core::array::from_fn(|index| begin + index as u8));
    assert_eq!([metrics.locks, metrics.mtu, metrics.hop_count], [40, 48, 56].map(eight));
    assert_eq!([metrics.pipes[0], metrics.pipes[1], metrics.threshold], [64, 72, 80].map(eight));
    assert_eq!(metrics.round_trip, [88, 96].map(eight));
    assert_eq!([metrics.expires as u64, metrics.packets_sent as u64], [104, 112].map(eight));
}

#[test]
fn an_address_of_a_link_has_the_number_of_the_link_in_it() {
    let address = Address::Inet6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), 0x102);
    let addresses = Addresses { destination: Some(address), mask: Some(64), ..Addresses::default() };
    let bytes = Message::Route(RtMsghdr::new(RTM_GET), addresses.clone()).to_bytes();
    let place = &bytes[120..];
    assert_eq!(place.len(), 64, "28 bytes take 32");
    assert_eq!(place[..12], [28, 24, 0, 0, 0, 0, 0, 0, 0xfe, 0x80, 1, 2]);
    assert_eq!(place[40..50], [255, 255, 255, 255, 255, 255, 255, 255, 0, 0]);
    assert_eq!(route(&bytes).unwrap().1, addresses);
    // Programs may say it beside the address as well.
    let mut bytes = bytes;
    (bytes[130], bytes[131], bytes[144], bytes[145]) = (0, 0, 2, 1);
    assert_eq!(route(&bytes).unwrap().1, addresses);
}

#[test]
fn a_hardware_address_stands_behind_the_name_of_its_interface() {
    let mut bytes = alloc::vec![0; 120];
    (bytes[0], bytes[2], bytes[3], bytes[12]) = (120 + 16 + 24, 4, 4, 3);
    bytes.extend([16, 2, 0, 0, 10, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([20, 18, 2, 0, 6, 5, 6, 0, b'v', b'i', b'r', b't', b'0', 2, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
    let (_, addresses) = route(&bytes).unwrap();
    let link = LinkAddress {
        index: 2,
        kind: IFT_ETHER,
        name: b"virt0".to_vec(),
        hardware: alloc::vec![2, 0, 0, 0, 0, 9],
    };
    assert_eq!(addresses.gateway.as_ref().and_then(Address::link), Some(&link));
    let again = Message::Route(RtMsghdr::new(RTM_GET), addresses.clone()).to_bytes();
    assert_eq!(route(&again).unwrap().1, addresses);
    bytes[136 + 6] = 8;
    assert_eq!(route(&bytes), Err(Malformed::Address), "it goes beyond its own end");
}

#[test]
fn interfaces_and_their_addresses_are_read_as_they_are_written() {
    let data = IfData::read(&[3; 136]).unwrap();
    let header =
        IfMsghdr { length: 0, version: 0, kind: RTM_IFINFO, addresses: 0, flags: 0x8843, index: 2, data };
    let link = LinkAddress { index: 2, kind: IFT_ETHER, name: b"virt0".to_vec(), hardware: Vec::new() };
    let of_interface = Addresses { interface: Some(Address::Link(link)), ..Addresses::default() };
    let mut bytes = Message::Interface(header, of_interface.clone()).to_bytes();
    assert_eq!(bytes.len(), 152 + 32);
    assert_eq!(bytes[..16], [184, 0, 4, 0x14, 0x10, 0, 0, 0, 0x43, 0x88, 0, 0, 2, 0, 0, 0]);
    let header = IfaMsghdr {
        length: 0,
        version: 0,
        kind: RTM_NEWADDR,
        index: 2,
        flags: 0,
        addresses: 0,
        pid: 0x0102,
        address_flags: 2,
        metric: 5,
    };
    let of_address = Addresses {
        mask: Some(24),
        own: Some(Address::Inet([10, 0, 0, 1].into())),
        broadcast: Some(Address::Inet([10, 0, 0, 255].into())),
        ..of_interface.clone()
    };
    let address = Message::Address(header, of_address.clone()).to_bytes();
    assert_eq!(address.len(), 32 + 16 + 32 + 16 + 16);
    assert_eq!(address[..8], [112, 0, 4, 0x16, 2, 0, 0, 0]);
    assert_eq!(address[12..28], [0xb4, 0, 0, 0, 2, 1, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0]);
    bytes.extend(address);
    let name = *b"virt0\0\0\0\0\0\0\0\0\0\0\0";
    let announced =
        IfAnnouncemsghdr { length: 24, version: 4, kind: RTM_IFANNOUNCE, index: 2, name, what: 1 };
    bytes.extend(Message::Announcement(announced).to_bytes());
    let all: Vec<Message> = messages(&bytes).map(Result::unwrap).collect();
    let [Message::Interface(first, one), Message::Address(second, two), third] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!((first.flags, first.data, one), (0x8843, data, &of_interface));
    assert_eq!((second.metric, two), (5, &of_address));
    assert_eq!(*third, Message::Announcement(announced));
}

#[test]
fn what_is_cut_short_is_no_message() {
    let whole = add();
    for count in 0..whole.len() {
        assert_eq!(route(&whole[..count]), Err(Malformed::Length), "{count}");
        let mut bytes = whole.clone();
        bytes[0] = count as u8;
        let read = route(&bytes);
        match count {
            // The padding behind the last address may be missing.
            158.. => assert!(read.is_ok(), "{count}"),
            120.. => assert_eq!(read, Err(Malformed::Address), "{count}"),
            _ => assert_eq!(read, Err(Malformed::Length), "{count}"),
        }
    }
    let mut bytes = whole.clone();
    bytes[2] = 3;
    assert_eq!(route(&bytes), Err(Malformed::Version));
    let mut bytes = whole;
    bytes[12] = 4;
    assert_eq!(route(&bytes), Err(Malformed::Address), "a mask of nothing");
    assert_eq!(messages(&[0; 8]).collect::<Vec<_>>(), [Err(Malformed::Length)]);
    assert_eq!(Message::parse(&[4, 0, 4, 0x11]), Ok((Message::Other(0x11), 4)));
}
