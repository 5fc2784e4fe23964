//! What the host says of its interfaces (netdevice(7) of Linux, netintro(4) of the BSDs).
//!
//! `unsafe` is here for these requests: each is given exactly what the kernel reads or writes.
#![allow(unsafe_code)]

use rustix::fd::AsFd;
use rustix::io;
#[cfg(not(target_os = "linux"))]
use rustix::ioctl::opcode;
use rustix::ioctl::{Opcode, Updater, ioctl};

#[cfg(target_os = "linux")]
const SIOCGIFMTU: Opcode = libc::SIOCGIFMTU as Opcode;
#[cfg(target_os = "linux")]
const SIOCGIFFLAGS: Opcode = libc::SIOCGIFFLAGS as Opcode;
#[cfg(any(target_os = "netbsd", target_os = "openbsd"))]
const SIOCGIFMTU: Opcode = opcode::read_write::<InterfaceRequest>(b'i', 126);
#[cfg(not(any(target_os = "linux", target_os = "netbsd", target_os = "openbsd")))]
const SIOCGIFMTU: Opcode = opcode::read_write::<InterfaceRequest>(b'i', 51);
#[cfg(not(target_os = "linux"))]
const SIOCGIFFLAGS: Opcode = opcode::read_write::<InterfaceRequest>(b'i', 17);
/// The interface is up, and so is its link.
const IFF_UP_AND_RUNNING: u16 = 0x41;

/// Longest name, with the zero behind it.
const NAME_BYTES: usize = 16;
/// What is asked or answered: an address, or less. NetBSD has room for an address of any family.
const VALUE_BYTES: usize = if cfg!(target_os = "linux") {
    24
} else if cfg!(target_os = "netbsd") {
    128
} else {
    16
};

/// `struct ifreq`: a name, and what is asked or answered.
#[repr(C, align(8))]
pub struct InterfaceRequest {
    name: [u8; NAME_BYTES],
    pub value: [u8; VALUE_BYTES],
}

// The kernel reads and writes its own structure, no more and no less.
#[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "openbsd", target_os = "macos"))]
const _: () = assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());
#[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "openbsd", target_os = "macos"))]
const _: () = assert!(align_of::<InterfaceRequest>() >= align_of::<libc::ifreq>());

impl InterfaceRequest {
    /// A request about an interface; `None` if there can be none of the name.
    pub fn new(name: &str) -> Option<Self> {
        let is_name = !name.is_empty() && name.len() < NAME_BYTES && !name.contains(['/', '\0']);
        let mut request = Self { name: [0; NAME_BYTES], value: [0; VALUE_BYTES] };
        is_name.then(|| {
            request.name[..name.len()].copy_from_slice(name.as_bytes());
            request
        })
    }

    /// The name, as the kernel answered it.
    #[cfg(target_os = "linux")]
    pub fn name(&self) -> String {
        let end = self.name.iter().position(|&byte| byte == 0).unwrap_or(self.name.len());
        String::from_utf8_lossy(&self.name[..end]).into_owned()
    }
}

fn named(name: &str) -> io::Result<InterfaceRequest> {
    InterfaceRequest::new(name).ok_or(io::Errno::INVAL)
}

/// Most bytes of IP in a frame of an interface; `socket` is any of the network that it is in.
pub fn mtu(socket: impl AsFd, name: &str) -> io::Result<u32> {
    let mut request = named(name)?;
    // SAFETY: SIOCGIFMTU reads and writes a `struct ifreq`, which the request has the size and alignment of; every value of
    // its bytes is one of it.
    unsafe { ioctl(socket, Updater::<SIOCGIFMTU, InterfaceRequest>::new(&mut request)) }?;
    let [a, b, c, d, ..] = request.value;
    Ok(u32::from_ne_bytes([a, b, c, d]))
}

/// Whether an interface is up, and its link is.
pub fn is_running(socket: impl AsFd, name: &str) -> io::Result<bool> {
    let mut request = named(name)?;
    // SAFETY: as in `mtu`.
    unsafe { ioctl(socket, Updater::<SIOCGIFFLAGS, InterfaceRequest>::new(&mut request)) }?;
    let flags = u16::from_ne_bytes([request.value[0], request.value[1]]);
    Ok(flags & IFF_UP_AND_RUNNING == IFF_UP_AND_RUNNING)
}
