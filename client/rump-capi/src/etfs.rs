//! Files of the host under names of the kernel: rump_etfs(3).

use crate::{errno, lwp, memory};
use libc::{c_char, c_int};
use rump_abi::Errno;
use rump_kern::{EtfsKind, Kernel};
use rump_kpi::{KError, KResult};

/// `enum rump_etfs_type`, of which C may pass any number.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct RumpEtfsType(libc::c_uint);

impl RumpEtfsType {
    pub(crate) fn is_folder(self) -> bool {
        matches!(self.kind(), Ok(EtfsKind::Directory | EtfsKind::DirectorySubdirs))
    }

    /// Errors: EINVAL (there is no such type).
    fn kind(self) -> KResult<EtfsKind> {
        match self.0 {
            0 => Ok(EtfsKind::Regular),
            1 => Ok(EtfsKind::Block),
            2 => Ok(EtfsKind::Character),
            3 => Ok(EtfsKind::Directory),
            4 => Ok(EtfsKind::DirectorySubdirs),
            _ => Err(Errno::EINVAL.into()),
        }
    }
}

/// # Safety
/// As `memory` says.
unsafe fn key<'a>(key: *const c_char) -> KResult<&'a str> {
    // SAFETY: the caller's promise.
    let key = unsafe { memory::string(key) }?;
    std::str::from_utf8(key).map_err(|_| KError::new(Errno::EINVAL, "a key is no text"))
}

/// Registers a file. Errors: EFAULT (null), EINVAL (no such type), those of the kernel.
///
/// # Safety
/// As `memory` says.
pub(crate) unsafe fn register(
    kernel: &Kernel,
    key_path: *const c_char,
    host_path: *const c_char,
    kind: RumpEtfsType,
    range: Option<(u64, u64)>,
) -> KResult<()> {
    // SAFETY: the caller's promise.
    let (key, host_path) = unsafe { (key(key_path)?, memory::string(host_path)?) };
    kernel.etfs_register(key, host_path, kind.kind()?, range)
}

/// # Safety
/// As `memory` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_pub_etfs_register(
    key: *const c_char,
    host_path: *const c_char,
    kind: RumpEtfsType,
) -> c_int {
    // SAFETY: the interface's.
    errno::status(lwp::instance().and_then(|of| unsafe { register(&of.kernel, key, host_path, kind, None) }))
}

/// # Safety
/// As `memory` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_pub_etfs_register_withsize(
    key: *const c_char,
    host_path: *const c_char,
    kind: RumpEtfsType,
    begin: u64,
    size: u64,
) -> c_int {
    let range = Some((begin, size));
    // SAFETY: the interface's.
    errno::status(lwp::instance().and_then(|of| unsafe { register(&of.kernel, key, host_path, kind, range) }))
}

/// # Safety
/// As `memory` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_pub_etfs_remove(key_path: *const c_char) -> c_int {
    // SAFETY: the interface's.
    errno::status(lwp::instance().and_then(|of| of.kernel.etfs_remove(unsafe { key(key_path) }?)))
}
