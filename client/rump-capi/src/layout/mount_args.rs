//! Arguments of mount(2): the structures of `rump/rumpfs.h`, one for each type that has its own, and flags. What they mean is
//! said by those of NetBSD (`rump_abi::netbsd::mount`).
//!
//! The members are those that NetBSD's structures have, in their order, without what only its kernel fills.

use crate::pointer::{Source, Text};
use libc::{c_char, c_int, gid_t, ino_t, mode_t, off_t, uid_t};
use rump_abi::MountFlags;
use rump_abi::netbsd::mount::{self, Arguments};
use rump_kpi::KResult;

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
    match Arguments::of(fs_type, Some(length as u64)) {
        Arguments::Nothing => Ok(Said::default()),
        Arguments::Tmpfs => tmpfs(args.structure(length)?),
        Arguments::Msdosfs => msdos(args.structure(length)?),
        Arguments::Iso => iso(args.structure(length)?),
        Arguments::Disk => on_disk(args.structure(length)?, String::new()),
    }
}

/// Errors: EFAULT (no path).
fn on_disk(args: UfsArgs, options: String) -> KResult<Said> {
    // SAFETY: it is a string, or null, which is the promise that comes with the structure.
    let source = unsafe { Text::of(args.fspec) }.bytes()?.to_vec();
    Ok(Said { source: Some(source), options, owner: None })
}

/// The path of the device, in structures that are only asked for options.
const NO_PATH: u64 = 0;

fn msdos(args: MsdosfsArgs) -> KResult<Said> {
    let meant = mount::MsdosfsArgs {
        fspec: NO_PATH,
        uid: args.uid,
        gid: args.gid,
        mask: args.mask as u32,
        flags: args.flags as u32,
        version: args.version,
        dirmask: args.dirmask as u32,
        gmtoff: args.gmtoff,
    };
    on_disk(args.disk, meant.options())
}

fn iso(args: IsoArgs) -> KResult<Said> {
    let meant = mount::IsoArgs { fspec: NO_PATH, flags: args.flags as u32 };
    on_disk(args.disk, meant.options()?)
}

fn tmpfs(args: TmpfsArgs) -> KResult<Said> {
    let meant = mount::TmpfsArgs {
        version: args.ta_version,
        nodes_max: args.ta_nodes_max as u64,
        size_max: args.ta_size_max as i64,
        root_uid: args.ta_root_uid,
        root_gid: args.ta_root_gid,
        root_mode: args.ta_root_mode as u32,
    };
    let owner = Some((args.ta_root_uid, args.ta_root_gid));
    Ok(Said { source: None, options: meant.options()?, owner })
}

/// The kernel's flags. Errors: EOPNOTSUPP (what it has not), EINVAL (what is none).
pub(crate) fn flags(bits: c_int) -> KResult<MountFlags> {
    Ok(mount::flags(bits as u32)?)
}
