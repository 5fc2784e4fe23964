//! Urgent data (RFC 6093): marks, the byte that is taken out, and the byte that stays.

use super::connections::connect;
use super::lan::{Impairment, Lan};
use super::pair;
use core::time::Duration;
use rump_kpi::{Errno, PollEvents};
use rumpnet_inet::tcp::TcpId;

fn read(lan: &mut Lan, socket: TcpId) -> Result<Vec<u8>, Errno> {
    let mut buffer = [0; 100];
    let count = lan.call(1, |stack, now| stack.tcp_receive(now, socket, &mut [&mut buffer], false))?;
    Ok(buffer[..count].to_vec())
}

fn sent(inline: bool) -> (Lan, TcpId) {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    lan.stack(1).tcp.find_mut(server).unwrap().choices.urgent_inline = inline;
    lan.call(0, |stack, now| stack.tcp_send(now, client, &[b"before"])).unwrap();
    lan.call(0, |stack, now| stack.tcp_send_urgent(now, client, &[b"x!"])).unwrap();
    lan.call(0, |stack, now| stack.tcp_send(now, client, &[b"after"])).unwrap();
    lan.run(Duration::from_secs(1));
    (lan, server)
}

#[test]
fn the_urgent_byte_is_read_apart_and_reading_stops_where_it_was() {
    let (mut lan, server) = sent(false);
    let pcb = lan.stack(1).tcp.find(server).unwrap();
    assert!(pcb.ready().contains(PollEvents::PRI) && !pcb.is_at_mark());
    assert_eq!(lan.stack(1).tcp_receive_urgent(server, true), Ok(b'!'));
    assert_eq!(lan.stack(1).tcp_receive_urgent(server, false), Ok(b'!'));
    assert_eq!(lan.stack(1).tcp_receive_urgent(server, false), Err(Errno::EINVAL));
    assert!(!lan.stack(1).tcp.find(server).unwrap().ready().contains(PollEvents::PRI));
    assert_eq!(read(&mut lan, server).unwrap(), b"beforex");
    assert!(lan.stack(1).tcp.find(server).unwrap().is_at_mark());
    assert_eq!(read(&mut lan, server).unwrap(), b"after");
    assert!(!lan.stack(1).tcp.find(server).unwrap().is_at_mark());
    assert_eq!(read(&mut lan, server), Err(Errno::EAGAIN));
}

#[test]
fn the_urgent_byte_stays_in_its_place_if_the_program_wants_that() {
    let (mut lan, server) = sent(true);
    assert_eq!(lan.stack(1).tcp_receive_urgent(server, false), Err(Errno::EINVAL));
    assert_eq!(read(&mut lan, server).unwrap(), b"beforex");
    assert!(lan.stack(1).tcp.find(server).unwrap().is_at_mark());
    assert_eq!(read(&mut lan, server).unwrap(), b"!after");
}

#[test]
fn an_urgent_byte_alone_is_nothing_to_read() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    assert_eq!(lan.stack(1).tcp_receive_urgent(server, false), Err(Errno::EINVAL));
    lan.call(0, |stack, now| stack.tcp_send_urgent(now, client, &[b"!"])).unwrap();
    lan.run(Duration::from_secs(1));
    let pcb = lan.stack(1).tcp.find(server).unwrap();
    assert!(pcb.ready().contains(PollEvents::PRI) && !pcb.ready().contains(PollEvents::IN));
    assert_eq!((pcb.is_at_mark(), pcb.amounts().to_receive), (true, 0));
    assert_eq!(read(&mut lan, server), Err(Errno::EAGAIN));
    assert_eq!(lan.stack(1).tcp_receive_urgent(server, false), Ok(b'!'));
}
