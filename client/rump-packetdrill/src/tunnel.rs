//! The wire: a device of the kernel whose other end is the script.

use bytes::Bytes;
use rump_host_sim::SimHost;
use rump_hyper::Clock;
use rump_kpi::KResult;
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::Packet;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// More packets than this are not kept: a stack that sends without end is a failure anyway.
const MOST: usize = 100_000;

/// A packet that the kernel sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// When, by the kernel's clock.
    pub at: Duration,
    /// What.
    pub bytes: Vec<u8>,
}

/// A device that carries packets of IP. Its locks are leaves.
pub struct Tunnel {
    host: Arc<SimHost>,
    mtu: u32,
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
    sent: Mutex<VecDeque<Sent>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tunnel {
    /// A device whose clock is that of `host`.
    pub fn new(host: Arc<SimHost>, mtu: u32) -> Arc<Self> {
        Arc::new(Self { host, mtu, receiver: Mutex::default(), sent: Mutex::default() })
    }

    /// A packet comes.
    pub fn inject(&self, bytes: Vec<u8>) {
        let receiver = lock(&self.receiver).clone();
        if let Some(receiver) = receiver {
            receiver.receive(vec![Packet::received(Bytes::from(bytes))]);
        }
    }

    /// What the kernel sent since the last call.
    pub fn take_sent(&self) -> VecDeque<Sent> {
        std::mem::take(&mut *lock(&self.sent))
    }
}

impl NetworkDevice for Tunnel {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { medium: Medium::Ip, mtu: self.mtu, offloads: Offloads::empty() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        let at = self.host.monotonic();
        let mut sent = lock(&self.sent);
        for packet in packets.drain(..) {
            if sent.len() < MOST {
                sent.push_back(Sent { at, bytes: packet.to_vec() });
            }
        }
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        *lock(&self.receiver) = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        *lock(&self.receiver) = None;
    }
}
