//! `struct pollfd`, and bits of `fd_set`.

use alloc::vec::Vec;

/// Bits of a word of `fd_set`.
const WORD_BITS: usize = 32;

layout! {
    /// `struct pollfd`.
    struct Pollfd[8] {
        /// The descriptor; a negative one is passed over.
        fd: i32 = 0,
        /// What is waited for.
        events: u16 = 4,
        /// What is so.
        revents: u16 = 6,
    }
}

/// Bytes of an `fd_set` that a call looks at, which is told of descriptors below `count`.
pub fn fd_set_bytes(count: usize) -> usize {
    count.div_ceil(WORD_BITS) * (WORD_BITS / 8)
}

/// The descriptors below `count` that a set has.
pub fn fd_set_members(bytes: &[u8], count: usize) -> impl Iterator<Item = u32> {
    let bits = count.min(bytes.len() * 8);
    (0..bits as u32).filter(|fd| bytes[*fd as usize / 8] & 1 << (fd % 8) != 0)
}

/// The set, which has room for descriptors below `count`, of some; those beyond are left out.
pub fn fd_set(members: impl IntoIterator<Item = u32>, count: usize) -> Vec<u8> {
    let mut bytes = alloc::vec![0; fd_set_bytes(count)];
    for fd in members {
        if let Some(byte) = bytes.get_mut(fd as usize / 8) {
            *byte |= 1 << (fd % 8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn a_set_has_words_of_32_bits() {
        assert_eq!([0, 1, 32, 33, 256].map(fd_set_bytes), [0, 4, 4, 8, 32]);
        let bytes = fd_set([0, 33, 64], 34);
        assert_eq!(bytes, [1, 0, 0, 0, 2, 0, 0, 0]);
        assert!(fd_set_members(&bytes, 34).eq([0, 33]));
        assert!(fd_set_members(&bytes, 33).eq([0]));
    }

    #[test]
    fn an_entry_of_poll_is_eight_bytes() {
        let entry = Pollfd { fd: -1, events: 0x41, revents: 0x20 };
        assert_eq!(entry.to_bytes(), [0xff, 0xff, 0xff, 0xff, 0x41, 0, 0x20, 0]);
    }
}
