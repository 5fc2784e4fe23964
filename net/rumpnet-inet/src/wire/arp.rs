//! The address resolution protocol, for IPv4 on Ethernet (RFC 826).
//!
//! ```text
//!  0           2           4     5     6           8
//! +-----------+-----------+-----+-----+-----------+
//! | hardware 1| IPv4      |  6  |  4  | operation |
//! +-----------+-----------+-----+-----+-----------+
//! | sender's hardware (6), protocol address (4)   |
//! +-----------------------------------------------+
//! | target's hardware (6), protocol address (4)   |
//! +-----------------------------------------------+
//! ```

use super::Malformed;
use super::ethernet::{EtherType, MacAddress};
use core::net::Ipv4Addr;
use rump_kpi::packet::Packet;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Hardware number of Ethernet.
const ETHERNET: u16 = 1;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    hardware: U16,
    protocol: U16,
    hardware_length: u8,
    protocol_length: u8,
    operation: U16,
    sender_hardware: MacAddress,
    sender_protocol: [u8; 4],
    target_hardware: MacAddress,
    target_protocol: [u8; 4],
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target's protocol address?
    Request,
    /// The sender has it.
    Reply,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub operation: Operation,
    /// Who sends it.
    pub sender: (MacAddress, Ipv4Addr),
    /// Whom it is about; in a request the hardware address means nothing.
    pub target: (MacAddress, Ipv4Addr),
}

impl Message {
    /// Reads a message. Errors: [`Malformed::Short`], [`Malformed::Header`] (other hardware, protocol or operation),
    /// [`Malformed::Address`] (no single device can be the sender).
    pub fn parse(packet: &mut Packet) -> Result<Self, Malformed> {
        let bytes = packet.first(size_of::<Header>()).ok_or(Malformed::Short)?;
        let header = Header::ref_from_bytes(bytes).map_err(|_| Malformed::Short)?;
        let kind = (header.hardware.get(), EtherType(header.protocol.get()));
        let lengths = (header.hardware_length, header.protocol_length);
        if kind != (ETHERNET, EtherType::IPV4) || lengths != (6, 4) {
            return Err(Malformed::Header);
        }
        let operation = match header.operation.get() {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return Err(Malformed::Header),
        };
        let sender = (header.sender_hardware, Ipv4Addr::from(header.sender_protocol));
        if !sender.0.is_unicast() || sender.1.is_multicast() || sender.1.is_broadcast() {
            return Err(Malformed::Address);
        }
        let target = (header.target_hardware, Ipv4Addr::from(header.target_protocol));
        Ok(Self { operation, sender, target })
    }

    /// A packet with this message.
    pub fn emit(&self) -> Packet {
        let header = Header {
            hardware: U16::new(ETHERNET),
            protocol: U16::new(EtherType::IPV4.0),
            hardware_length: 6,
            protocol_length: 4,
            operation: U16::new(if self.operation == Operation::Request { 1 } else { 2 }),
            sender_hardware: self.sender.0,
            sender_protocol: self.sender.1.octets(),
            target_hardware: self.target.0,
            target_protocol: self.target.1.octets(),
        };
        let mut packet = Packet::with_content([]);
        packet.prepend(size_of::<Header>()).copy_from_slice(header.as_bytes());
        packet
    }
}
