//! What ioctl(2) says of interfaces and routes: `struct ifreq`, `struct ifconf` and `struct rtentry` of Linux.

use super::sockaddr::{self, bytes_of};
use crate::pointer::{Place, Text};
use libc::{IFNAMSIZ, c_int, c_short, c_ulong, c_ushort, c_void, sa_family_t};
use rump_abi::{Errno, SocketAddress};
use rump_kpi::KResult;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Bytes of what `struct ifreq` says, and of what it says of hardware: a family and an address.
const VALUE: usize = size_of::<libc::ifreq>() - IFNAMSIZ;
const HARDWARE: usize = size_of::<sa_family_t>() + 6;

/// `struct ifreq`: the name of an interface, and what a request has to say of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct InterfaceRequest {
    name: [u8; IFNAMSIZ],
    value: [u8; VALUE],
}

same_layout!(InterfaceRequest, libc::ifreq, name = ifr_name, value = ifr_ifru);

impl InterfaceRequest {
    /// One of an interface with an address.
    pub(crate) fn of_address(name: &str, address: Ipv4Addr) -> Self {
        let mut request = Self { name: [0; IFNAMSIZ], value: [0; VALUE] };
        request.put_name(name);
        request.put_address(address);
        request
    }

    /// Errors: ENODEV (no interface is named so).
    pub(crate) fn name(&self) -> KResult<&str> {
        let name = self.name[..IFNAMSIZ - 1].split(|byte| *byte == 0).next().unwrap_or_default();
        std::str::from_utf8(name).map_err(|_| Errno::ENODEV.into())
    }

    pub(crate) fn put_name(&mut self, name: &str) {
        let length = name.len().min(IFNAMSIZ - 1);
        self.name = [0; IFNAMSIZ];
        self.name[..length].copy_from_slice(&name.as_bytes()[..length]);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.value = [0; VALUE];
        self.value[..bytes.len()].copy_from_slice(bytes);
    }

    fn first<const COUNT: usize>(&self) -> [u8; COUNT] {
        std::array::from_fn(|at| self.value[at])
    }

    pub(crate) fn number(&self) -> c_int {
        c_int::from_ne_bytes(self.first())
    }

    pub(crate) fn put_number(&mut self, number: u32) {
        self.put(&number.to_ne_bytes());
    }

    pub(crate) fn flags(&self) -> c_int {
        c_short::from_ne_bytes(self.first()).into()
    }

    pub(crate) fn put_flags(&mut self, flags: c_int) {
        self.put(&(flags as c_short).to_ne_bytes());
    }

    /// Errors: EINVAL (of another family).
    pub(crate) fn address(&self) -> KResult<Ipv4Addr> {
        match sockaddr::parse(&self.value) {
            Ok(SocketAddress::Inet(address)) => Ok(*address.ip()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    pub(crate) fn put_address(&mut self, address: Ipv4Addr) {
        self.put(&sockaddr::bytes(&SocketAddress::Inet(SocketAddrV4::new(address, 0))));
    }

    /// An address of Ethernet. Errors: EINVAL (another).
    pub(crate) fn hardware(&self) -> KResult<[u8; 6]> {
        let [low, high, address @ ..] = self.first::<HARDWARE>();
        let kind = sa_family_t::from_ne_bytes([low, high]);
        if kind == libc::ARPHRD_ETHER { Ok(address) } else { Err(Errno::EINVAL.into()) }
    }

    pub(crate) fn put_hardware(&mut self, kind: sa_family_t, address: [u8; 6]) {
        self.put(&[&kind.to_ne_bytes(), &address[..]].concat());
    }
}

/// `struct ifconf`: room for so many bytes of requests, which become how many there are.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Configuration {
    length: c_int,
    requests: Place<InterfaceRequest>,
}

same_layout!(Configuration, libc::ifconf, length = ifc_len, requests = ifc_ifcu);

impl Configuration {
    /// Fills the room; without any, only tells how much it would take. Errors: EFAULT.
    pub(crate) fn fill(&mut self, requests: &[InterfaceRequest]) -> KResult<()> {
        let count = if self.requests.is_null() {
            requests.len()
        } else {
            let fits = usize::try_from(self.length).unwrap_or(0) / size_of::<InterfaceRequest>();
            self.requests.store_all(fits, requests.iter().copied())?
        };
        self.length = (count * size_of::<InterfaceRequest>()) as c_int;
        Ok(())
    }
}

/// `struct rtentry`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct RouteEntry {
    _hash: c_ulong,
    destination: libc::sockaddr,
    gateway: libc::sockaddr,
    mask: libc::sockaddr,
    flags: c_ushort,
    _padding: c_short,
    _unused: c_ulong,
    _service: *mut c_void,
    metric: c_short,
    device: Text,
    _mtu: c_ulong,
    _window: c_ulong,
    _round_trip: c_ushort,
}

same_layout!(
    RouteEntry,
    libc::rtentry,
    destination = rt_dst,
    gateway = rt_gateway,
    mask = rt_genmask,
    flags = rt_flags,
    metric = rt_metric,
    device = rt_dev
);

impl RouteEntry {
    /// `RTF_` flags.
    pub(crate) fn flags(&self) -> c_ushort {
        self.flags
    }

    /// Where its prefix begins, and how long that is. Errors: EAFNOSUPPORT (not of IPv4), EINVAL (no mask, or the
    /// destination has bits beyond it).
    pub(crate) fn prefix(&self) -> KResult<(Ipv4Addr, u8)> {
        let destination = inet(&self.destination)?;
        if self.flags & libc::RTF_HOST != 0 {
            return Ok((destination, 32));
        }
        let mask = match inet(&self.mask) {
            // One that is all zeros need not say of which family it is.
            Err(_) if self.mask.sa_family == 0 && self.mask.sa_data == [0; 14] => Ipv4Addr::UNSPECIFIED,
            mask => mask?,
        };
        if destination.to_bits() & !mask.to_bits() != 0 {
            return Err(Errno::EINVAL.into());
        }
        Ok((destination, prefix_length(mask)?))
    }

    /// The router, if it says that there is one. Errors: EINVAL (it is none).
    pub(crate) fn router(&self) -> KResult<Option<Ipv4Addr>> {
        if self.flags & libc::RTF_GATEWAY == 0 {
            return Ok(None);
        }
        let router = inet(&self.gateway).ok().filter(|router| !router.is_unspecified());
        Ok(Some(router.ok_or(Errno::EINVAL)?))
    }

    /// The name of the interface, if there is one.
    pub(crate) fn device(&self) -> Option<&[u8]> {
        self.device.optional()
    }

    /// One more than the metric is what stands there; none if nothing does.
    pub(crate) fn metric(&self) -> Option<u32> {
        u32::try_from(self.metric).ok().and_then(|metric| metric.checked_sub(1))
    }
}

/// Errors: EAFNOSUPPORT.
fn inet(address: &libc::sockaddr) -> KResult<Ipv4Addr> {
    // SAFETY: it has no padding.
    match sockaddr::parse(unsafe { bytes_of(address) }) {
        Ok(SocketAddress::Inet(address)) => Ok(*address.ip()),
        _ => Err(Errno::EAFNOSUPPORT.into()),
    }
}

/// How many bits a mask has. Errors: EINVAL (a zero before a one).
pub(crate) fn prefix_length(mask: Ipv4Addr) -> KResult<u8> {
    let ones = mask.to_bits().leading_ones();
    if mask.to_bits().count_ones() == ones { Ok(ones as u8) } else { Err(Errno::EINVAL.into()) }
}

/// The mask of so many bits.
pub(crate) fn mask(length: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(!u32::MAX.checked_shr(length.into()).unwrap_or(0))
}
