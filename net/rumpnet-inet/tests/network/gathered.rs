//! What comes at once: what it allows to be sent goes in few long segments.

use super::{ONE, TWO, at, content};
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::device::{DeviceInfo, Medium, Offloads};
use rump_kpi::packet::{Packet, offload};
use rumpnet_inet::address::Version;
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::stack::Stack;
use rumpnet_inet::time::Instant;

const NOW: Instant = Duration::from_secs(10);

/// A host at a tunnel that cuts.
fn host(own: core::net::Ipv4Addr) -> (Stack, InterfaceId) {
    let mut stack = Stack::new(own.octets()[3].into());
    let device = DeviceInfo { medium: Medium::Ip, mtu: 1500, offloads: Offloads::all() };
    let id = stack.add_interface("tun0", &device).unwrap();
    stack.set_up(id, true).unwrap();
    stack.add_address(id, own, 24).unwrap();
    stack.take_sent();
    (stack, id)
}

/// What a host sent, as it is on a wire.
fn cut(stack: &mut Stack) -> Vec<Packet> {
    let sent = stack.take_sent().into_iter();
    sent.flat_map(|(_, packet)| offload::cut(packet, 0).unwrap()).collect()
}

/// The lengths of what a host sends, when acknowledgements of a first window come to it at once or one by one.
fn answers(at_once: bool) -> Vec<usize> {
    let ((mut one, wire), (mut two, _)) = (host(ONE), host(TWO));
    let listener = two.tcp_socket(Version::V4);
    two.tcp_bind(listener, at(TWO, 80)).unwrap();
    two.tcp_listen(listener, 1).unwrap();
    let client = one.tcp_socket(Version::V4);
    assert_eq!(one.tcp_connect(NOW, client, at(TWO, 80)), Err(Errno::EINPROGRESS));
    for _ in 0..2 {
        cut(&mut one).into_iter().for_each(|packet| two.input(NOW, wire, packet));
        cut(&mut two).into_iter().for_each(|packet| one.input(NOW, wire, packet));
    }
    assert_eq!(one.tcp_send(NOW, client, &[&content(100_000)]), Ok(100_000));
    let window = cut(&mut one);
    window.into_iter().for_each(|packet| two.input(NOW, wire, packet));
    let acknowledgements = cut(&mut two);
    assert!(acknowledgements.len() >= 4, "one for two segments");
    if at_once {
        one.input_all(NOW, wire, acknowledgements);
    } else {
        acknowledgements.into_iter().for_each(|packet| one.input(NOW, wire, packet));
    }
    one.take_sent().iter().map(|(_, packet)| packet.len()).collect()
}

#[test]
fn acknowledgements_that_come_at_once_are_answered_by_one_long_segment() {
    let (together, apart) = (answers(true), answers(false));
    assert!(apart.len() >= 4, "{apart:?}");
    let [length] = together[..] else { panic!("{together:?}") };
    let headers = (apart.iter().sum::<usize>() - length) / (apart.len() - 1);
    assert!((40..=60).contains(&headers), "as many bytes: {together:?}, {apart:?}");
}
