//! The Internet control message protocol (RFC 792; RFC 1191 for the MTU of the next hop).
//!
//! ```text
//!  0     1     2           4                       8
//! +-----+-----+-----------+-----------------------+---
//! | type| code| checksum  | depends on the type   | content
//! +-----+-----+-----------+-----------------------+---
//! ```

use super::{Malformed, checksum};
use core::net::Ipv4Addr;
use rump_kpi::packet::{Checksum, Packet};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 8;

/// Why a destination cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// No route to the network.
    Network,
    /// No route to the host, or it does not answer.
    Host,
    /// The host does not know the protocol.
    Protocol,
    /// Nobody is at the port.
    Port,
    /// The packet is too long for the next link, and may not be cut.
    TooLong {
        /// What the next link takes; zero from routers older than RFC 1191.
        mtu: u16,
    },
    /// An administrator forbids it.
    Forbidden,
    /// Another code.
    Other(u8),
}

/// What a message says. Content follows it: the data of an echo, or the beginning of the packet that is complained of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Who gets this answers.
    EchoRequest {
        /// Whose.
        identifier: u16,
        /// Which.
        sequence: u16,
    },
    /// The answer.
    EchoReply {
        /// Whose.
        identifier: u16,
        /// Which.
        sequence: u16,
    },
    /// A packet did not arrive.
    Unreachable(Unreachable),
    /// A packet went through too many routers.
    TimeExceeded,
    /// Not all fragments of a packet came in time.
    ReassemblyTimeExceeded,
    /// A byte of a header is wrong.
    ParameterProblem {
        /// Which byte.
        pointer: u8,
    },
    /// There is a better router.
    Redirect {
        /// Which.
        router: Ipv4Addr,
    },
    /// Anything else.
    Other {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

/// Whether content of a packet asks for an echo.
pub fn is_echo_request(content: &Packet) -> bool {
    content.chunks().find_map(|chunk| chunk.first()) == Some(&8)
}

impl Message {
    /// Takes the header off a packet. Errors: [`Malformed::Short`], [`Malformed::Checksum`].
    pub fn take(packet: &mut Packet) -> Result<Self, Malformed> {
        if packet.checksum == Checksum::Unknown {
            let mut sum = checksum::Sum::default();
            sum.add_packet(packet, 0);
            if sum.finish() != 0 {
                return Err(Malformed::Checksum);
            }
        }
        let bytes = packet.first(HEADER_BYTES).ok_or(Malformed::Short)?;
        let (kind, code) = (bytes[0], bytes[1]);
        let words = [u16::from_be_bytes([bytes[4], bytes[5]]), u16::from_be_bytes([bytes[6], bytes[7]])];
        let router = Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
        let pointer = bytes[4];
        packet.advance(HEADER_BYTES);
        let [identifier, sequence] = words;
        Ok(match (kind, code) {
            (0, 0) => Self::EchoReply { identifier, sequence },
            (8, 0) => Self::EchoRequest { identifier, sequence },
            (3, code) => Self::Unreachable(match code {
                0 => Unreachable::Network,
                1 => Unreachable::Host,
                2 => Unreachable::Protocol,
                3 => Unreachable::Port,
                4 => Unreachable::TooLong { mtu: sequence },
                9 | 10 | 13 => Unreachable::Forbidden,
                code => Unreachable::Other(code),
            }),
            (5, 0..=3) => Self::Redirect { router },
            (11, 0) => Self::TimeExceeded,
            (11, 1) => Self::ReassemblyTimeExceeded,
            (12, 0) => Self::ParameterProblem { pointer },
            (kind, code) => Self::Other { kind, code },
        })
    }

    /// Whether it complains of a packet, or of nothing: of those nobody complains (RFC 1122, section 3.2.2).
    pub fn is_error(&self) -> bool {
        !matches!(self, Self::EchoRequest { .. } | Self::EchoReply { .. } | Self::Other { .. })
    }

    /// Puts the header before a packet, with its checksum.
    pub fn emit(&self, packet: &mut Packet) {
        let (kind, code, rest) = self.parts();
        let bytes = packet.prepend(HEADER_BYTES);
        (bytes[0], bytes[1]) = (kind, code);
        bytes[4..].copy_from_slice(&rest);
        let mut sum = checksum::Sum::default();
        sum.add_packet(packet, 0);
        let sum = sum.finish().to_be_bytes();
        packet.overwrite(2, &sum);
    }

    fn parts(&self) -> (u8, u8, [u8; 4]) {
        let words = |first: u16, second: u16| {
            let ([a, b], [c, d]) = (first.to_be_bytes(), second.to_be_bytes());
            [a, b, c, d]
        };
        match *self {
            Self::EchoReply { identifier, sequence } => (0, 0, words(identifier, sequence)),
            Self::EchoRequest { identifier, sequence } => (8, 0, words(identifier, sequence)),
            Self::Unreachable(why) => match why {
                Unreachable::Network => (3, 0, [0; 4]),
                Unreachable::Host => (3, 1, [0; 4]),
                Unreachable::Protocol => (3, 2, [0; 4]),
                Unreachable::Port => (3, 3, [0; 4]),
                Unreachable::TooLong { mtu } => (3, 4, words(0, mtu)),
                Unreachable::Forbidden => (3, 13, [0; 4]),
                Unreachable::Other(code) => (3, code, [0; 4]),
            },
            Self::TimeExceeded => (11, 0, [0; 4]),
            Self::ReassemblyTimeExceeded => (11, 1, [0; 4]),
            Self::ParameterProblem { pointer } => (12, 0, [pointer, 0, 0, 0]),
            Self::Redirect { router } => (5, 1, router.octets()),
            Self::Other { kind, code } => (kind, code, [0; 4]),
        }
    }
}
