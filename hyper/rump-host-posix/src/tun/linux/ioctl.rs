//! The requests to `/dev/net/tun` and to interfaces (tun(4) of the kernel's documentation, netdevice(7)).
//!
//! `unsafe` is here alone: each request is given exactly what the kernel reads or writes.
#![allow(unsafe_code)]

use rustix::fd::AsFd;
use rustix::io;
use rustix::ioctl::{IntegerSetter, Opcode, Setter, Updater, ioctl};

const TUNSETIFF: Opcode = libc::TUNSETIFF as Opcode;
const TUNSETOFFLOAD: Opcode = libc::TUNSETOFFLOAD as Opcode;
const TUNSETVNETHDRSZ: Opcode = libc::TUNSETVNETHDRSZ as Opcode;
const TUNSETVNETLE: Opcode = libc::TUNSETVNETLE as Opcode;
const SIOCGIFMTU: Opcode = libc::SIOCGIFMTU as Opcode;

/// `struct ifreq`: a name, and what is asked or answered.
#[repr(C, align(8))]
pub struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    value: [u8; 24],
}

// The kernel reads and writes no more than its own structure.
const _: () = assert!(size_of::<InterfaceRequest>() >= size_of::<libc::ifreq>());
const _: () = assert!(align_of::<InterfaceRequest>() >= align_of::<libc::ifreq>());

impl InterfaceRequest {
    /// A request about an interface; `None` if there can be none of the name.
    pub fn new(name: &str) -> Option<Self> {
        let is_name = !name.is_empty() && name.len() < libc::IFNAMSIZ && !name.contains(['/', '\0']);
        let mut request = Self { name: [0; libc::IFNAMSIZ], value: [0; 24] };
        is_name.then(|| {
            request.name[..name.len()].copy_from_slice(name.as_bytes());
            request
        })
    }

    /// The name, as the kernel answered it.
    pub fn name(&self) -> String {
        let end = self.name.iter().position(|&byte| byte == 0).unwrap_or(self.name.len());
        String::from_utf8_lossy(&self.name[..end]).into_owned()
    }
}

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

/// Most bytes of IP in a frame of an interface; `socket` is any of the Internet's.
pub fn mtu(socket: impl AsFd, request: &mut InterfaceRequest) -> io::Result<u32> {
    // SAFETY: SIOCGIFMTU reads and writes a `struct ifreq`, as in `attach`.
    unsafe { ioctl(socket, Updater::<SIOCGIFMTU, InterfaceRequest>::new(request)) }?;
    let [a, b, c, d, ..] = request.value;
    Ok(u32::from_ne_bytes([a, b, c, d]))
}
