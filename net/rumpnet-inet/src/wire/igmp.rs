//! The checksum of messages of IGMP (RFC 3376, section 4.1.2); the messages are in [`super::group`].

use super::{Malformed, checksum};
use alloc::vec::Vec;
use rump_kpi::packet::{Checksum, Packet};

/// Checks a packet, and answers all of it. Errors: [`Malformed::Short`], [`Malformed::Checksum`].
pub fn take(packet: &Packet) -> Result<Vec<u8>, Malformed> {
    let bytes = packet.to_vec();
    if bytes.len() < 8 {
        return Err(Malformed::Short);
    }
    if packet.checksum == Checksum::Unknown && checksum::of(&bytes) != 0 {
        return Err(Malformed::Checksum);
    }
    Ok(bytes)
}

/// A packet with a message, whose checksum is made.
pub fn emit(mut message: Vec<u8>) -> Packet {
    let sum = checksum::of(&message).to_be_bytes();
    if let Some(place) = message.get_mut(2..4) {
        place.copy_from_slice(&sum);
    }
    Packet::with_content([message.into()])
}
