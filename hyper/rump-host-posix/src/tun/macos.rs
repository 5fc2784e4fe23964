//! `utunN`: a control socket of the kernel that carries packets of IP behind their family (`net/if_utun.h`,
//! `sys/kern_control.h`). Making one takes root; it is gone when it is closed.
//!
//! `unsafe` is here for three calls: each is given exactly what the kernel reads or writes.
#![allow(unsafe_code)]

use super::end::{End, Prefix, socket};
use super::{Kind, Options, Queues};
use crate::{errno, interface};
use rump_abi::Errno;
use rump_hyper::packet::{Medium, Offloads, PacketInfo};
use rump_hyper::{HostError, HostResult};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::io::Errno as Host;
use rustix::net::{AddressFamily, Protocol, SocketType};
use std::mem::size_of;
use std::num::NonZeroU32;

const CONTROL: &[u8] = b"com.apple.net.utun_control";
/// The protocol of control sockets (SYSPROTO_CONTROL).
const PROTOCOL: Option<NonZeroU32> = NonZeroU32::new(libc::SYSPROTO_CONTROL as u32);

pub fn open(options: &Options) -> HostResult<End> {
    let name = &options.name;
    let error = |errno, text| Err(HostError { errno, what: format!("{name}: {text}") });
    if options.kind == Kind::Tap {
        return error(Errno::ENOTSUP, "this host has no taps");
    }
    if options.queues == Queues::Several {
        return error(Errno::ENOTSUP, "has one queue");
    }
    // Units count from 1, and 0 is any that is free.
    let unit = match name.strip_prefix("utun") {
        Some("%d") => Some(0),
        Some(number) => number.parse::<u32>().ok().and_then(|number| number.checked_add(1)),
        None => None,
    };
    let Some(unit) = unit else { return error(Errno::EINVAL, "names are utun and a number, or utun%d") };
    let failed = |why: Host| errno::named(name, why.into());
    let file =
        rustix::net::socket(AddressFamily::SYSTEM, SocketType::DGRAM, PROTOCOL.map(Protocol::from_raw))
            .map_err(failed)?;
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::CLOEXEC).map_err(failed)?;
    connect(&file, unit).map_err(failed)?;
    rustix::io::ioctl_fionbio(&file, true).map_err(failed)?;
    let name = interface_name(&file).map_err(failed)?;
    let socket = socket().map_err(failed)?;
    let mtu = interface::mtu(&socket, &name).map_err(failed)?;
    End::new(
        file,
        Prefix::Family,
        socket,
        PacketInfo { name, medium: Medium::Ip, mtu, offloads: Offloads::empty() },
    )
}

fn answer(result: libc::c_int) -> Result<(), Host> {
    if result == 0 {
        return Ok(());
    }
    Err(Host::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Host::IO))
}

/// Makes the interface with this unit.
fn connect(file: &OwnedFd, unit: u32) -> Result<(), Host> {
    // SAFETY: all bytes of a `ctl_info` may be zero.
    let mut info: libc::ctl_info = unsafe { std::mem::zeroed() };
    for (to, from) in info.ctl_name.iter_mut().zip(CONTROL) {
        *to = *from as libc::c_char;
    }
    // SAFETY: CTLIOCGINFO reads and writes a `ctl_info`.
    answer(unsafe { libc::ioctl(file.as_raw_fd(), libc::CTLIOCGINFO, &raw mut info) })?;
    let address = libc::sockaddr_ctl {
        sc_len: size_of::<libc::sockaddr_ctl>() as u8,
        sc_family: libc::AF_SYSTEM as u8,
        ss_sysaddr: libc::AF_SYS_CONTROL as u16,
        sc_id: info.ctl_id,
        sc_unit: unit,
        sc_reserved: [0; 5],
    };
    let (place, length) = (std::ptr::from_ref(&address).cast(), size_of::<libc::sockaddr_ctl>());
    // SAFETY: the kernel reads `length` bytes, which are the address's.
    answer(unsafe { libc::connect(file.as_raw_fd(), place, length as libc::socklen_t) })
}

/// The name that the interface got.
fn interface_name(file: &OwnedFd) -> Result<String, Host> {
    let mut name = [0_u8; libc::IFNAMSIZ];
    let mut length = name.len() as libc::socklen_t;
    let place = name.as_mut_ptr().cast();
    // SAFETY: the kernel writes no more than `length` bytes, which are the name's.
    answer(unsafe {
        libc::getsockopt(
            file.as_raw_fd(),
            libc::SYSPROTO_CONTROL,
            libc::UTUN_OPT_IFNAME,
            place,
            &raw mut length,
        )
    })?;
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    Ok(String::from_utf8_lossy(&name[..end]).into_owned())
}
