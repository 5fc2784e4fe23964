//! A layer that remembers every write and flush, so that a test can make what a power cut would have left. Of lengths it
//! remembers nothing: a longer device is one that ends with zeros.

use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::sync::Mutex;
use rump_kpi::{BlockDevice, KResult};

/// What reached the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes at an offset.
    Write {
        /// First byte.
        offset: u64,
        /// The bytes.
        data: Vec<u8>,
    },
    /// Everything before is durable.
    Flush,
}

/// The layer.
pub struct Recorder {
    device: Arc<dyn BlockDevice>,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    /// Wraps `device`.
    pub fn new(device: Arc<dyn BlockDevice>) -> Arc<Self> {
        Arc::new(Self { device, events: Mutex::new(Vec::new()) })
    }

    /// Events so far.
    pub fn count(&self) -> usize {
        self.events.lock().len()
    }

    /// All events so far, in their order.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }
}

impl BlockDevice for Recorder {
    fn size_bytes(&self) -> u64 {
        self.device.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        self.device.is_read_only()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.device.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.device.write_at(offset, buf)?;
        self.events.lock().push(Event::Write { offset, data: buf.into() });
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        self.device.flush()?;
        self.events.lock().push(Event::Flush);
        Ok(())
    }

    fn grow(&self, size_bytes: u64) -> KResult<()> {
        self.device.grow(size_bytes)
    }
}
