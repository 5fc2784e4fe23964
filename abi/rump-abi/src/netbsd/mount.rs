//! Arguments of `mount`, a structure for each type of file systems, and flags.

use crate::MountFlags;

layout! {
    /// `struct ufs_args`, which those of ext2fs are, and with which those of all types on disks begin.
    struct UfsArgs[8] {
        /// The address of the path of the device.
        fspec: u64 = 0,
    }

    /// `struct msdosfs_args`. What old programs said of exports stands behind the path.
    struct MsdosfsArgs[168] {
        /// The address of the path of the device.
        fspec: u64 = 0,
        /// Owner of all files.
        uid: u32 = 136,
        /// Group of all files.
        gid: u32 = 140,
        /// Which permissions files have.
        mask: u32 = 144,
        /// `MSDOSFSMNT_*`.
        flags: u32 = 148,
        /// Which of the members behind it are there.
        version: i32 = 152,
        /// Which permissions directories have; from version 2 on.
        dirmask: u32 = 156,
        /// Seconds that the clock of the volume is ahead of UTC; from version 3 on.
        gmtoff: i32 = 160,
    }

    /// `struct iso_args`. What old programs said of exports stands behind the path.
    struct IsoArgs[144] {
        /// The address of the path of the device.
        fspec: u64 = 0,
        /// `ISOFSMNT_*`.
        flags: u32 = 136,
    }

    /// `struct tmpfs_args`.
    struct TmpfsArgs[40] {
        /// The version.
        version: i32 = 0,
        /// Inodes at most; zero: no limit.
        nodes_max: u64 = 8,
        /// Bytes at most; zero: no limit.
        size_max: i64 = 16,
        /// Owner of the root.
        root_uid: u32 = 24,
        /// Group of the root.
        root_gid: u32 = 28,
        /// Permissions of the root.
        root_mode: u32 = 32,
    }
}

/// The only version of `struct tmpfs_args`.
pub const TMPFS_ARGS_VERSION: i32 = 1;
/// `struct msdosfs_args` has a version.
pub const MSDOSFSMNT_VERSIONED: u32 = 0x10;
/// No Rock Ridge.
pub const ISOFSMNT_NORRIP: u32 = 0x1;
/// No Joliet.
pub const ISOFSMNT_NOJOLIET: u32 = 0x8;
/// Names as they are on the disc.
pub const ISOFSMNT_NOCASETRANS: u32 = 0x10;

/// `unmount`: by force.
pub const MNT_FORCE: u32 = 0x8_0000;
/// The file system is on this host.
pub const MNT_LOCAL: u32 = 0x1000;
/// The file system is the root.
pub const MNT_ROOTFS: u32 = 0x4000;
/// `getvfsstat`: waits for fresh facts.
pub const MNT_WAIT: u32 = 1;
/// `mount`: asks for the arguments of a mount.
pub const MNT_GETARGS: u32 = 0x40_0000;

/// Synchronous writes, union, update, reload and the arguments of a mount: what would mean something else if it were left out.
const REFUSED: u32 = 0x2 | 0x20 | 0x1_0000 | 0x4_0000 | MNT_GETARGS;
/// What holds anyhow, as nothing is executed and device nodes of mounts stand for nothing (`noexec`, `nosuid`, `nodev`,
/// `nocoredump`), or is advice (`async`, `relatime`, `log`, `extattr`, `nodevmtime`, `symperm`, `ignore`).
const IGNORED: u32 = 0x4
    | 0x8
    | 0x10
    | 0x8000
    | 0x40
    | 0x2_0000
    | 0x200_0000
    | 0x100_0000
    | 0x4000_0000
    | 0x2000_0000
    | 0x10_0000;

/// Why flags of a mount are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFlags {
    /// The kernel has not what they ask for (EOPNOTSUPP).
    Unsupported,
    /// They are none (EINVAL).
    Unknown,
}

/// The kernel's flags.
pub fn flags(bits: u32) -> Result<MountFlags, BadFlags> {
    if bits & REFUSED != 0 {
        return Err(BadFlags::Unsupported);
    }
    let flags = MountFlags::from_bits_truncate(bits);
    if bits & !(flags.bits() | IGNORED) != 0 { Err(BadFlags::Unknown) } else { Ok(flags) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    #[test]
    fn what_old_programs_said_of_exports_is_128_bytes() {
        let mut bytes = [0; 168];
        (bytes[0], bytes[136], bytes[152], bytes[160]) = (1, 2, 3, 60);
        let args = MsdosfsArgs::read(&bytes).unwrap();
        assert_eq!((args.fspec, args.uid, args.version, args.gmtoff), (1, 2, 3, 60));
        assert_eq!(args.to_bytes(), bytes);
        assert_eq!(IsoArgs { fspec: 0, flags: 9 }.to_bytes()[136..], [9, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn numbers_of_tmpfs_are_64_bits() {
        let mut bytes = [0; 40];
        (bytes[0], bytes[8], bytes[16], bytes[24], bytes[28], bytes[32]) = (1, 2, 3, 4, 5, 6);
        let args =
            TmpfsArgs { version: 1, nodes_max: 2, size_max: 3, root_uid: 4, root_gid: 5, root_mode: 6 };
        assert_eq!(args.to_bytes(), bytes);
        assert_eq!(TmpfsArgs::read(&bytes), Some(args));
    }

    #[test]
    fn flags_are_known_ignored_or_refused() {
        assert_eq!(flags(0x0400_000d), Ok(MountFlags::RDONLY | MountFlags::NOATIME));
        assert_eq!(flags(0x1_0001), Err(BadFlags::Unsupported));
        assert_eq!(flags(0x1000_0000), Err(BadFlags::Unknown));
    }
}
