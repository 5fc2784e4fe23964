//! The packet filter of the BSDs, `/dev/bpf`: who opens it hears what passes at an interface, as much of it as a program
//! wants, and sends frames.
//!
//! Reference: bpf(4) of NetBSD. What is heard is complete: checksums that a device would make are made, and what it would cut
//! is cut, so that it looks as on the wire; that costs nothing as long as nobody listens. As on NetBSD, a read takes a whole
//! buffer, and a non-blocking read answers what there is.
//!
//! At `lo0` each packet is heard once, as one that goes out; before it is the number of its family. What is written there comes
//! in at once. Other interfaces without a device, such as `lo1`, cannot be listened at.
//!
//! # Locks
//! The state of an open file, a leaf: nothing but clocks is called while it is held.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod buffer;
mod file;
mod machine;
mod program;
mod record;
pub mod request;
mod state;

pub use machine::Frame;
pub use program::{INSTRUCTION_BYTES, Instruction, Invalid, MOST_INSTRUCTIONS, Program};
pub use record::{Record, records};

use alloc::sync::Arc;
use rump_kpi::character::{CharacterDevice, CharacterDriver, DeviceEnvironment, DeviceFile, DeviceNode};
use rump_kpi::socket::Caller;
use rump_kpi::{Component, Errno, KResult};

/// The component of this crate.
pub fn component() -> Component {
    Component::Character(&Driver)
}

struct Driver;

impl CharacterDriver for Driver {
    fn major(&self) -> u32 {
        23
    }

    fn nodes(&self) -> &'static [DeviceNode] {
        &[
            DeviceNode { name: "bpf", minor: 0, mode: 0o600 },
            DeviceNode { name: "bpf0", minor: 0, mode: 0o600 },
        ]
    }

    fn attach(&self, environment: &DeviceEnvironment) -> KResult<Arc<dyn CharacterDevice>> {
        Ok(Arc::new(Device(environment.clone())))
    }
}

struct Device(DeviceEnvironment);

impl CharacterDevice for Device {
    fn open(&self, minor: u32, _caller: Caller) -> KResult<Arc<dyn DeviceFile>> {
        if minor != 0 {
            return Err(Errno::ENXIO.into());
        }
        Ok(Arc::new(file::File::new(self.0.clone())))
    }
}
