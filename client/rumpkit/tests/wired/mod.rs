//! Kernels of this host, alone or on a wire.
#![allow(dead_code)] // No test uses all of it.

use rumpkit::net::Interface;
use rumpkit::net::wire::Wire;
use rumpkit::{Kernel, PosixHost};

pub fn kernel() -> Kernel {
    rumpkit::kernel(PosixHost::new()).unwrap()
}

/// One with a stack of its own, and one with the sockets of the host.
pub fn kernels() -> [Kernel; 2] {
    [kernel(), rumpkit::kernel_with_sockin(PosixHost::new()).unwrap()]
}

pub fn on_wire(wire: &Wire, address: &str) -> Kernel {
    let kernel = kernel();
    let interface = Interface::attach(&kernel, "eth0", wire.end()).unwrap();
    interface.add_address(address.parse().unwrap()).unwrap();
    interface.up().unwrap();
    kernel
}
