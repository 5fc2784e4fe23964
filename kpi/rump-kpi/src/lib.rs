//! What a component may ask of the kernel, and what the kernel asks of a component.
//!
//! A driver names this crate and pure libraries, nothing else: device, time and caller are handed in.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod block;
pub mod cache;
pub mod character;
mod component;
pub mod device;
mod error;
mod fs;
mod interface;
pub mod link;
mod memory;
mod name;
pub mod packet;
pub mod port;
pub mod socket;
pub mod sync;
mod wait;

pub use block::{BlockDevice, Partition, PartitionScheme, PartitionTable};
pub use component::Component;
pub use error::{KError, KResult};
pub use fs::{
    Access, Allocation, Attr, Capabilities, DirEntry, Environment, FileSystem, FileSystemInfo,
    FileSystemType, FindDevice, NewNode, Node, SetAttr, SetTime,
};
pub use memory::Memory;
pub use name::NodeName;
pub use rump_abi::{
    AddressFamily, AtFlags, DevNumber, Errno, FileFlags, FileType, Ino, MessageFlags, Mode, MountFlags,
    OpenFlags, PollEvents, Shutdown, SocketAddress, SocketType, Stat, StatVfs, TcpCaState, TcpInfo,
    TcpOptions, TcpState, TimeSpec, XattrFlags, netbsd, sockopt,
};
/// Access control lists, which file systems with [`Capabilities::ACLS`] keep.
pub use rump_acl as acl;
pub use wait::{Registration, WaitQueue};
