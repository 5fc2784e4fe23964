//! An export as a block device.

use super::connection::{Command, Connection, Failure};
use super::handshake::Export;
use crate::url::decode;
use crate::{Options, Url, check_range};
use rump_hyper::Access;
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Most bytes of a request: several are in flight, and none keeps the others waiting for long.
const PIECE: u32 = 1 << 20;

/// An export of a server.
pub struct Nbd {
    url: Url,
    name: String,
    options: Options,
    access: Access,
    export: Export,
    connection: Mutex<Arc<Connection>>,
    ledger: Mutex<Ledger>,
    /// Held alone by writes of parts of blocks, which write back what they read.
    blocks: RwLock<()>,
}

/// How many writes were begun, have ended, and are known to be durable.
#[derive(Clone, Copy, Default)]
struct Ledger {
    begun: u64,
    ended: u64,
    durable: u64,
}

impl Nbd {
    /// Connects to the server of a URL. Errors: EROFS (the export is read-only, and is to be written), EINVAL (the URL), the host's,
    /// those of the handshake.
    pub fn open(url: &Url, access: Access, options: &Options) -> KResult<Arc<Self>> {
        let name = decode(url.path.strip_prefix('/').unwrap_or(&url.path))?;
        let connection = Connection::open(url, &name, options)?;
        let export = connection.export().clone();
        if access == Access::ReadWrite && export.flags.is_read_only() {
            return Err(KError::new(Errno::EROFS, format!("{url}: the server does not let it be written")));
        }
        let (connection, ledger, blocks) =
            (Mutex::new(Arc::new(connection)), Mutex::default(), RwLock::default());
        let (url, options) = (url.clone(), options.clone());
        Ok(Arc::new(Self { url, name, options, access, export, connection, ledger, blocks }))
    }

    fn connection(&self) -> Arc<Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connects again where `broken` is still the connection in use. The lock is held meanwhile: others want the same.
    fn reconnect(&self, broken: &Arc<Connection>, why: KError) -> KResult<Arc<Connection>> {
        let mut current = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, broken) {
            return Ok(current.clone());
        }
        let ledger = self.ledger(|ledger| *ledger);
        if ledger.begun != ledger.durable {
            return Err(self.failed(&format_args!("{why}; what was written last may be lost")));
        }
        let connection = Connection::open(&self.url, &self.name, &self.options)
            .map_err(|error| self.failed(&format_args!("{why}; connecting again: {error}")))?;
        let export = connection.export();
        if (export.size_bytes, export.block_bytes) != (self.export.size_bytes, self.export.block_bytes) {
            return Err(self.failed(&format_args!("{why}; after that the export was another one")));
        }
        *current = Arc::new(connection);
        Ok(current.clone())
    }

    fn ledger<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        change(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> KError {
        KError::new(Errno::EIO, format!("{}: {why}", self.url))
    }

    fn finish<T>(&self, result: Result<T, Failure>) -> KResult<T> {
        result.map_err(|failure| match failure {
            Failure::Refused(error) => KError::new(error.errno, format!("{}: {error}", self.url)),
            Failure::Broken(error) => self.failed(&error),
        })
    }

    /// Reads whole blocks, no more than a piece.
    fn read_piece(&self, offset: u64, len: u32) -> KResult<Vec<u8>> {
        let connection = self.connection();
        match connection.call(Command::Read(len), offset) {
            Err(Failure::Broken(why)) => {
                let again = self.reconnect(&connection, why)?;
                self.finish(again.call(Command::Read(len), offset))
            }
            result => self.finish(result),
        }
    }

    /// Writes whole blocks, no more than a piece.
    fn write_piece(&self, offset: u64, data: &[u8]) -> KResult<()> {
        let flags = self.export.flags;
        let is_durable = flags.has_fua() && !flags.has_flush();
        let command = if is_durable { Command::WriteDurably(data) } else { Command::Write(data) };
        self.ledger(|ledger| ledger.begun += 1);
        let result = self.connection().call(command, offset);
        if !matches!(result, Err(Failure::Broken(_))) {
            self.ledger(|ledger| ledger.ended += 1);
        }
        self.finish(result).map(drop)
    }

    /// The pieces, of whole blocks, that cover a range: where each begins, and its length.
    fn pieces(&self, offset: u64, len: usize) -> impl Iterator<Item = (u64, u32)> + use<> {
        let block = u64::from(self.export.block_bytes);
        let piece = u64::from(PIECE.min(self.export.most_bytes)) / block * block;
        let (begin, end) = (offset / block * block, (offset + len as u64).next_multiple_of(block));
        (begin..end).step_by(piece as usize).map(move |at| (at, (end - at).min(piece) as u32))
    }
}

/// Where a piece and a range meet, as ranges of both. They do meet.
fn overlap(
    (at, len): (u64, u32),
    offset: u64,
    range_len: usize,
) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let (begin, end) = (at.max(offset), (at + u64::from(len)).min(offset + range_len as u64));
    let of = |base: u64| (begin - base) as usize..(end - base) as usize;
    (of(at), of(offset))
}

impl BlockDevice for Nbd {
    fn size_bytes(&self) -> u64 {
        self.export.size_bytes
    }

    fn is_read_only(&self) -> bool {
        self.access == Access::Read
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self.size_bytes(), offset, buf.len())?;
        if buf.is_empty() {
            return Ok(());
        }
        for piece in self.pieces(offset, buf.len()) {
            let data = self.read_piece(piece.0, piece.1)?;
            let (from, to) = overlap(piece, offset, buf.len());
            buf[to].copy_from_slice(&data[from]);
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        if self.is_read_only() {
            return Err(Errno::EROFS.into());
        }
        check_range(self.size_bytes(), offset, buf.len())?;
        if buf.is_empty() {
            return Ok(());
        }
        let block = u64::from(self.export.block_bytes);
        let is_whole = offset % block == 0 && buf.len() as u64 % block == 0;
        let shared = is_whole.then(|| self.blocks.read().unwrap_or_else(PoisonError::into_inner));
        let alone = (!is_whole).then(|| self.blocks.write().unwrap_or_else(PoisonError::into_inner));
        for piece in self.pieces(offset, buf.len()) {
            let (to, from) = overlap(piece, offset, buf.len());
            if to.len() == piece.1 as usize {
                self.write_piece(piece.0, &buf[from])?;
            } else {
                let mut data = self.read_piece(piece.0, piece.1)?;
                data[to].copy_from_slice(&buf[from]);
                self.write_piece(piece.0, &data)?;
            }
        }
        drop((shared, alone));
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        let before = self.ledger(|ledger| *ledger);
        if before.begun == before.durable {
            return Ok(());
        }
        // A server without flushes promises nothing more than the end of each write.
        if self.export.flags.has_flush() {
            self.finish(self.connection().call(Command::Flush, 0))?;
        }
        if before.begun == before.ended {
            self.ledger(|ledger| ledger.durable = ledger.durable.max(before.begun));
        }
        Ok(())
    }
}
