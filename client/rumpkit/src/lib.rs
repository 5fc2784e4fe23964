//! The Rust API of rump kernels.
//!
//! Boot a [`Kernel`] on a host, make a [`Process`], and call what POSIX calls a system call as its methods. For
//! the common case, files out of a disk image, [`image::Image`] does all of it in one call:
//!
//! ```no_run
//! use rumpkit::image::{Address, Image, LockPolicy};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let host = rumpkit::PosixHost::new();
//! let address = Address::parse(&*host, b"disk.img@2:/etc/fstab");
//! let image = Image::open(host, &address, LockPolicy::Lock)?;
//! let fd = image.process().open(address.path(), rumpkit::OpenFlags::empty(), rumpkit::Mode::new(0))?;
//! let mut buffer = [0; 512];
//! let length = image.process().read(fd, &mut buffer)?;
//! # let _ = length; Ok(()) }
//! ```
#![forbid(unsafe_code)]

pub mod image;

pub use rump_abi::{
    AccessMode, AtFlags, DevNumber, Errno, FileType, Ino, Mode, MountFlags, OpenFlags, Stat, StatVfs,
    TimeSpec, XattrFlags,
};
pub use rump_dev as dev;
pub use rump_host_posix::PosixHost;
pub use rump_hyper as hyper;
pub use rump_kern::*;
pub use rump_kpi as kpi;
pub use rump_kpi::{KError, KResult};

/// Every component that this library links: file systems and partition schemes.
pub fn components() -> Vec<kpi::Component> {
    let mut all = vec![rumpfs_tmpfs::component(), rumpfs_kernfs::component(), rumpfs_ext2fs::component()];
    all.extend(rumpdev_disk::components());
    all
}
