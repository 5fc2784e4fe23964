//! The Internet control message protocol for IPv6 (RFC 4443).
//!
//! ```text
//!  0     1     2           4                       8
//! +-----+-----+-----------+-----------------------+---
//! | type| code| checksum  | depends on the type   | content
//! +-----+-----+-----------+-----------------------+---
//! ```

use super::Malformed;
use super::checksum::Sum;
use rump_kpi::packet::{Checksum, Packet};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 8;
/// Where the checksum is.
pub const CHECKSUM_AT: u16 = 2;

/// Why a destination cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// No route to it.
    NoRoute,
    /// An administrator forbids it.
    Forbidden,
    /// The source's address means nothing there.
    BeyondScope,
    /// It does not answer.
    Address,
    /// Nobody is at the port.
    Port,
    /// The source's address is not let out.
    SourcePolicy,
    /// The route rejects it.
    RejectRoute,
    /// Another code.
    Other(u8),
}

impl Unreachable {
    const ALL: [Self; 7] = [
        Self::NoRoute,
        Self::Forbidden,
        Self::BeyondScope,
        Self::Address,
        Self::Port,
        Self::SourcePolicy,
        Self::RejectRoute,
    ];

    fn of(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Other(code))
    }

    fn code(self) -> u8 {
        match self {
            Self::Other(code) => code,
            known => Self::ALL.iter().position(|other| *other == known).unwrap_or(0) as u8,
        }
    }
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A field.
    Field,
    /// Nobody knows the next header.
    NextHeader,
    /// Nobody knows the option.
    Option,
    /// The first fragment lacks a part of the headers (RFC 7112).
    HeaderChain,
    /// Another code.
    Other(u8),
}

impl Problem {
    fn code(self) -> u8 {
        match self {
            Self::Field => 0,
            Self::NextHeader => 1,
            Self::Option => 2,
            Self::HeaderChain => 3,
            Self::Other(code) => code,
        }
    }
}

/// What a message says. Content follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A packet did not arrive.
    Unreachable(Unreachable),
    /// A packet is longer than the next link takes.
    PacketTooBig {
        /// What that takes.
        mtu: u32,
    },
    /// A packet went through too many routers.
    TimeExceeded,
    /// Not all fragments of a packet came in time.
    ReassemblyTimeExceeded,
    /// A header cannot be understood.
    ParameterProblem {
        /// Why.
        problem: Problem,
        /// Where, from the beginning of the packet.
        pointer: u32,
    },
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
    /// Anything else.
    Other {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

/// Type of the redirect: nobody complains of one (RFC 4443, section 2.4 (e)).
pub const REDIRECT: u8 = 137;
const ECHO_REQUEST: u8 = 128;

/// Whether a type of message is a complaint, or of those that nobody complains of.
pub fn is_error(kind: u8) -> bool {
    kind < 128 || kind == REDIRECT
}

/// Whether content of a packet asks for an echo.
pub fn is_echo_request(content: &Packet) -> bool {
    content.chunks().next().and_then(<[u8]>::first) == Some(&ECHO_REQUEST)
}

/// Checks the checksum of a packet, whose type is to be looked at then. Errors: [`Malformed::Checksum`].
pub fn check(packet: &Packet, pseudo: impl FnOnce(usize) -> Sum) -> Result<(), Malformed> {
    if packet.checksum == Checksum::Unknown {
        let mut sum = pseudo(packet.len());
        sum.add_packet(packet, 0);
        if sum.finish() != 0 {
            return Err(Malformed::Checksum);
        }
    }
    Ok(())
}

impl Message {
    /// Takes the header off a packet, whose checksum was checked. Errors: [`Malformed::Short`].
    pub fn take(packet: &mut Packet) -> Result<Self, Malformed> {
        let bytes = packet.first(HEADER_BYTES).ok_or(Malformed::Short)?;
        let (kind, code) = (bytes[0], bytes[1]);
        let word = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        packet.advance(HEADER_BYTES);
        let (identifier, sequence) = ((word >> 16) as u16, word as u16);
        Ok(match (kind, code) {
            (1, code) => Self::Unreachable(Unreachable::of(code)),
            // Any code will do (section 3.2).
            (2, _) => Self::PacketTooBig { mtu: word },
            (3, 0) => Self::TimeExceeded,
            (3, 1) => Self::ReassemblyTimeExceeded,
            (4, code) => {
                let problem = match code {
                    0 => Problem::Field,
                    1 => Problem::NextHeader,
                    2 => Problem::Option,
                    3 => Problem::HeaderChain,
                    code => Problem::Other(code),
                };
                Self::ParameterProblem { problem, pointer: word }
            }
            (ECHO_REQUEST, 0) => Self::EchoRequest { identifier, sequence },
            (129, 0) => Self::EchoReply { identifier, sequence },
            (kind, code) => Self::Other { kind, code },
        })
    }

    /// Puts the header before a packet; the checksum is left to whoever sends it.
    pub fn emit(&self, packet: &mut Packet, pseudo: impl FnOnce(usize) -> Sum) {
        let echo = |identifier: u16, sequence: u16| u32::from(identifier) << 16 | u32::from(sequence);
        let (kind, code, word) = match *self {
            Self::Unreachable(why) => (1, why.code(), 0),
            Self::PacketTooBig { mtu } => (2, 0, mtu),
            Self::TimeExceeded => (3, 0, 0),
            Self::ReassemblyTimeExceeded => (3, 1, 0),
            Self::ParameterProblem { problem, pointer } => (4, problem.code(), pointer),
            Self::EchoRequest { identifier, sequence } => (ECHO_REQUEST, 0, echo(identifier, sequence)),
            Self::EchoReply { identifier, sequence } => (129, 0, echo(identifier, sequence)),
            Self::Other { kind, code } => (kind, code, 0),
        };
        emit(packet, kind, code, &word.to_be_bytes(), pseudo);
    }
}

/// Puts any header before a packet: `rest` is what follows the checksum.
pub fn emit(packet: &mut Packet, kind: u8, code: u8, rest: &[u8], pseudo: impl FnOnce(usize) -> Sum) {
    let sum = pseudo(packet.len() + 4 + rest.len()).partial().to_be_bytes();
    let bytes = packet.prepend(4 + rest.len());
    (bytes[0], bytes[1]) = (kind, code);
    bytes[2..4].copy_from_slice(&sum);
    bytes[4..].copy_from_slice(rest);
    packet.checksum = Checksum::Missing { start: 0, offset: CHECKSUM_AT };
}
