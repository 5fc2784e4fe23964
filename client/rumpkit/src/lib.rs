//! The Rust API of rump kernels.
//!
//! Boot a [`Kernel`] on a host, make a [`Process`], and call what POSIX calls a system call as its methods. For
//! the common case, files out of a disk image, [`image::Image`] does all of it in one call; the README has an
//! example. Sockets as owned values, and interfaces, are in [`net`].
#![forbid(unsafe_code)]

mod fixed_clock;
pub mod image;
pub mod mkfs;
pub mod net;
pub mod pcap;

use std::sync::Arc;

pub use fixed_clock::FixedClock;

pub use rump_abi::{
    AccessMode, AllocateFlags, AtFlags, DevNumber, Errno, FileFlags, FileType, Ino, Mode, MountFlags,
    OpenFlags, RenameFlags, Stat, StatVfs, TimeSpec, XattrFlags,
};
pub use rump_abi::{
    AddressFamily, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType, TcpState, event, sockopt,
};
pub use rump_dev as dev;
pub use rump_host_posix::{PosixHost, dgram, packet, stream, tun};
pub use rump_hyper as hyper;
pub use rump_kern::*;
pub use rump_kpi as kpi;
pub use rump_kpi::{KError, KResult};
pub use rumpnet_lossy as lossy;
pub use rumpnet_shmif as shmif;
pub use rumpnet_virtif as virtif;

/// Every component that this library links: file systems, partition schemes, protocols and devices. The Internet is a stack
/// of the kernel's own (`rumpnet_inet`).
pub fn components() -> Vec<kpi::Component> {
    components_with(rumpnet_inet::component())
}

/// The same with another Internet, such as the sockets of the host (`rumpnet_sockin`).
pub fn components_with(internet: kpi::Component) -> Vec<kpi::Component> {
    let mut all = vec![rumpfs_tmpfs::component(), rumpfs_kernfs::component(), rumpfs_ext2fs::component()];
    all.push(rumpfs_cd9660::component());
    all.push(rumpfs_exfat::component());
    all.push(rumpfs_msdos::component());
    all.push(rumpnet_bridge::component());
    all.push(internet);
    all.push(rumpnet_local::component());
    all.push(rumpnet_vlan::component());
    all.extend(rumpdev_disk::components());
    all.extend(rumpdev_mem::components());
    all.push(rumpdev_bpf::component());
    all.extend(rumpnet_tap::components());
    all
}

/// Boots a kernel with every component that this library links. Errors: those of [`Builder::boot`].
pub fn kernel(host: Arc<dyn hyper::Hypervisor>) -> KResult<Kernel> {
    components().into_iter().fold(Kernel::builder(host), Builder::component).boot()
}

/// The same, but the sockets of its Internet are the host's (`rumpnet_sockin`): it is on the host's network without
/// privilege or set-up, and has no interfaces of its own. Errors: those of [`Builder::boot`].
pub fn kernel_with_sockin<H>(host: Arc<H>) -> KResult<Kernel>
where
    H: hyper::Hypervisor + hyper::socket::HostSockets + 'static,
{
    let components = components_with(rumpnet_sockin::component(host.clone()));
    components.into_iter().fold(Kernel::builder(host), Builder::component).boot()
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadmeExample;
