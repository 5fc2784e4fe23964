//! What an open file has been told, and what it has heard.

use crate::buffer::{Buffers, Heard, Stored};
use crate::program::Program;
use crate::request::{DLT_EN10MB, DLT_NULL, DLT_RAW};
use alloc::sync::Arc;
use core::time::Duration;
use rump_kpi::device::Medium;
use rump_kpi::packet::{Packet, offload};
use rump_kpi::port::{Direction, Port};
use rump_kpi::{AddressFamily, TimeSpec};

/// Bytes of a buffer at first, at least and at most.
const USUAL_SIZE: usize = 32 << 10;
const LEAST_SIZE: usize = 32;
const MOST_SIZE: usize = 16 << 20;
/// Bytes of a header of Ethernet.
pub(crate) const ETHERNET_BYTES: usize = 14;

/// Which directions are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Heeds {
    In = 0,
    Both = 1,
    Out = 2,
}

impl Heeds {
    pub(crate) fn of_number(number: u32) -> Option<Self> {
        [Self::In, Self::Both, Self::Out].into_iter().find(|it| *it as u32 == number)
    }

    fn includes(self, direction: Direction) -> bool {
        match direction {
            Direction::In => self != Self::Out,
            Direction::Out => self != Self::In,
        }
    }
}

/// What was counted since the filter was set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) heard: u64,
    pub(crate) dropped: u64,
    pub(crate) wanted: u64,
}

/// See the module.
pub(crate) struct State {
    /// Where it listens.
    pub(crate) port: Option<Arc<Port>>,
    /// The interface went away.
    pub(crate) is_gone: bool,
    pub(crate) link: Link,
    pub(crate) buffers: Buffers,
    /// `None`: everything is wanted.
    pub(crate) filter: Option<Arc<Program>>,
    pub(crate) write_filter: Option<Arc<Program>>,
    pub(crate) is_immediate: bool,
    /// What was stored has waited long enough.
    pub(crate) is_due: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) has_complete_headers: bool,
    pub(crate) heeds: Heeds,
    pub(crate) has_feedback: bool,
    pub(crate) is_locked: bool,
    pub(crate) counts: Counts,
}

/// Bytes of the number of a family.
pub(crate) const FAMILY_BYTES: usize = 4;

/// What an interface carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Its number.
    pub(crate) kind: u32,
    /// Bytes of its header.
    pub(crate) header: usize,
}

impl Link {
    pub(crate) fn of(medium: Medium) -> Self {
        match medium {
            Medium::Ethernet { .. } => Self { kind: DLT_EN10MB, header: ETHERNET_BYTES },
            Medium::Ip => Self { kind: DLT_RAW, header: 0 },
            Medium::Loopback => Self { kind: DLT_NULL, header: FAMILY_BYTES },
        }
    }

    /// Whether the header is not part of packets.
    pub(crate) fn is_loopback(self) -> bool {
        self.kind == DLT_NULL
    }
}

/// A packet of IP behind the number of its family.
fn with_family(packet: &Packet) -> Packet {
    let mut framed = packet.clone();
    let is_v6 = framed.first(1).is_some_and(|bytes| bytes[0] >> 4 == 6);
    let family = if is_v6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
    framed.prepend(FAMILY_BYTES).copy_from_slice(&(family as u32).to_ne_bytes());
    framed
}

impl Default for State {
    fn default() -> Self {
        Self {
            port: None,
            is_gone: false,
            link: Link::of(Medium::Ip),
            buffers: Buffers::new(USUAL_SIZE),
            filter: None,
            write_filter: None,
            is_immediate: false,
            is_due: false,
            timeout: None,
            has_complete_headers: false,
            heeds: Heeds::Both,
            has_feedback: false,
            is_locked: false,
            counts: Counts::default(),
        }
    }
}

impl State {
    /// Changes the length of the buffers, within what is allowed; answers it.
    pub(crate) fn resize(&mut self, size: u32) -> u32 {
        let size = (size as usize).clamp(LEAST_SIZE, MOST_SIZE);
        self.buffers = Buffers::new(size);
        size as u32
    }

    /// Forgets what was heard.
    pub(crate) fn reset(&mut self) {
        self.buffers.clear();
        self.counts = Counts::default();
        self.is_due = false;
    }

    /// Whether a read answers something.
    pub(crate) fn is_readable(&self) -> bool {
        self.buffers.is_held() || self.buffers.is_stored() && (self.is_immediate || self.is_due)
    }

    /// When what is stored has waited long enough, unless that was noted.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.is_due || self.buffers.is_held() {
            return None;
        }
        Some(self.buffers.since()?.saturating_add(self.timeout?))
    }

    /// Notes whether it has.
    pub(crate) fn look_at(&mut self, now: Duration) {
        self.is_due |= self.deadline().is_some_and(|deadline| deadline <= now);
    }

    /// Hears a packet; answers whether that is news for those who wait.
    pub(crate) fn hear(
        &mut self,
        direction: Direction,
        packet: &Packet,
        time: TimeSpec,
        now: Duration,
    ) -> bool {
        if !self.heeds.includes(direction) {
            return false;
        }
        let before = (self.is_readable(), self.buffers.is_stored());
        match self.link.is_loopback() {
            true => offload::on_wire(packet, 0, |packet| self.hear_frame(&with_family(packet), time, now)),
            false => offload::on_wire(packet, self.link.header, |packet| self.hear_frame(packet, time, now)),
        }
        // Whoever waits for a deadline has to learn that there is one now.
        before != (self.is_readable(), self.buffers.is_stored())
    }

    fn hear_frame(&mut self, packet: &Packet, time: TimeSpec, now: Duration) {
        self.counts.heard += 1;
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let wanted = self.filter.as_ref().map_or(u32::MAX, |filter| filter.run(packet, length)) as usize;
        if wanted == 0 {
            return;
        }
        self.counts.wanted += 1;
        match self.buffers.put(&Heard { packet, link: self.link.header, wanted, time, now }) {
            Stored::InStore => {}
            // What waited long enough is held now, and what is stored has just come.
            Stored::Rotated => self.is_due = false,
            Stored::Dropped => self.counts.dropped += 1,
        }
    }
}
