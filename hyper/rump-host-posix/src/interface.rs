//! What the host says of its interfaces (netdevice(7) of Linux, netintro(4) of the BSDs; linux/ethtool.h).
//!
//! `unsafe` is here for these requests: each is given exactly what the kernel reads or writes.
#![allow(unsafe_code)]

use rump_hyper::packet::Media;
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

/// `struct ethtool_cmd`: what is asked, and what is answered.
#[cfg(target_os = "linux")]
#[repr(C)]
#[derive(Default)]
struct LinkRequest {
    command: u32,
    supported: u32,
    advertising: u32,
    speed_low: u16,
    duplex: u8,
    port: u8,
    phy_address: u8,
    transceiver: u8,
    autonegotiation: u8,
    mdio_support: u8,
    most_packets: [u32; 2],
    speed_high: u16,
    pairs: [u8; 2],
    advertised: u32,
    reserved: [u32; 2],
}

#[cfg(target_os = "linux")]
const _: () = assert!(size_of::<LinkRequest>() == 44);

#[cfg(target_os = "linux")]
impl LinkRequest {
    /// `ETHTOOL_GSET`.
    const COMMAND: u32 = 1;
    /// `PORT_TP`.
    const TWISTED_PAIR: u8 = 0;

    fn media(&self) -> Media {
        use rump_hyper::packet::Duplex;
        let speed = u32::from(self.speed_high) << 16 | u32::from(self.speed_low);
        // What is not known is all ones, and once was zero. Those of old had no second half.
        let is_known = ![0, u32::from(u16::MAX), u32::MAX].contains(&speed);
        let duplex = match self.duplex {
            0 => Some(Duplex::Half),
            1 => Some(Duplex::Full),
            _ => None,
        };
        Media {
            speed: is_known.then_some(speed),
            duplex: duplex.filter(|_| is_known),
            is_negotiated: self.autonegotiation == 1,
            is_twisted_pair: self.port == Self::TWISTED_PAIR,
        }
    }
}

/// What cable an interface is at, if its driver says it.
#[cfg(target_os = "linux")]
pub fn media(socket: impl AsFd, name: &str) -> Option<Media> {
    const SIOCETHTOOL: Opcode = libc::SIOCETHTOOL as Opcode;
    let mut link = LinkRequest { command: LinkRequest::COMMAND, ..LinkRequest::default() };
    let mut request = named(name).ok()?;
    let place = std::ptr::from_mut(&mut link).expose_provenance().to_ne_bytes();
    request.value[..place.len()].copy_from_slice(&place);
    // SAFETY: SIOCETHTOOL reads a `struct ifreq`, as in `mtu`, with the place of a command in it; that of ETHTOOL_GSET is a
    // `struct ethtool_cmd`, which the kernel writes, which `link` has the layout of, and which nothing else uses meanwhile.
    unsafe { ioctl(socket, Updater::<SIOCETHTOOL, InterfaceRequest>::new(&mut request)) }.ok()?;
    Some(link.media())
}

/// Other hosts are not asked.
#[cfg(not(target_os = "linux"))]
pub fn media(_socket: impl AsFd, _name: &str) -> Option<Media> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rump_hyper::packet::Duplex;

    #[test]
    fn what_is_not_known_of_a_cable_is_not_told() {
        let told = |speed_low, speed_high, duplex| {
            let media = LinkRequest { speed_low, speed_high, duplex, ..LinkRequest::default() }.media();
            (media.speed, media.duplex)
        };
        assert_eq!(told(1000, 0, 1), (Some(1000), Some(Duplex::Full)));
        assert_eq!(told(0x86a0, 1, 1), (Some(100_000), Some(Duplex::Full)));
        assert_eq!(told(10, 0, 0), (Some(10), Some(Duplex::Half)));
        assert_eq!(told(10, 0, 0xff), (Some(10), None));
        for unknown in [(0, 0), (u16::MAX, 0), (u16::MAX, u16::MAX)] {
            assert_eq!(told(unknown.0, unknown.1, 1), (None, None));
        }
    }

    #[test]
    fn an_interface_without_cable_has_no_media() {
        let socket =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None);
        let socket = socket.unwrap();
        assert_eq!(media(&socket, "lo"), None);
        assert_eq!(media(&socket, "none/such"), None);
    }
}
