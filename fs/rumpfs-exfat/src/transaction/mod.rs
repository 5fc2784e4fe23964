//! What transactions (see [`rump_dosfs::transaction`]) ask of exFAT. What they call the table is the table and the
//! bitmap here.

mod flags;

use crate::bitmap::{self, Freed};
use crate::nodes::Cell;
use crate::volume::Volume;
use core::sync::atomic::Ordering;
use rump_dosfs::transaction::{self, Space, Transactional};
use rump_dosfs::{Error, Sectors};
use rump_kpi::cache::Block;
use rump_kpi::{Environment, Errno};

/// An operation on a volume.
pub type Operation<'a> = transaction::Operation<'a, Volume>;
/// What a mount for writing needs.
pub type Writer = transaction::Writer<Freed>;

impl Transactional for Volume {
    type Cell = Cell;
    type Freed = Freed;

    fn sectors(&self) -> &Sectors {
        &self.disk.sectors
    }

    fn sector(&self, sector: u64) -> Result<Block, Error> {
        self.disk.sector(sector)
    }

    fn writer(&self) -> Result<&Writer, Error> {
        self.writer.as_ref().ok_or(Errno::EROFS.into())
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    fn note(&self, text: &str) {
        (self.environment.log)(&alloc::format!("exfat: {text}"));
    }

    fn clusters(&self) -> u32 {
        self.disk.geometry.clusters
    }

    fn count_free(&self) -> Result<u32, Error> {
        self.bitmap.count_free(&self.disk)
    }

    fn mark(&self) -> Result<(), Error> {
        flags::mark(self)
    }

    fn unmark(&self) -> Result<(), Error> {
        flags::clear(self)
    }

    /// It is written when the volume is left: until then it would be an untruth that costs a write.
    fn write_hint(&self, space: Space) -> Result<(), Error> {
        self.free_at_commit.store(space.free.unwrap_or(u32::MAX), Ordering::Release);
        Ok(())
    }

    fn table_copies(&self, byte: u64) -> impl Iterator<Item = u64> {
        core::iter::once(byte)
    }

    fn release(&self, operation: &mut Operation<'_>, freed: &Freed, left: &mut u32) -> Result<(), Error> {
        bitmap::release(operation, freed, left).inspect_err(|_| self.bitmap.forget())
    }

    fn take_back(&self, cell: &Cell) {
        self.bitmap.forget();
        cell.forget_directory();
    }
}
