//! `mode_t`, and device numbers as the host packs them.

use libc::{dev_t, mode_t};
use rump_abi::{DevNumber, Errno, FileType, Mode};
use rump_kpi::KResult;

/// The permission bits.
#[allow(clippy::unnecessary_cast, reason = "some hosts have 16 bits")]
pub(crate) fn permissions(mode: mode_t) -> Mode {
    Mode::new(mode as u32)
}

/// The type; a regular file where none is said. Errors: EINVAL (no type has these bits).
#[allow(clippy::unnecessary_cast, reason = "some hosts have 16 bits")]
pub(crate) fn file_type(mode: mode_t) -> KResult<FileType> {
    match mode & libc::S_IFMT {
        0 => Ok(FileType::Regular),
        _ => FileType::from_mode(mode as u32).ok_or_else(|| Errno::EINVAL.into()),
    }
}

/// The host's mode, with the type.
pub(crate) fn to_host(file_type: Option<FileType>, mode: Mode) -> mode_t {
    (file_type.map_or(0, FileType::mode_bits) | mode.bits()) as mode_t
}

/// The parts of a number.
#[allow(clippy::unnecessary_cast, reason = "some hosts have signed numbers")]
pub(crate) fn device(number: dev_t) -> DevNumber {
    DevNumber { major: libc::major(number) as u32, minor: libc::minor(number) as u32 }
}

/// The number.
pub(crate) fn device_to_host(device: DevNumber) -> dev_t {
    libc::makedev(device.major as _, device.minor as _)
}
