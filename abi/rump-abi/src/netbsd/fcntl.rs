//! Commands of `fcntl`, `struct flock`, and what `flock` takes.

/// In place of a descriptor: paths begin at the working directory.
pub const AT_FDCWD: i32 = -100;

/// Duplicate.
pub const F_DUPFD: i32 = 0;
/// Ask for the flags of the descriptor.
pub const F_GETFD: i32 = 1;
/// Change them.
pub const F_SETFD: i32 = 2;
/// Ask for the flags of the open file.
pub const F_GETFL: i32 = 3;
/// Change them.
pub const F_SETFL: i32 = 4;
/// Ask for the lock that is in the way.
pub const F_GETLK: i32 = 7;
/// Lock, or fail.
pub const F_SETLK: i32 = 8;
/// Lock, and wait.
pub const F_SETLKW: i32 = 9;
/// Close all from a descriptor on.
pub const F_CLOSEM: i32 = 10;
/// The largest descriptor that is open.
pub const F_MAXFD: i32 = 11;
/// Duplicate, closed on exec.
pub const F_DUPFD_CLOEXEC: i32 = 12;
/// Ask whether writing in vain raises no signal.
pub const F_GETNOSIGPIPE: i32 = 13;
/// Change it.
pub const F_SETNOSIGPIPE: i32 = 14;
/// The flag of descriptors: close on exec.
pub const FD_CLOEXEC: u64 = 1;

/// A request of ioctl(2): the first offset at or after one that holds data.
pub const FIOSEEKDATA: u32 = 0xc008_6661;
/// The same for a hole.
pub const FIOSEEKHOLE: u32 = 0xc008_6662;

/// A shared lock.
pub const F_RDLCK: i16 = 1;
/// None.
pub const F_UNLCK: i16 = 2;
/// One that is held alone.
pub const F_WRLCK: i16 = 3;

/// `flock`: shared.
pub const LOCK_SH: u64 = 1;
/// `flock`: alone.
pub const LOCK_EX: u64 = 2;
/// `flock`: do not wait.
pub const LOCK_NB: u64 = 4;
/// `flock`: unlock.
pub const LOCK_UN: u64 = 8;

layout! {
    /// `struct flock`.
    struct Flock[24] {
        /// Where it begins.
        start: i64 = 0,
        /// How many bytes; zero: all.
        length: i64 = 8,
        /// Who holds it.
        pid: i32 = 16,
        /// `F_RDLCK` and its like.
        kind: i16 = 20,
        /// `SEEK_*`.
        whence: i16 = 22,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn a_lock_begins_with_its_range() {
        let lock = Flock { start: 1, length: -1, pid: 2, kind: F_WRLCK, whence: 1 };
        let mut bytes = [0; 24];
        (bytes[0], bytes[16], bytes[20], bytes[22]) = (1, 2, 3, 1);
        bytes[8..16].fill(0xff);
        assert_eq!(lock.to_bytes(), bytes);
        assert_eq!(Flock::read(&bytes), Some(lock));
    }
}
