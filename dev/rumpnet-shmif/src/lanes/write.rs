//! The sending side.

use super::record::{HEADER, Record};
use super::{HEADER as FILE_HEADER, Lanes, PUBLISHED, RESERVED, Written, control};
use crate::{ETHERNET_HEADER, MOST_FRAME};
use alloc::vec::Vec;
use core::sync::atomic::{Ordering, fence};
use rump_kpi::packet::Packet;

/// Bytes after which others are told of them: they read while the rest is written.
const SHARE: u64 = 64 << 10;

impl Lanes {
    /// Sends all packets.
    pub(super) fn write_all(&self, packets: &mut Vec<Packet>) {
        let mut written = self.written.lock();
        let mut at = written.published;
        for packet in packets.drain(..) {
            if !(ETHERNET_HEADER..=MOST_FRAME).contains(&packet.len()) {
                continue;
            }
            at = self.write(at, &packet, &mut written);
            if at.wrapping_sub(written.published) >= SHARE {
                self.publish(at, &mut written);
            }
        }
        if at != written.published {
            self.publish(at, &mut written);
        }
    }

    /// Writes a packet; answers where the next one goes.
    fn write(&self, at: u64, packet: &Packet, written: &mut Written) -> u64 {
        let record = Record::of(packet, at);
        let end = at.wrapping_add(record.bytes());
        // What is behind the end of the one who died here is as it was.
        if (end.wrapping_sub(written.reserved) as i64) > 0 {
            written.reserved = end;
        }
        self.memory.store_u64(control(self.own) + RESERVED, written.reserved);
        // Whoever sees one of the bytes that are written now sees this as well.
        fence(Ordering::Release);
        // Ranges of a ring are always there.
        let _ = self.rings[self.own].write(at, &record.emit());
        let mut to = at.wrapping_add(HEADER as u64);
        for chunk in packet.chunks() {
            let _ = self.rings[self.own].write(to, chunk);
            to = to.wrapping_add(chunk.len() as u64);
        }
        end
    }

    /// Lets others know of what is written up to a position.
    fn publish(&self, at: u64, written: &mut Written) {
        written.published = at;
        self.memory.store_u64(control(self.own) + PUBLISHED, at);
        let (offset, word) = FILE_HEADER[0];
        if self.memory.load_u32(offset) != word {
            // Somebody damaged it: others could not join.
            FILE_HEADER.iter().rev().for_each(|(offset, word)| self.memory.store_u32(*offset, *word));
        }
        // It is seen by whoever falls asleep, or the word of its sleep is seen here.
        fence(Ordering::SeqCst);
        self.others().for_each(|lane| self.wake(lane));
    }
}
