//! `/dev/net/tun`.

mod ioctl;

use super::end::{End, Prefix, socket};
use super::{Kind, Offload, Options, Queues};
use crate::interface::{self, InterfaceRequest};
use crate::{errno, random_address};
use rump_abi::Errno;
use rump_hyper::packet::{HEADER_BYTES, Medium, Offloads, PacketInfo};
use rump_hyper::{HostError, HostResult};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno as Host;
use std::path::Path;

const DEVICE: &str = "/dev/net/tun";
/// What the other side may leave to us in any case; cutting UDP came with Linux 6.2.
const OFFLOADS: u32 = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
const OFFLOADS_OF_UDP: u32 = libc::TUN_F_USO4 | libc::TUN_F_USO6;

pub fn open(options: &Options) -> HostResult<End> {
    let name = &options.name;
    let Some(mut request) = InterfaceRequest::new(name) else {
        return Err(error(
            Errno::EINVAL,
            format!("{name:?}: names of interfaces have 1 to 15 bytes, no slash"),
        ));
    };
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(DEVICE, flags, Mode::empty()).map_err(|why| without_device(name, why))?;
    let kind = match options.kind {
        Kind::Tap => libc::IFF_TAP,
        Kind::Tun => libc::IFF_TUN,
    };
    let (prefix, header) = match options.offload {
        Offload::All => (Prefix::Virtio, libc::IFF_VNET_HDR),
        Offload::None => (Prefix::None, 0),
    };
    let queues = match options.queues {
        Queues::One => 0,
        Queues::Several => libc::IFF_MULTI_QUEUE,
    };
    let flags = (kind | libc::IFF_NO_PI | header | queues) as u16;
    ioctl::attach(&file, &mut request, flags).map_err(|why| refused(options, why))?;
    let name = request.name();
    let failed = |why: Host| errno::named(&format!("tap {name}"), why.into());
    let offloads =
        if prefix == Prefix::Virtio { negotiate(&file).map_err(failed)? } else { Offloads::empty() };
    let socket = socket().map_err(failed)?;
    let mtu = interface::mtu(&socket, &name).map_err(failed)?;
    let medium = match options.kind {
        Kind::Tap => Medium::Ethernet { address: options.address.map_or_else(random_address, Ok)? },
        Kind::Tun => Medium::Ip,
    };
    End::new(file, prefix, socket, PacketInfo { name, medium, mtu, offloads })
}

fn error(errno: Errno, what: String) -> HostError {
    HostError { errno, what }
}

/// Agrees upon headers, and upon what the other side may leave to us. It takes all of that itself.
fn negotiate(file: &OwnedFd) -> Result<Offloads, Host> {
    ioctl::set_header(file, HEADER_BYTES as i32)?;
    match ioctl::set_offload(file, OFFLOADS | OFFLOADS_OF_UDP) {
        Ok(()) => Ok(Offloads::all()),
        Err(Host::INVAL) => {
            ioctl::set_offload(file, OFFLOADS)?;
            Ok(Offloads::all() - Offloads::UDP)
        }
        Err(why) => Err(why),
    }
}

fn without_device(name: &str, why: Host) -> HostError {
    let (errno, text) = match why {
        Host::NOENT | Host::NODEV | Host::NXIO => {
            (Errno::ENODEV, "this kernel has no taps (modprobe tun), or the container was given none")
        }
        Host::ACCESS | Host::PERM => (Errno::EACCES, "no permission to open it"),
        why => return errno::of_path(Path::new(DEVICE), why.into()),
    };
    error(errno, format!("{name}: {DEVICE}: {text}"))
}

/// Why an interface was not attached to.
fn refused(options: &Options, why: Host) -> HostError {
    let name = &options.name;
    let exists = socket().and_then(|socket| interface::mtu(socket, name)).is_ok();
    let mode = match options.kind {
        Kind::Tap => "tap",
        Kind::Tun => "tun",
    };
    let (errno, text) = match why {
        Host::PERM if exists => (
            Errno::EPERM,
            format!("it is not for this user (ip tuntap add dev {name} mode {mode} user NAME)"),
        ),
        Host::PERM => (
            Errno::EPERM,
            format!(
                "there is no such interface, and making one takes CAP_NET_ADMIN; an administrator prepares it by \
                 ip tuntap add dev {name} mode {mode} user NAME"
            ),
        ),
        Host::BUSY => (Errno::EBUSY, "another program has it open".into()),
        Host::INVAL if exists => {
            let queues = match options.queues {
                Queues::One => "one queue",
                Queues::Several => "several queues",
            };
            (Errno::EINVAL, format!("is no {mode} interface with {queues}"))
        }
        why => return errno::named(name, why.into()),
    };
    error(errno, format!("{name}: {text}"))
}
