//! Memory that requests write from and read into.

use alloc::vec::Vec;
use rump_kpi::sync::Mutex;

/// Memory of a request, which may be a client's own. The kernel uses it from whatever thread does the request, from the time
/// when the request is submitted until it is done.
pub trait AioBuffer: Send + Sync {
    /// Its length in bytes, which does not change.
    fn length(&self) -> usize;

    /// Shows `reader` all of it.
    fn read(&self, reader: &mut dyn FnMut(&[u8]));

    /// Lets `writer` write to it, beginning at the front.
    fn fill(&self, writer: &mut dyn FnMut(&mut [u8]));
}

/// A buffer of the kernel's own kind.
#[derive(Debug, Default)]
pub struct AioBytes {
    bytes: Mutex<Vec<u8>>,
    length: usize,
}

impl AioBytes {
    /// A buffer of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len(), bytes: Mutex::new(bytes) }
    }

    /// A copy of its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.lock().clone()
    }
}

impl AioBuffer for AioBytes {
    fn length(&self) -> usize {
        self.length
    }

    fn read(&self, reader: &mut dyn FnMut(&[u8])) {
        reader(&self.bytes.lock());
    }

    fn fill(&self, writer: &mut dyn FnMut(&mut [u8])) {
        writer(&mut self.bytes.lock());
    }
}
