//! A device that fails: at one read, at one write or flush, or at all from one on; and what that may cost.

use crate::judge::judge_end;
use crate::rig::{Family, bytes_of};
use crate::workload;
use interop::Check;
use interop::image::Scratch;
use rumpkit::dev::MemDevice;
use rumpkit::kpi::BlockDevice;
use rumpkit::{Errno, KResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A read.
    Read,
    /// A write or a flush.
    Write,
    /// Each write and flush from one on.
    Writes,
}

/// The layer.
pub struct Faulty {
    device: Arc<dyn BlockDevice>,
    fault: Fault,
    number: u64,
    count: AtomicU64,
}

impl Faulty {
    /// Lets the call of this number fail; they are counted from zero.
    pub fn new(device: Arc<dyn BlockDevice>, fault: Fault, number: u64) -> Arc<Self> {
        Arc::new(Self { device, fault, number, count: AtomicU64::new(0) })
    }

    /// How many calls there were that might have failed.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn step(&self, is_read: bool) -> KResult<()> {
        if is_read != (self.fault == Fault::Read) {
            return Ok(());
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let fails = number == self.number || self.fault == Fault::Writes && number > self.number;
        if fails { Err(Errno::EIO.into()) } else { Ok(()) }
    }
}

impl BlockDevice for Faulty {
    fn size_bytes(&self) -> u64 {
        self.device.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.step(true)?;
        self.device.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.step(false)?;
        self.device.write_at(offset, buf)
    }

    fn flush(&self) -> KResult<()> {
        self.step(false)?;
        self.device.flush()
    }
}

/// A workload on an image of a family.
pub struct Trial {
    family: Family,
    before: Vec<u8>,
}

const SEED: u64 = 1;
const OPERATIONS: u64 = 60;

impl Trial {
    /// One on this image.
    pub fn new(family: Family, before: Vec<u8>) -> Self {
        Self { family, before }
    }

    /// Runs it, and lets its call `number` fail. When the device works again, what was durable has to be whole; where
    /// nobody was told of a failure, that is everything. Answers whether there was such a call.
    pub fn fail(&self, fault: Fault, number: u64) -> Check<bool> {
        let memory = MemDevice::new(self.before.clone());
        let device = Faulty::new(memory.clone(), fault, number);
        let ran = workload::run_on(self.family, self.before.clone(), device.clone(), SEED, OPERATIONS);
        let Ok(record) = ran else {
            // The mount was refused, which is an answer.
            return Ok(true);
        };
        let (image, scratch) = (bytes_of(&*memory)?, Scratch::in_memory("fault")?);
        if record.failures == 0 {
            let whole = self.family.check_clean(&image, &scratch);
            whole.map_err(|what| format!("nobody was told, and: {what}"))?;
        }
        judge_end(&record, &image, &scratch)?;
        Ok(device.count() > number)
    }
}
