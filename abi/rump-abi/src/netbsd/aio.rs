//! `struct aiocb`, and the numbers of asynchronous input and output.

use super::signal::Sigevent;

layout! {
    /// `struct aiocb`.
    struct Aiocb[88] {
        /// Where in the file.
        offset: i64 = 0,
        /// The address of the buffer.
        buf: u64 = 8,
        /// How many bytes.
        nbytes: u64 = 16,
        /// The descriptor.
        fildes: i32 = 24,
        /// `LIO_*`.
        lio_opcode: i32 = 28,
        /// How urgent it is.
        reqprio: i32 = 32,
        /// How the process hears that it is done.
        sigevent: Sigevent = 40,
        /// The kernel's.
        state: i32 = 72,
        /// The error, once it is done.
        errno: i32 = 76,
        /// The result, once it is done.
        retval: i64 = 80,
    }

    /// The members of `struct aiocb` that are the kernel's.
    struct Ended[16] {
        /// `JOB_*`.
        state: i32 = 0,
        /// The error.
        errno: i32 = 4,
        /// The result.
        retval: i64 = 8,
    }
}

impl Ended {
    /// Where they begin in `struct aiocb`.
    pub const OFFSET: u64 = 72;
}

/// It is done.
pub const JOB_DONE: i32 = 2;

/// All requests were cancelled.
pub const AIO_CANCELED: i32 = 1;
/// Some could not be.
pub const AIO_NOTCANCELED: i32 = 2;
/// All were done.
pub const AIO_ALLDONE: i32 = 3;

/// Nothing.
pub const LIO_NOP: i32 = 0;
/// Write.
pub const LIO_WRITE: i32 = 1;
/// Read.
pub const LIO_READ: i32 = 2;
/// The call does not wait.
pub const LIO_NOWAIT: i32 = 0;
/// The call waits.
pub const LIO_WAIT: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn a_request_has_its_event_at_40() {
        let mut bytes = [0; 88];
        bytes[8..16].copy_from_slice(&0x7f00_1234_u64.to_le_bytes());
        bytes[40] = 1;
        bytes[44] = 14;
        bytes[80..].fill(0xff);
        let request = Aiocb::read(&bytes).unwrap();
        assert_eq!((request.buf, request.retval), (0x7f00_1234, -1));
        assert_eq!((request.sigevent.notify, request.sigevent.signo), (1, 14));
        assert_eq!(request.to_bytes(), bytes);
        let ended = Ended::read(&bytes[Ended::OFFSET as usize..]).unwrap();
        assert_eq!((ended.state, ended.errno, ended.retval), (0, 0, -1));
    }
}
