//! Tags of frames (IEEE 802.1Q, section 9.6).

use rump_kpi::packet::Packet;
use rump_kpi::port::TAG_TYPES;

/// Both addresses of a frame, which are before its tag.
const ADDRESSES: usize = 12;
/// A tag with its type.
const TAG: usize = 4;

/// Puts a tag of priority zero into a frame. `None`: it is no frame.
pub fn insert(packet: &mut Packet, network: u16) -> Option<()> {
    let addresses: [u8; ADDRESSES] = packet.first(ADDRESSES)?.try_into().ok()?;
    packet.advance(ADDRESSES);
    let header = packet.prepend(ADDRESSES + TAG);
    let (place, tag) = header.split_at_mut(ADDRESSES);
    place.copy_from_slice(&addresses);
    tag[..2].copy_from_slice(&TAG_TYPES[0].to_be_bytes());
    tag[2..].copy_from_slice(&network.to_be_bytes());
    Some(())
}

/// Takes the outer tag out of a frame. `None`: it has none.
pub fn remove(packet: &mut Packet) -> Option<()> {
    let addresses: [u8; ADDRESSES] = packet.first(ADDRESSES + TAG)?.get(..ADDRESSES)?.try_into().ok()?;
    packet.advance(ADDRESSES + TAG);
    packet.prepend(ADDRESSES).copy_from_slice(&addresses);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rump_kpi::packet::Checksum;

    #[test]
    fn a_tag_is_between_the_addresses_and_the_type() {
        let plain = b"ddddddssssss\x08\x00content";
        let mut packet = Packet::received(Bytes::from_static(plain));
        packet.checksum = Checksum::Missing { start: 14, offset: 2 };
        insert(&mut packet, 7).unwrap();
        assert_eq!(packet.to_vec(), b"ddddddssssss\x81\x00\x00\x07\x08\x00content");
        assert_eq!(packet.checksum, Checksum::Missing { start: 18, offset: 2 });
        remove(&mut packet).unwrap();
        assert_eq!(packet.to_vec(), plain);
        assert_eq!(packet.checksum, Checksum::Missing { start: 14, offset: 2 });
        assert_eq!(insert(&mut Packet::received(Bytes::from_static(b"short")), 7), None);
        assert_eq!(remove(&mut Packet::received(Bytes::from_static(b"ddddddssssss\x81")),), None);
    }
}
