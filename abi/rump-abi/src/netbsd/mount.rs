//! Arguments of `mount`, a structure for each type of file systems, and flags; and what both mean to our drivers, for all who
//! take them.

use super::Layout;
use crate::{Errno, MountFlags};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

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

/// The kernel's flags. Errors: EOPNOTSUPP (what it has not), EINVAL (what is none).
pub fn flags(bits: u32) -> Result<MountFlags, Errno> {
    if bits & REFUSED != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let flags = MountFlags::from_bits_truncate(bits);
    if bits & !(flags.bits() | IGNORED) != 0 { Err(Errno::EINVAL) } else { Ok(flags) }
}

/// Which structure the arguments of a mount are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arguments {
    /// None.
    Nothing,
    /// [`UfsArgs`].
    Disk,
    /// [`MsdosfsArgs`].
    Msdosfs,
    /// [`IsoArgs`].
    Iso,
    /// [`TmpfsArgs`].
    Tmpfs,
}

impl Arguments {
    /// Those of a type, of a length in bytes if that is told: `fspec` alone will do for every type on disks, and nothing at
    /// all for those without.
    pub fn of(fs_type: &[u8], length: Option<u64>) -> Self {
        let is_disk_alone = length == Some(UfsArgs::SIZE as u64);
        match fs_type {
            b"kernfs" => Self::Nothing,
            b"tmpfs" if length == Some(0) => Self::Nothing,
            b"tmpfs" => Self::Tmpfs,
            b"msdos" if !is_disk_alone => Self::Msdosfs,
            b"cd9660" if !is_disk_alone => Self::Iso,
            _ => Self::Disk,
        }
    }
}

impl MsdosfsArgs {
    /// Options as the driver reads them.
    pub fn options(&self) -> String {
        let version = if self.flags & MSDOSFSMNT_VERSIONED != 0 { self.version } else { 1 };
        // NetBSD's masks are what is granted, the options' what is not.
        let denied = |mask: u32| !mask & 0o777;
        let dirmask = if version >= 2 { self.dirmask } else { self.mask };
        let mut options = String::new();
        let _ = write!(options, "uid={},gid={}", self.uid, self.gid);
        let _ = write!(options, ",fmask={:o},dmask={:o}", denied(self.mask), denied(dirmask));
        if version >= 3 {
            let _ = write!(options, ",time_offset={}", self.gmtoff / 60);
        }
        options
    }
}

impl IsoArgs {
    /// Options as the driver reads them. Errors: EOPNOTSUPP (a flag that has none).
    pub fn options(&self) -> Result<String, Errno> {
        const ALL: [(u32, &str); 3] =
            [(ISOFSMNT_NORRIP, "norrip"), (ISOFSMNT_NOJOLIET, "nojoliet"), (ISOFSMNT_NOCASETRANS, "map=off")];
        if self.flags & !ALL.iter().fold(0, |known, (flag, _)| known | flag) != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let said = ALL.iter().filter(|(flag, _)| self.flags & flag != 0);
        Ok(said.map(|(_, option)| *option).collect::<Vec<_>>().join(","))
    }
}

impl TmpfsArgs {
    /// Options as the driver reads them; whom the root is to belong to, none of them says. Errors: EINVAL (a version that is
    /// not known).
    pub fn options(&self) -> Result<String, Errno> {
        if self.version != TMPFS_ARGS_VERSION {
            return Err(Errno::EINVAL);
        }
        let mut options = String::new();
        let _ = write!(options, "mode={:o}", self.root_mode & 0o7777);
        if self.nodes_max != 0 {
            let _ = write!(options, ",nr_inodes={}", self.nodes_max);
        }
        if self.size_max > 0 {
            let _ = write!(options, ",size={}", self.size_max);
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(flags(0x1_0001), Err(Errno::EOPNOTSUPP));
        assert_eq!(flags(0x1000_0000), Err(Errno::EINVAL));
    }

    #[test]
    fn what_is_granted_by_masks_is_not_denied() {
        let (flags, version) = (MSDOSFSMNT_VERSIONED, 3);
        let args = MsdosfsArgs {
            fspec: 0,
            uid: 1,
            gid: 2,
            mask: 0o644,
            flags,
            version,
            dirmask: 0o755,
            gmtoff: -7200,
        };
        assert_eq!(args.options(), "uid=1,gid=2,fmask=133,dmask=22,time_offset=-120");
        let first = MsdosfsArgs { flags: 0, ..args };
        assert_eq!(first.options(), "uid=1,gid=2,fmask=133,dmask=133");
    }

    #[test]
    fn flags_of_discs_are_options() {
        let options = |flags| IsoArgs { fspec: 0, flags }.options();
        assert_eq!(options(0), Ok(String::new()));
        assert_eq!(options(ISOFSMNT_NORRIP | ISOFSMNT_NOCASETRANS).as_deref(), Ok("norrip,map=off"));
        assert_eq!(options(0x2), Err(Errno::EOPNOTSUPP));
    }

    #[test]
    fn what_is_not_bounded_has_no_option() {
        let args = TmpfsArgs {
            version: 1,
            nodes_max: 0,
            size_max: -1,
            root_uid: 0,
            root_gid: 0,
            root_mode: 0o11777,
        };
        assert_eq!(args.options().as_deref(), Ok("mode=1777"));
        let bounded = TmpfsArgs { nodes_max: 7, size_max: 4096, ..args };
        assert_eq!(bounded.options().as_deref(), Ok("mode=1777,nr_inodes=7,size=4096"));
        assert_eq!(TmpfsArgs { version: 2, ..args }.options(), Err(Errno::EINVAL));
    }

    #[test]
    fn the_path_alone_will_do() {
        assert_eq!(Arguments::of(b"msdos", Some(8)), Arguments::Disk);
        assert_eq!(Arguments::of(b"msdos", None), Arguments::Msdosfs);
        assert_eq!(Arguments::of(b"cd9660", Some(144)), Arguments::Iso);
        assert_eq!(Arguments::of(b"tmpfs", Some(0)), Arguments::Nothing);
        assert_eq!(Arguments::of(b"ext2fs", None), Arguments::Disk);
    }
}
