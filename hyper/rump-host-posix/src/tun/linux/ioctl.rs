//! The requests to `/dev/net/tun` (Documentation/networking/tuntap.rst).
//!
//! `unsafe` is here for these requests: each is given exactly what the kernel reads or writes.
#![allow(unsafe_code)]

use crate::interface::InterfaceRequest;
use rustix::fd::AsFd;
use rustix::io;
use rustix::ioctl::{IntegerSetter, Opcode, Setter, Updater, ioctl};

const TUNSETIFF: Opcode = libc::TUNSETIFF as Opcode;
const TUNSETOFFLOAD: Opcode = libc::TUNSETOFFLOAD as Opcode;
const TUNSETVNETHDRSZ: Opcode = libc::TUNSETVNETHDRSZ as Opcode;
const TUNSETVNETLE: Opcode = libc::TUNSETVNETLE as Opcode;

/// Attaches to an interface, or makes it; the name is then what it got.
pub fn attach(file: impl AsFd, request: &mut InterfaceRequest, flags: u16) -> io::Result<()> {
    request.value[..2].copy_from_slice(&flags.to_ne_bytes());
    // SAFETY: TUNSETIFF reads and writes a `struct ifreq`, which the request has the size and alignment of; every value of
    // its bytes is one of it.
    unsafe { ioctl(file, Updater::<TUNSETIFF, InterfaceRequest>::new(request)) }
}

/// Says what the other side may leave to us.
pub fn set_offload(file: impl AsFd, offload: u32) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes bits in the place of a pointer, and follows none.
    unsafe { ioctl(file, IntegerSetter::<TUNSETOFFLOAD>::new_usize(offload as usize)) }
}

/// Frames have headers of `bytes` bytes, which are little-endian.
pub fn set_header(file: impl AsFd, bytes: i32) -> io::Result<()> {
    // SAFETY: TUNSETVNETHDRSZ reads an `int`.
    unsafe { ioctl(&file, Setter::<TUNSETVNETHDRSZ, i32>::new(bytes)) }?;
    // SAFETY: TUNSETVNETLE reads an `int`.
    unsafe { ioctl(&file, Setter::<TUNSETVNETLE, i32>::new(1)) }
}
