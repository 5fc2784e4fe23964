//! `struct statvfs` (of `statvfs1`, before that of version 10).

/// Bytes of the name of a type of file systems, with the NUL that ends it.
pub const VFS_NAMELEN: usize = 32;
/// Bytes of a path, with the NUL that ends it.
pub const VFS_MNAMELEN: usize = 1024;

layout! {
    /// `struct statvfs`.
    struct StatVfsBuf[2256] {
        /// `MNT_*`.
        flag: u64 = 0,
        /// Size of a block in bytes.
        bsize: u64 = 8,
        /// In which bytes blocks are counted.
        frsize: u64 = 16,
        /// Preferred size of I/O in bytes.
        iosize: u64 = 24,
        /// Blocks.
        blocks: u64 = 32,
        /// Free blocks.
        bfree: u64 = 40,
        /// Free blocks for ordinary users.
        bavail: u64 = 48,
        /// Those that ordinary users cannot take.
        bresvd: u64 = 56,
        /// Inodes.
        files: u64 = 64,
        /// Free inodes.
        ffree: u64 = 72,
        /// Free inodes for ordinary users.
        favail: u64 = 80,
        /// Those that ordinary users cannot take.
        fresvd: u64 = 88,
        /// Reads and writes, waited for and not, of which nothing is counted.
        io: [u64; 4] = 96,
        /// Identifies it: two numbers.
        fsidx: [u32; 2] = 128,
        /// Identifies it.
        fsid: u64 = 136,
        /// The longest name.
        namemax: u64 = 144,
        /// Who mounted it.
        owner: u32 = 152,
        /// Its type.
        fstypename: [u8; VFS_NAMELEN] = 172,
        /// Where it is mounted.
        mntonname: [u8; VFS_MNAMELEN] = 204,
        /// What is mounted.
        mntfromname: [u8; VFS_MNAMELEN] = 1228,
    }
}

/// A name in its place, ended by a NUL; what is too long is cut.
pub fn name<const N: usize>(name: &[u8]) -> [u8; N] {
    let mut place = [0; N];
    let length = name.len().min(N.saturating_sub(1));
    place[..length].copy_from_slice(&name[..length]);
    place
}

/// The name in a place, up to the NUL that ends it.
pub fn name_in(place: &[u8]) -> &[u8] {
    place.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn facts_of_a_file_system_are_2256_bytes() {
        let mut bytes = [0; 2256];
        (bytes[0], bytes[8], bytes[144], bytes[152]) = (1, 2, 255, 7);
        bytes[172..175].copy_from_slice(b"ffs");
        bytes[204] = b'/';
        bytes[1228..1232].copy_from_slice(b"/dev");
        let facts = StatVfsBuf::read(&bytes).unwrap();
        assert_eq!((facts.flag, facts.bsize, facts.namemax, facts.owner), (1, 2, 255, 7));
        assert_eq!(facts.fstypename, name(b"ffs"));
        assert_eq!((name_in(&facts.mntonname), name_in(&facts.mntfromname)), (&b"/"[..], &b"/dev"[..]));
        assert_eq!(facts.to_bytes(), bytes);
    }

    #[test]
    fn a_name_that_is_too_long_is_cut() {
        assert_eq!(name::<4>(b"tmpfs"), *b"tmp\0");
        assert_eq!(name_in(b"abcd"), b"abcd");
    }
}
