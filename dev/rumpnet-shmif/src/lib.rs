//! An Ethernet hub of shared memory: several kernels, in one or many processes, open one file of the host, and each sees
//! what the others send.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # fn example(host: Arc<dyn rump_hyper::Hypervisor>, network: &dyn rump_kpi::device::Network) -> rump_kpi::KResult<()> {
//! use rumpnet_shmif::{Bus, Options};
//!
//! let bus = Bus::open(host, b"/tmp/net.bus", &Options::default())?;
//! let number = network.attach("shmif0", bus)?;
//! # Ok(())
//! # }
//! ```
//!
//! There are two formats; which one a file has is told by its first word, and a new file gets the one that is asked for.
//!
//! - [`compatible`] is that of NetBSD's rump kernels, which may be on the same bus: one ring for all, behind a lock.
//! - [`lanes`] is for kernels of ours alone: a ring for each peer, no lock, segments of up to 64 KiB that nobody cuts.
//!
//! Everything in the file is hostile: any byte may be changed by anybody at any time. Offsets and lengths are checked after
//! they were copied; what makes no sense is passed over, and the next writer puts it in order.
//!
//! # Locks
//! Outer before inner: `Running::delivering`, the one of a format's sending side, the lock in the file, the suspicion of it.
//! A receiver is called with `delivering` held, so it does not stop the device.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bus;
pub mod compatible;
pub mod lanes;
mod lock;
mod ring;

pub use bus::{Begin, Bus, Format, Options};

/// Bytes of Ethernet before a packet's content; a shorter frame is none.
const ETHERNET_HEADER: usize = 14;
/// Most bytes of a frame: a segment of 64 KiB with its headers.
const MOST_FRAME: usize = 65_536 + 64;
/// Most bytes of IP in a frame that is not to be cut.
const MTU: u32 = 1500;

/// The host's errors are the kernel's.
fn host_error(error: rump_hyper::HostError) -> rump_kpi::KError {
    rump_kpi::KError::new(error.errno, error.what)
}
