//! Captures: what is read of files that others made, what others read of ours, and what devices do with them.
#![forbid(unsafe_code)]

mod build;
mod devices;
mod hostile;
mod oracle;

use bytes::Bytes;
use rump_kpi::KResult;
use rump_kpi::packet::Packet;
use rumpnet_pcap::{Frame, Reader};

/// All frames of a capture. Errors: the first.
fn frames(file: &[u8]) -> KResult<Vec<Frame>> {
    Reader::new(file)?.collect()
}

fn packet(bytes: &[u8]) -> Packet {
    // In two parts, as a packet with headers is.
    let (head, content) = bytes.split_at(bytes.len() / 2);
    let mut packet = Packet::with_content([Bytes::copy_from_slice(content)]);
    packet.prepend(head.len()).copy_from_slice(head);
    packet
}

/// A datagram from 192.0.2.1:9 to 192.0.2.2:7 in a frame of Ethernet to `02:...:02`, without a checksum of UDP.
fn datagram(content: &[u8]) -> Vec<u8> {
    let mut frame = [[2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1]].concat();
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((28 + content.len() as u16).to_be_bytes());
    frame.extend([0, 7, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    let sum: u32 = frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame.extend([0, 9, 0, 7]);
    frame.extend((8 + content.len() as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(content);
    frame
}
