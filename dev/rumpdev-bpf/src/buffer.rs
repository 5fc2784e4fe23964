//! Two buffers: frames are stored in one while the other is held for the reader. Where the reader has taken what was held,
//! and the store is full or he is in a hurry, they change places.

use crate::record::{aligned, emit, header_bytes};
use alloc::vec::Vec;
use core::time::Duration;
use rump_kpi::TimeSpec;
use rump_kpi::packet::Packet;

/// See the module.
pub(crate) struct Buffers {
    /// Bytes of each.
    size: usize,
    store: Vec<u8>,
    /// Empty: nothing is held.
    hold: Vec<u8>,
    /// What the first frame in the store waits since, by the monotonic clock.
    since: Option<Duration>,
}

/// A frame to be stored.
pub(crate) struct Heard<'a> {
    pub(crate) packet: &'a Packet,
    /// Bytes of the link's header.
    pub(crate) link: usize,
    /// Bytes that are wanted at most.
    pub(crate) wanted: usize,
    pub(crate) time: TimeSpec,
    pub(crate) now: Duration,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is in the store.
    InStore,
    /// It is in the store, and what was there is held now.
    Rotated,
    /// There was no room.
    Dropped,
}

impl Buffers {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, store: Vec::new(), hold: Vec::new(), since: None }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Bytes that can be read, or could at once.
    pub(crate) fn length(&self) -> usize {
        self.store.len() + self.hold.len()
    }

    pub(crate) fn is_held(&self) -> bool {
        !self.hold.is_empty()
    }

    pub(crate) fn is_stored(&self) -> bool {
        !self.store.is_empty()
    }

    pub(crate) fn since(&self) -> Option<Duration> {
        self.since
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.store.clear();
        self.hold.clear();
        self.since = None;
    }

    pub(crate) fn put(&mut self, heard: &Heard<'_>) -> Stored {
        let header = header_bytes(heard.link);
        let room = self.size.saturating_sub(header);
        let kept = heard.packet.len().min(heard.wanted).min(room);
        let is_full = aligned(self.store.len()) + header + kept > self.size;
        if room == 0 || is_full && self.is_held() {
            return Stored::Dropped;
        }
        if is_full {
            self.rotate();
        }
        self.since = self.since.or(Some(heard.now));
        emit(&mut self.store, heard.link, heard.time, heard.packet, kept);
        if is_full { Stored::Rotated } else { Stored::InStore }
    }

    /// Holds what is stored; nothing is held.
    pub(crate) fn rotate(&mut self) {
        core::mem::swap(&mut self.store, &mut self.hold);
        self.since = None;
    }

    /// Takes what is held, and is given it back when it was read.
    pub(crate) fn take(&mut self, read: impl FnOnce(&[u8])) -> usize {
        let count = self.hold.len();
        read(&self.hold);
        self.hold.clear();
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::records;
    use bytes::Bytes;

    /// Bytes that a record of ten takes, with what aligns the next.
    const RECORD: usize = 48;

    fn put(buffers: &mut Buffers, number: u8, wanted: usize) -> Stored {
        let packet = Packet::with_content([[number; 4], [number + 1; 4]].map(|b| Bytes::copy_from_slice(&b)));
        let time = TimeSpec { sec: number.into(), nsec: 5_999 };
        buffers.put(&Heard { packet: &packet, link: 0, wanted, time, now: Duration::from_secs(1) })
    }

    fn read(buffers: &mut Buffers) -> Vec<(i64, u32, usize, Vec<u8>)> {
        let mut all = Vec::new();
        buffers.take(|bytes| {
            all = records(bytes).map(|r| (r.time.sec, r.time.nsec, r.length, r.bytes.to_vec())).collect();
        });
        all
    }

    #[test]
    fn a_full_store_is_held_and_a_second_one_drops() {
        let mut buffers = Buffers::new(2 * RECORD);
        assert_eq!([1, 2].map(|number| put(&mut buffers, number, 99)), [Stored::InStore; 2]);
        assert_eq!((buffers.is_held(), buffers.since()), (false, Some(Duration::from_secs(1))));
        assert_eq!(put(&mut buffers, 3, 6), Stored::Rotated);
        assert_eq!(put(&mut buffers, 4, 99), Stored::InStore);
        assert_eq!(put(&mut buffers, 5, 99), Stored::Dropped);
        let bytes = |n: u8, length: usize| [[n; 4], [n + 1; 4]].concat()[..length].to_vec();
        assert_eq!(read(&mut buffers), [(1, 5000, 8, bytes(1, 8)), (2, 5000, 8, bytes(2, 8))]);
        buffers.rotate();
        assert_eq!(read(&mut buffers), [(3, 5000, 8, bytes(3, 6)), (4, 5000, 8, bytes(4, 8))]);
        assert_eq!((buffers.length(), buffers.since()), (0, None));
    }

    #[test]
    fn a_frame_is_cut_to_the_buffer() {
        let mut buffers = Buffers::new(36);
        assert_eq!(put(&mut buffers, 1, 99), Stored::InStore);
        buffers.rotate();
        assert_eq!(read(&mut buffers), [(1, 5000, 8, [1; 4].to_vec())]);
        assert_eq!(put(&mut Buffers::new(32), 1, 99), Stored::Dropped);
        // Whatever stands in a buffer is no reason to read beyond it.
        assert_eq!(records(&[0xff; 100]).count(), 0);
        assert_eq!(records(&[0; 99]).count(), 0);
    }
}
