//! `/dev/tapN` and `/dev/tunN` (tap(4), tun(4)): frames of Ethernet as they are, and packets of IP behind their family.
//!
//! `unsafe` is here for one request: it is given exactly what the kernel reads.
#![cfg_attr(not(target_os = "openbsd"), allow(unsafe_code))]

use super::end::{End, Prefix, socket};
use super::{Kind, Options, Queues};
use crate::interface::{self, InterfaceRequest};
use crate::{errno, random_address};
use rump_abi::Errno;
use rump_hyper::packet::{Medium, Offloads, PacketInfo};
use rump_hyper::{HostError, HostResult};
use rustix::fs::{Mode, OFlags};
use std::path::Path;

pub fn open(options: &Options) -> HostResult<End> {
    let name = &options.name;
    let error = |errno, text| Err(HostError { errno, what: format!("{name}: {text}") });
    if InterfaceRequest::new(name).is_none() || name.contains('%') {
        return error(
            Errno::EINVAL,
            "names of devices have 1 to 15 bytes, no slash, and a number of their own",
        );
    }
    if options.queues == Queues::Several {
        return error(Errno::ENOTSUP, "has one queue");
    }
    let path = Path::new("/dev").join(name);
    let failed = |why: rustix::io::Errno| errno::of_path(&path, why.into());
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(&path, flags, Mode::empty()).map_err(failed)?;
    let (prefix, medium) = match options.kind {
        Kind::Tap => {
            (Prefix::None, Medium::Ethernet { address: options.address.map_or_else(random_address, Ok)? })
        }
        Kind::Tun => (Prefix::Family, Medium::Ip),
    };
    #[cfg(not(target_os = "openbsd"))]
    if prefix == Prefix::Family {
        show_family(&file).map_err(failed)?;
    }
    let socket = socket().map_err(failed)?;
    let mtu = interface::mtu(&socket, name).map_err(failed)?;
    End::new(
        file,
        prefix,
        socket,
        PacketInfo { name: name.clone(), medium, mtu, offloads: Offloads::empty() },
    )
}

/// Has each packet come behind its family, and takes them so; OpenBSD does nothing else.
#[cfg(not(target_os = "openbsd"))]
fn show_family(file: &rustix::fd::OwnedFd) -> rustix::io::Result<()> {
    use rustix::ioctl::{Opcode, Setter, ioctl, opcode};
    const NUMBER: u8 = if cfg!(target_os = "netbsd") { 66 } else { 96 };
    const TUNSIFHEAD: Opcode = opcode::write::<i32>(b't', NUMBER);
    // SAFETY: TUNSIFHEAD reads an `int`.
    unsafe { ioctl(file, Setter::<TUNSIFHEAD, i32>::new(1)) }
}
