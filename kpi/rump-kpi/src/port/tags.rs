//! Tags of virtual networks in frames of Ethernet (IEEE 802.1Q and 802.1ad).

use super::TagReceiver;
use crate::packet::Packet;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The types that say that a frame of Ethernet has a tag.
pub const TAG_TYPES: [u16; 2] = [0x8100, 0x88a8];
/// Bytes of Ethernet before its type, and with a tag and the type behind it.
const ETHERNET_TYPE: usize = 12;
const WITH_TAG: usize = 18;
/// Bytes of a tag.
const TAG_BYTES: usize = 4;
/// Tags of a frame that are looked behind.
const MOST_TAGS: usize = 2;
/// Bits of a tag that name the network.
const NETWORK: u16 = 0x0fff;

/// Hands tagged frames to whom they are for, and answers the rest.
pub(super) fn untangle(packets: Vec<Packet>, tags: &BTreeMap<u16, Arc<dyn TagReceiver>>) -> Vec<Packet> {
    let mut rest = Vec::with_capacity(packets.len());
    let mut tagged: BTreeMap<u16, Vec<Packet>> = BTreeMap::new();
    for mut packet in packets {
        match tag_of(&mut packet).filter(|network| tags.contains_key(network)) {
            Some(network) => tagged.entry(network).or_default().push(packet),
            None => rest.push(packet),
        }
    }
    for (network, packets) in tagged {
        tags[&network].receive(packets);
    }
    rest
}

/// The virtual network of a frame, if it has a tag.
fn tag_of(packet: &mut Packet) -> Option<u16> {
    let header = packet.first(WITH_TAG)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    TAG_TYPES.contains(&word(ETHERNET_TYPE)).then(|| word(ETHERNET_TYPE + 2) & NETWORK)
}

/// Bytes of a frame of Ethernet before what it carries: its header, and tags.
pub fn link_bytes(frame: &mut Packet) -> usize {
    let mut at = ETHERNET_TYPE;
    for _ in 0..MOST_TAGS {
        let is_tag = |word: &[u8]| TAG_TYPES.contains(&u16::from_be_bytes([word[0], word[1]]));
        if !frame.first(at + 2).is_some_and(|header| is_tag(&header[at..])) {
            break;
        }
        at += TAG_BYTES;
    }
    at + 2
}
