//! Device layers: volumes of LUKS, LVM2 and MD arrays as block devices over other block devices.
//!
//! `probe` knows by its signature what a device is a part of ([`Kind`]). LUKS is opened in place ([`luks::Header::open`]); what
//! lies on several devices is assembled of those that the client has found ([`lvm::groups`], [`md::arrays`]). Nobody is asked
//! for anything: neither files nor passphrases.
//!
//! What is read is outside data: sizes are bounded before anything is allocated by them, and so is the work that a header can ask
//! for. Volumes of LVM and arrays are read only; what is in LUKS is written where the device below can be.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bytes;
pub mod luks;
pub mod lvm;
mod map;
pub mod md;
mod raid;
mod thin;

use alloc::borrow::Cow;
use alloc::sync::Arc;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// What a device is a part of.
#[derive(Clone, Debug)]
pub enum Kind {
    /// It is encrypted.
    Luks(luks::Header),
    /// It is a member of an array.
    Md(md::Member),
    /// It is a physical volume.
    Lvm(lvm::Member),
}

/// What a device is a part of, by its signature. Errors: EFTYPE (a signature, and damage behind it), ENOTSUP, EIO.
pub fn probe(device: &Arc<dyn BlockDevice>) -> KResult<Option<Kind>> {
    if let Some(header) = luks::Header::read(&**device)? {
        return Ok(Some(Kind::Luks(header)));
    }
    if let Some(member) = md::Member::read(&**device)? {
        return Ok(Some(Kind::Md(member)));
    }
    Ok(lvm::Member::read(&**device)?.map(Kind::Lvm))
}

/// An error that says what is damaged.
fn damaged(what: impl Into<Cow<'static, str>>) -> KError {
    KError::new(Errno::EFTYPE, what)
}

/// An error that says what is not supported.
fn unsupported(what: impl Into<Cow<'static, str>>) -> KError {
    KError::new(Errno::ENOTSUP, what)
}

/// Checks that `len` bytes at `offset` lie within a device of `size` bytes. Errors: EINVAL.
fn check_range(size: u64, offset: u64, len: usize) -> KResult<()> {
    match offset.checked_add(len as u64) {
        Some(end) if end <= size => Ok(()),
        _ => Err(KError::new(
            Errno::EINVAL,
            alloc::format!(
                "{len} bytes at offset {offset} reach beyond the end of the volume ({size} bytes)"
            ),
        )),
    }
}
