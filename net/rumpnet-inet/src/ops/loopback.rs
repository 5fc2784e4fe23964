//! What `lo0` has in the place of a device.
//!
//! The stack takes in by itself what goes over the loopback. If somebody looks on at the port, it sends a copy there as well,
//! in order with all else that it sends: those who look on hear it, once, and here it ends.

use crate::stack::LOOPBACK_MTU;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::KResult;
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::Packet;
use rump_kpi::port::Port;

/// The port of `lo0`.
pub fn port() -> Arc<Port> {
    Port::new("lo0", Arc::new(Loopback))
}

struct Loopback;

impl NetworkDevice for Loopback {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { medium: Medium::Loopback, mtu: LOOPBACK_MTU, offloads: Offloads::all() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        packets.clear();
        Ok(())
    }

    fn start(&self, _receiver: Arc<dyn Receiver>) -> KResult<()> {
        Ok(())
    }

    fn stop(&self) {}
}
