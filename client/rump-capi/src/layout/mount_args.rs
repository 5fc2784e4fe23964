//! Arguments of mount(2): the structures of `rump/rumpfs.h`, one for each type that has its own, and flags.
//!
//! The members are those that NetBSD's structures have, in their order, without what only its kernel fills.

use crate::pointer::{Source, Text};
use libc::{c_char, c_int, gid_t, ino_t, mode_t, off_t, uid_t};
use rump_abi::{Errno, MountFlags};
use rump_kpi::KResult;
use std::fmt::Write;

/// `struct ufs_args`, and the beginning of those of all types on disks.
#[derive(Clone, Copy)]
#[repr(C)]
struct UfsArgs {
    fspec: *const c_char,
}

/// `struct msdosfs_args`.
#[derive(Clone, Copy)]
#[repr(C)]
struct MsdosfsArgs {
    disk: UfsArgs,
    uid: uid_t,
    gid: gid_t,
    mask: mode_t,
    flags: c_int,
    version: c_int,
    dirmask: mode_t,
    gmtoff: c_int,
}

/// `struct iso_args`.
#[derive(Clone, Copy)]
#[repr(C)]
struct IsoArgs {
    disk: UfsArgs,
    flags: c_int,
}

/// `struct tmpfs_args`.
#[derive(Clone, Copy)]
#[repr(C)]
struct TmpfsArgs {
    ta_version: c_int,
    ta_nodes_max: ino_t,
    ta_size_max: off_t,
    ta_root_uid: uid_t,
    ta_root_gid: gid_t,
    ta_root_mode: mode_t,
}

layout!(UfsArgs, 8, fspec = 0);
layout!(
    MsdosfsArgs,
    40,
    disk = 0,
    uid = 8,
    gid = 12,
    mask = 16,
    flags = 20,
    version = 24,
    dirmask = 28,
    gmtoff = 32
);
layout!(IsoArgs, 16, disk = 0, flags = 8);
layout!(
    TmpfsArgs,
    40,
    ta_version = 0,
    ta_nodes_max = 8,
    ta_size_max = 16,
    ta_root_uid = 24,
    ta_root_gid = 28,
    ta_root_mode = 32
);

/// The only version of `struct tmpfs_args`.
const TMPFS_ARGS_VERSION: c_int = 1;
/// The structure has a version.
const MSDOSFSMNT_VERSIONED: c_int = 0x10;
const ISOFSMNT_NORRIP: c_int = 0x1;
const ISOFSMNT_NOJOLIET: c_int = 0x8;
const ISOFSMNT_NOCASETRANS: c_int = 0x10;

/// What the arguments of a mount say.
#[derive(Default)]
pub(crate) struct Said {
    /// The path of the device.
    pub source: Option<Vec<u8>>,
    /// Options as the driver reads them.
    pub options: String,
    /// Whom the root is to belong to.
    pub owner: Option<(u32, u32)>,
}

/// Reads the arguments for a type. The structure with `fspec` alone will do for every type on disks, and nothing at all
/// for those without. Errors: EINVAL (too short, or a version that is not known), EFAULT (null, or `fspec` is),
/// EOPNOTSUPP (a flag).
pub(crate) fn read(fs_type: &[u8], args: &Source, length: usize) -> KResult<Said> {
    let is_disk_alone = length == size_of::<UfsArgs>();
    match fs_type {
        b"kernfs" => Ok(Said::default()),
        b"tmpfs" if length == 0 => Ok(Said::default()),
        b"tmpfs" => tmpfs(args.structure(length)?),
        b"msdos" if !is_disk_alone => msdos(args.structure(length)?),
        b"cd9660" if !is_disk_alone => iso(args.structure(length)?),
        _ => on_disk(args.structure(length)?, String::new()),
    }
}

/// Errors: EFAULT (no path).
fn on_disk(args: UfsArgs, options: String) -> KResult<Said> {
    // SAFETY: it is a string, or null, which is the promise that comes with the structure.
    let source = unsafe { Text::of(args.fspec) }.bytes()?.to_vec();
    Ok(Said { source: Some(source), options, owner: None })
}

fn msdos(args: MsdosfsArgs) -> KResult<Said> {
    let version = if args.flags & MSDOSFSMNT_VERSIONED != 0 { args.version } else { 1 };
    // NetBSD's masks are what is granted, the options' what is not.
    let denied = |mask: mode_t| !mask & 0o777;
    let dirmask = if version >= 2 { args.dirmask } else { args.mask };
    let mut options = String::new();
    let _ = write!(options, "uid={},gid={}", args.uid, args.gid);
    let _ = write!(options, ",fmask={:o},dmask={:o}", denied(args.mask), denied(dirmask));
    if version >= 3 {
        let _ = write!(options, ",time_offset={}", args.gmtoff / 60);
    }
    on_disk(args.disk, options)
}

fn iso(args: IsoArgs) -> KResult<Said> {
    let all =
        [(ISOFSMNT_NORRIP, "norrip"), (ISOFSMNT_NOJOLIET, "nojoliet"), (ISOFSMNT_NOCASETRANS, "map=off")];
    if args.flags & !all.iter().fold(0, |known, (flag, _)| known | flag) != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let said: Vec<_> =
        all.iter().filter(|(flag, _)| args.flags & flag != 0).map(|(_, option)| *option).collect();
    on_disk(args.disk, said.join(","))
}

fn tmpfs(args: TmpfsArgs) -> KResult<Said> {
    if args.ta_version != TMPFS_ARGS_VERSION {
        return Err(Errno::EINVAL.into());
    }
    let mut options = String::new();
    let _ = write!(options, "mode={:o}", args.ta_root_mode & 0o7777);
    if args.ta_nodes_max != 0 {
        let _ = write!(options, ",nr_inodes={}", args.ta_nodes_max);
    }
    if args.ta_size_max > 0 {
        let _ = write!(options, ",size={}", args.ta_size_max);
    }
    Ok(Said { source: None, options, owner: Some((args.ta_root_uid, args.ta_root_gid)) })
}

/// Flags of mount(2), with NetBSD's values.
const RDONLY: c_int = 0x1;
const NOATIME: c_int = 0x0400_0000;
/// Synchronous writes, union, update, reload and the arguments of a mount: what would mean something else if it were left out.
const REFUSED: c_int = 0x2 | 0x20 | 0x1_0000 | 0x4_0000 | 0x40_0000;
/// What holds anyhow, as nothing is executed and device nodes of mounts stand for nothing (`noexec`, `nosuid`, `nodev`,
/// `nocoredump`), or is advice (`async`, `relatime`, `log`, `extattr`, `nodevmtime`, `symperm`, `ignore`).
const IGNORED: c_int = 0x4
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
pub(crate) fn flags(bits: c_int) -> KResult<MountFlags> {
    if bits & REFUSED != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if bits & !(RDONLY | NOATIME | IGNORED) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut flags = MountFlags::empty();
    flags.set(MountFlags::RDONLY, bits & RDONLY != 0);
    flags.set(MountFlags::NOATIME, bits & NOATIME != 0);
    Ok(flags)
}
