//! The header of virtio-net (VIRTIO 1.2, section 5.1.6).
//!
//! ```text
//!  0       1       2       4       6       8       10      12
//! +-------+-------+-------+-------+-------+-------+-------+---
//! | flags | gso   | header| gso   | sum   | sum   | buffers
//! |       | type  | length| size  | start | offset|
//! +-------+-------+-------+-------+-------+-------+-------+---
//! ```
//!
//! What comes is the other side's word: each field that is followed is checked against the packet. The length of the
//! headers and the number of buffers are not followed.

use rump_hyper::packet::HEADER_BYTES;
use rump_kpi::packet::offload::{self, Headers};
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments};
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

const NEEDS_CHECKSUM: u8 = 1;
const CHECKSUM_IS_GOOD: u8 = 2;
const COALESCED: u8 = 4;
const NONE: u8 = 0;
const TCP4: u8 = 1;
const TCP6: u8 = 4;
const UDP: u8 = 5;
const ECN: u8 = 0x80;
/// Where the flags of TCP are, and the one that tells of congestion.
const TCP_FLAGS: usize = 13;
const CWR: u8 = 0x80;

#[derive(Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    flags: u8,
    gso_type: u8,
    header_length: U16,
    gso_size: U16,
    checksum_start: U16,
    checksum_offset: U16,
    buffers: U16,
}

const _: () = assert!(size_of::<Header>() == HEADER_BYTES);

/// The header of a frame of which nothing is asked.
pub const NOTHING: [u8; HEADER_BYTES] = [0; HEADER_BYTES];

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Gives a packet that came what its header says of it; before IP are `link` bytes.
pub fn apply(bytes: &[u8; HEADER_BYTES], packet: &mut Packet, link: usize) -> Result<(), Malformed> {
    let header = Header::ref_from_bytes(bytes).map_err(|_| Malformed)?;
    if header.flags & !(NEEDS_CHECKSUM | CHECKSUM_IS_GOOD | COALESCED) != 0 {
        return Err(Malformed);
    }
    packet.checksum = if header.flags & NEEDS_CHECKSUM != 0 {
        let (start, offset) = (header.checksum_start.get(), header.checksum_offset.get());
        let end = usize::from(start) + usize::from(offset) + 2;
        if usize::from(start) < link || end > packet.len() {
            return Err(Malformed);
        }
        Checksum::Missing { start, offset }
    } else if header.flags & CHECKSUM_IS_GOOD != 0 {
        Checksum::Good
    } else {
        Checksum::Unknown
    };
    let kind = match header.gso_type & !ECN {
        NONE if header.gso_type == NONE => return Ok(()),
        TCP4 => Segments::Tcp4,
        TCP6 => Segments::Tcp6,
        UDP if header.gso_type == UDP => Segments::Udp,
        _ => return Err(Malformed),
    };
    let size = header.gso_size.get();
    if size == 0 {
        return Err(Malformed);
    }
    packet.segmentation = Some(Segmentation { kind, size });
    let at = offload::headers(packet, link).map_err(|_| Malformed)?;
    let segments = (packet.len() - at.content).div_ceil(size.into());
    if segments > offload::MOST_SEGMENTS { Err(Malformed) } else { Ok(()) }
}

/// The header of a packet to send, whose checksum and segmentation the host takes.
pub fn of(packet: &mut Packet, link: usize) -> Result<[u8; HEADER_BYTES], Malformed> {
    let mut header = Header::default();
    match packet.checksum {
        Checksum::Missing { start, offset } => {
            header.flags = NEEDS_CHECKSUM;
            (header.checksum_start, header.checksum_offset) = (start.into(), offset.into());
        }
        Checksum::Good => header.flags = CHECKSUM_IS_GOOD,
        Checksum::Unknown => {}
    }
    if let Some(Segmentation { kind, size }) = packet.segmentation {
        let at = offload::headers(packet, link).map_err(|_| Malformed)?;
        header.gso_type = match kind {
            Segments::Tcp4 => TCP4,
            Segments::Tcp6 => TCP6,
            Segments::Udp => UDP,
        };
        if tells_of_congestion(packet, kind, &at) {
            header.gso_type |= ECN;
        }
        header.gso_size = size.into();
        header.header_length = U16::new(u16::try_from(at.content).map_err(|_| Malformed)?);
    }
    Ok(zerocopy::transmute!(header))
}

fn tells_of_congestion(packet: &mut Packet, kind: Segments, at: &Headers) -> bool {
    let flags = packet.first(at.content).and_then(|bytes| bytes.get(at.transport + TCP_FLAGS));
    kind != Segments::Udp && flags.is_some_and(|flags| flags & CWR != 0)
}
