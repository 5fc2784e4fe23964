//! `struct iovec`, `struct msghdr`, `struct mmsghdr`.

/// Parts of one call at most (`IOV_MAX`).
pub const IOV_MAX: usize = 1024;

layout! {
    /// `struct iovec`: a part of memory.
    struct Iovec[16] {
        /// Its address.
        base: u64 = 0,
        /// Its length in bytes.
        length: u64 = 8,
    }

    /// `struct msghdr`: a message.
    struct Msghdr[48] {
        /// Where the address of a socket is, or goes.
        name: u64 = 0,
        /// How long it is.
        name_length: u32 = 8,
        /// Where its parts are listed.
        iov: u64 = 16,
        /// How many there are.
        iov_length: i32 = 24,
        /// Where its control data are, or go.
        control: u64 = 32,
        /// How long they are.
        control_length: u32 = 40,
        /// `MSG_*` of what was received.
        flags: i32 = 44,
    }

    /// `struct mmsghdr`: one of several messages.
    struct Mmsghdr[56] {
        /// The message.
        header: Msghdr = 0,
        /// How many bytes were sent or received.
        length: u32 = 48,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn a_message_is_48_bytes() {
        let mut bytes = [0; 56];
        for (at, value) in [(0, 1), (8, 2), (16, 3), (24, 4), (32, 5), (40, 6), (44, 7), (48, 8)] {
            bytes[at] = value;
        }
        let header = Msghdr {
            name: 1,
            name_length: 2,
            iov: 3,
            iov_length: 4,
            control: 5,
            control_length: 6,
            flags: 7,
        };
        assert_eq!(header.to_bytes(), &bytes[..48]);
        assert_eq!(Mmsghdr::read(&bytes), Some(Mmsghdr { header, length: 8 }));
    }

    #[test]
    fn a_part_is_an_address_and_a_length() {
        let part = Iovec { base: 0x1000, length: 5 };
        assert_eq!(part.to_bytes(), [0, 16, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    }
}
