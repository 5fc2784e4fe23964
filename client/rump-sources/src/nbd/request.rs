//! A request that is in flight, and what was answered so far.

use super::broken;
use super::reply::{Chunk, Head};
use crate::socket_error;
use rump_kpi::{KError, KResult};
use std::io::Read;

/// See the module.
pub struct Request {
    offset: u64,
    /// What was read, of its final length from the beginning.
    data: Vec<u8>,
    /// How much of it the server told.
    told: usize,
    error: Option<KError>,
    is_done: bool,
}

impl Request {
    /// One that reads so many bytes at `offset`; none for what is no reading.
    pub fn new(offset: u64, len: u32) -> Self {
        Self { offset, data: vec![0; len as usize], told: 0, error: None, is_done: false }
    }

    /// Takes what a reply says, and its data from `stream`.
    ///
    /// # Errors
    /// EIO (it does not fit what was asked for), those of the socket: the connection is of no use any more.
    pub fn fill(&mut self, head: Head, stream: &mut impl Read, is_structured: bool) -> KResult<()> {
        match head.chunk {
            Chunk::Nothing => {}
            Chunk::Failed(error) => drop(self.error.get_or_insert(error)),
            Chunk::All if is_structured && !self.data.is_empty() => {
                return Err(broken("a reply to a read has no structure"));
            }
            Chunk::All => {
                read_exact(stream, &mut self.data)?;
                self.told = self.data.len();
            }
            Chunk::Data { offset, len } => read_exact(stream, self.part(offset, len)?)?,
            Chunk::Hole { offset, len } => self.part(offset, len)?.fill(0),
        }
        if head.is_last && self.error.is_none() && self.told != self.data.len() {
            let what = format!("the server tells {} of {} bytes", self.told, self.data.len());
            return Err(broken(what));
        }
        self.is_done = head.is_last;
        Ok(())
    }

    /// The bytes that a chunk is for.
    fn part(&mut self, offset: u64, len: u32) -> KResult<&mut [u8]> {
        let (at, len) = (offset.checked_sub(self.offset), len as usize);
        let at = at.and_then(|at| usize::try_from(at).ok());
        let part = at.and_then(|at| self.data.get_mut(at..at.checked_add(len)?));
        self.told = self.told.saturating_add(len);
        part.ok_or_else(|| {
            broken(format!("the server tells of {len} bytes at {offset}, which nobody asked for"))
        })
    }

    /// Whether the last reply to it came.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// What was read. Errors: what the server answers.
    pub fn finish(self) -> KResult<Vec<u8>> {
        self.error.map_or(Ok(self.data), Err)
    }
}

fn read_exact(stream: &mut impl Read, buf: &mut [u8]) -> KResult<()> {
    stream.read_exact(buf).map_err(|error| socket_error("reply", &error))
}
