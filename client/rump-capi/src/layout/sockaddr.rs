//! `struct sockaddr` and its kinds.

use crate::pointer::{Place, Room, Source};
use libc::{sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_storage, sockaddr_un, socklen_t};
use rump_abi::{AddressFamily, Errno, SocketAddress};
use rump_kpi::KResult;
use std::mem::{offset_of, size_of, zeroed};
use std::net::{SocketAddrV4, SocketAddrV6};

const FAMILY_END: usize = offset_of!(sockaddr, sa_data);
const PATH: usize = offset_of!(sockaddr_un, sun_path);

/// Families by their numbers at the host.
const FAMILIES: &[(i32, AddressFamily)] = &[
    (libc::AF_UNSPEC, AddressFamily::Unspecified),
    (libc::AF_UNIX, AddressFamily::Local),
    (libc::AF_INET, AddressFamily::Inet),
    (libc::AF_INET6, AddressFamily::Inet6),
    (libc::AF_ROUTE, AddressFamily::Route),
];

/// The family of a host's number. Errors: EAFNOSUPPORT.
pub(crate) fn family(number: i32) -> KResult<AddressFamily> {
    let found = FAMILIES.iter().find(|(host, _)| *host == number);
    found.map(|(_, family)| *family).ok_or_else(|| Errno::EAFNOSUPPORT.into())
}

/// A structure of the host at the beginning of some bytes. Errors: EINVAL (there are too few).
///
/// # Safety
/// Any bytes are a `T`.
pub(super) unsafe fn structure<T>(bytes: &[u8]) -> KResult<T> {
    if bytes.len() < size_of::<T>() {
        return Err(Errno::EINVAL.into());
    }
    // SAFETY: so many bytes are there, and the caller's promise.
    Ok(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// The bytes of a structure of the host.
///
/// # Safety
/// It has no padding, or was zero before its fields were set.
pub(super) unsafe fn bytes_of<T>(value: &T) -> &[u8] {
    // SAFETY: the memory of a value, and the caller's promise.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// An address. Errors: EINVAL (a length that none has), EFAULT, EAFNOSUPPORT.
pub(crate) fn read(address: &Source, length: socklen_t) -> KResult<SocketAddress> {
    let length = length as usize;
    if !(FAMILY_END..=size_of::<sockaddr_storage>()).contains(&length) {
        return Err(Errno::EINVAL.into());
    }
    parse(address.bytes(length)?)
}

/// The address that a structure holds. Errors: EINVAL (it is too short), EAFNOSUPPORT.
pub(crate) fn parse(bytes: &[u8]) -> KResult<SocketAddress> {
    let at = offset_of!(sockaddr, sa_family);
    let number = bytes.get(at..at + size_of::<sa_family_t>()).ok_or(Errno::EINVAL)?;
    let number = number.iter().rev().fold(0, |all, byte| all << 8 | i32::from(*byte));
    let number = if cfg!(target_endian = "big") { (number as u16).swap_bytes().into() } else { number };
    match family(number)? {
        AddressFamily::Local => Ok(SocketAddress::Local(path(bytes.get(PATH..).ok_or(Errno::EINVAL)?))),
        AddressFamily::Inet => {
            // SAFETY: any bytes are an address.
            let inet: sockaddr_in = unsafe { structure(bytes) }?;
            let ip = u32::from_be(inet.sin_addr.s_addr).into();
            Ok(SocketAddress::Inet(SocketAddrV4::new(ip, u16::from_be(inet.sin_port))))
        }
        AddressFamily::Inet6 => {
            // SAFETY: as above.
            let inet: sockaddr_in6 = unsafe { structure(bytes) }?;
            let (ip, port) = (inet.sin6_addr.s6_addr.into(), u16::from_be(inet.sin6_port));
            Ok(SocketAddress::Inet6(SocketAddrV6::new(ip, port, inet.sin6_flowinfo, inet.sin6_scope_id)))
        }
        AddressFamily::Unspecified => Ok(SocketAddress::Unspecified),
        // Nobody has a name there.
        AddressFamily::Route => Err(Errno::EAFNOSUPPORT.into()),
    }
}

/// A name that begins with a zero is as long as was said, another ends with one.
fn path(bytes: &[u8]) -> Vec<u8> {
    match bytes.first() {
        Some(0) => bytes.to_vec(),
        _ => bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec(),
    }
}

/// An address where there is room for `length` bytes: as much as fits; the place then tells how long it is. Errors: EFAULT,
/// EINVAL (a negative length).
pub(crate) fn write(address: &SocketAddress, to: &mut Room, length: &Place<socklen_t>) -> KResult<()> {
    length.store(put(address, to, length.read()?)?)
}

/// The same; answers how long the address is. Errors: EFAULT, EINVAL (a negative length).
pub(crate) fn put(address: &SocketAddress, to: &mut Room, room: socklen_t) -> KResult<socklen_t> {
    if room > i32::MAX as socklen_t {
        return Err(Errno::EINVAL.into());
    }
    let bytes = bytes(address);
    to.store(room as usize, &bytes)?;
    Ok(bytes.len() as socklen_t)
}

/// What the structure of an address holds.
pub(crate) fn bytes(address: &SocketAddress) -> Vec<u8> {
    let mut bytes = match address {
        SocketAddress::Unspecified => vec![0; FAMILY_END],
        SocketAddress::Inet(inet) => {
            // SAFETY: all zeros is an address.
            let mut to: sockaddr_in = unsafe { zeroed() };
            to.sin_family = libc::AF_INET as sa_family_t;
            to.sin_port = inet.port().to_be();
            to.sin_addr.s_addr = inet.ip().to_bits().to_be();
            // SAFETY: it was zero.
            unsafe { bytes_of(&to) }.to_vec()
        }
        SocketAddress::Inet6(inet) => {
            // SAFETY: all zeros is an address.
            let mut to: sockaddr_in6 = unsafe { zeroed() };
            to.sin6_family = libc::AF_INET6 as sa_family_t;
            to.sin6_port = inet.port().to_be();
            to.sin6_flowinfo = inet.flowinfo();
            to.sin6_addr.s6_addr = inet.ip().octets();
            to.sin6_scope_id = inet.scope_id();
            // SAFETY: it was zero.
            unsafe { bytes_of(&to) }.to_vec()
        }
        SocketAddress::Local(name) => {
            // SAFETY: all zeros is an address.
            let mut to: sockaddr_un = unsafe { zeroed() };
            to.sun_family = libc::AF_UNIX as sa_family_t;
            // SAFETY: it was zero.
            let mut bytes = unsafe { bytes_of(&to) }[..PATH].to_vec();
            bytes.extend(name);
            if name.first().is_some_and(|first| *first != 0) {
                bytes.push(0);
            }
            bytes
        }
    };
    set_length(&mut bytes);
    bytes
}

/// Addresses of BSD tell how long they are.
fn set_length(bytes: &mut [u8]) {
    if cfg!(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "illumos",
        target_os = "solaris"
    ))) {
        bytes[0] = bytes.len() as u8;
    }
}
