//! Control data of messages: `struct cmsghdr`, and behind each what it says, at multiples of eight.

use super::Layout;
pub use crate::sockopt::{IP_RECVDSTADDR, IP_RECVPKTINFO, IP_RECVTTL, IPV6_TCLASS};
use alloc::vec::Vec;

/// Descriptors.
pub const SCM_RIGHTS: i32 = 0x01;
/// When it came.
pub const SCM_TIMESTAMP: i32 = 0x08;
/// Who sent it.
pub const SCM_CREDS: i32 = 0x10;
/// IPv4: as which address, and by which interface, it is sent.
pub const IP_PKTINFO: i32 = 25;
/// IPv6: an address, and an interface.
pub const IPV6_PKTINFO: i32 = 46;
/// IPv6: how many more routers may pass it on.
pub const IPV6_HOPLIMIT: i32 = 47;

/// Where what a header says begins, behind it.
pub const DATA: usize = 16;
/// Headers begin at multiples of this.
const ALIGN: usize = 8;

layout! {
    /// `struct cmsghdr`.
    struct Cmsghdr[12] {
        /// Bytes up to the end of what it says, itself included.
        length: u32 = 0,
        /// The level.
        level: i32 = 4,
        /// What it is of that level.
        kind: i32 = 8,
    }

    /// `struct in_pktinfo`.
    struct InPktinfo[8] {
        /// The address, in the order of the network.
        address: [u8; 4] = 0,
        /// The number of the interface.
        interface: u32 = 4,
    }

    /// `struct in6_pktinfo`.
    struct In6Pktinfo[20] {
        /// The address.
        address: [u8; 16] = 0,
        /// The number of the interface.
        interface: u32 = 16,
    }

    /// `struct sockcred`, without other groups.
    struct Sockcred[24] {
        /// The process.
        pid: i32 = 0,
        /// The real user.
        uid: u32 = 4,
        /// The effective user.
        euid: u32 = 8,
        /// The real group.
        gid: u32 = 12,
        /// The effective group.
        egid: u32 = 16,
        /// How many other groups follow.
        ngroups: i32 = 20,
    }
}

/// What one header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The level.
    pub level: i32,
    /// What it is of that level.
    pub kind: i32,
    /// What it says.
    pub data: &'a [u8],
}

/// The items of control data; `None` in the place of one whose length makes no sense, which is the last.
pub fn items(mut bytes: &[u8]) -> impl Iterator<Item = Option<Item<'_>>> {
    core::iter::from_fn(move || {
        let header = Cmsghdr::read(bytes)?;
        let length = header.length as usize;
        let item = bytes.get(DATA..length).map(|data| Item { level: header.level, kind: header.kind, data });
        let next = item.map(|_| length.next_multiple_of(ALIGN));
        bytes = next.and_then(|next| bytes.get(next..)).unwrap_or_default();
        Some(item)
    })
}

/// Appends an item, if it fits where there is room for `room` bytes; the padding behind the last may be missing.
pub fn push(bytes: &mut Vec<u8>, item: Item<'_>, room: usize) -> bool {
    let (begin, length) = (bytes.len(), DATA + item.data.len());
    if begin + length > room {
        return false;
    }
    let header = Cmsghdr { length: length as u32, level: item.level, kind: item.kind };
    bytes.extend(header.to_bytes());
    bytes.resize(begin + DATA, 0);
    bytes.extend(item.data);
    bytes.resize((begin + length.next_multiple_of(ALIGN)).min(room), 0);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_begin_at_16_and_headers_at_multiples_of_eight() {
        let (mut bytes, data) = (Vec::new(), [7, 0, 0, 0]);
        let first = Item { level: 0xffff, kind: SCM_RIGHTS, data: &data };
        assert!(push(&mut bytes, first, 100));
        let expected =
            [20, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0].as_slice();
        assert_eq!(bytes, expected);
        let second = Item { level: 0, kind: IP_RECVTTL, data: &data[..1] };
        assert!(!push(&mut bytes, second, 40));
        assert!(push(&mut bytes, second, 41));
        assert_eq!(bytes.len(), 41);
        assert!(items(&bytes).eq([Some(first), Some(second)]));
    }

    #[test]
    fn an_item_of_a_senseless_length_is_the_last() {
        for length in [0_u32, 15, 33, u32::MAX] {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&length.to_le_bytes());
            assert!(items(&bytes).eq([None]), "{length}");
        }
        assert_eq!(items(&[1; 11]).count(), 0);
    }
}
