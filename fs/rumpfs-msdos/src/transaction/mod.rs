//! What transactions (see [`rump_dosfs::transaction`]) ask of FAT.

mod flags;

use crate::fat::{self, Freed};
use crate::nodes::Cell;
use crate::volume::Volume;
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
        &self.sectors
    }

    fn sector(&self, sector: u64) -> Result<Block, Error> {
        self.sectors.read(sector, || self.window(sector))
    }

    fn writer(&self) -> Result<&Writer, Error> {
        self.writer.as_ref().ok_or(Errno::EROFS.into())
    }

    fn environment(&self) -> &Environment {
        &self.environment
    }

    fn note(&self, text: &str) {
        (self.environment.log)(&alloc::format!("msdos: {text}"));
    }

    fn clusters(&self) -> u32 {
        self.geometry.clusters
    }

    fn count_free(&self) -> Result<u32, Error> {
        fat::count_free(self)
    }

    fn mark(&self) -> Result<(), Error> {
        flags::mark(self)
    }

    fn unmark(&self) -> Result<(), Error> {
        flags::clear(self)
    }

    fn write_hint(&self, space: Space) -> Result<(), Error> {
        flags::write_hint(self, space)
    }

    fn table_copies(&self, byte: u64) -> impl Iterator<Item = u64> {
        let within = byte - self.geometry.active_start();
        self.geometry.written_fats().map(move |start| start + within)
    }

    fn release(&self, operation: &mut Operation<'_>, freed: &Freed, left: &mut u32) -> Result<(), Error> {
        fat::release(operation, freed, left)
    }

    fn take_back(&self, cell: &Cell) {
        cell.forget();
    }
}
