//! A connection as the script sees it, and how its numbers become those of the wire.
//!
//! Numbers of the kernel's side are relative to the number that it began with; those of the other side are the script's
//! own. The same holds for timestamps.

use crate::script::{Segment, TcpOption, flag};
use crate::wire::WireSegment;
use std::collections::BTreeMap;

/// Which transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Streams.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A connection, or a pair of ports.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Which transport.
    pub transport: Transport,
    /// The kernel's port.
    pub local_port: u16,
    /// The other side's.
    pub remote_port: u16,
    /// The script's descriptor, once there is one.
    pub fd: Option<i64>,
    /// The other side began it.
    pub is_passive: bool,
    /// The other side acknowledged the kernel's SYN.
    pub is_made: bool,
    /// Where the other side's numbers begin.
    pub remote_initial: Option<u32>,
    /// Where the kernel's begin, in the script.
    pub local_initial: Option<u32>,
    /// Where the other side's numbers begin if the kernel takes its last SYN for a new connection.
    renewed: Option<u32>,
    /// The wire's numbers of the kernel's side less those of the script.
    offset: u32,
    /// Timestamps of the kernel: the script's, and the wire's.
    timestamps: BTreeMap<u32, u32>,
    /// The first of them.
    first_timestamp: Option<(u32, u32)>,
}

impl Conversation {
    /// Nothing was said yet.
    pub fn new(transport: Transport, local_port: u16, remote_port: u16) -> Self {
        Self {
            transport,
            local_port,
            remote_port,
            fd: None,
            is_passive: false,
            is_made: false,
            remote_initial: None,
            local_initial: None,
            renewed: None,
            offset: 0,
            timestamps: BTreeMap::new(),
            first_timestamp: None,
        }
    }

    /// The kernel's SYN, and how the script numbers it.
    pub fn note_syn(&mut self, sequence: u32, script: u32) {
        let renewed = self.renewed.take();
        if self.local_initial.is_none() || renewed.is_some() {
            self.local_initial = Some(script);
            self.offset = sequence.wrapping_sub(script);
            self.remote_initial = renewed.or(self.remote_initial);
        }
    }

    /// A number of the kernel's side, on the wire.
    pub fn to_wire(&self, number: u32) -> u32 {
        number.wrapping_add(self.offset)
    }

    /// A number of the kernel's side, in the script.
    pub fn to_script(&self, number: u32) -> u32 {
        number.wrapping_sub(self.offset)
    }

    /// A timestamp of the kernel's and what the script calls it.
    pub fn note_timestamp(&mut self, script: u32, wire: u32) {
        self.first_timestamp.get_or_insert((script, wire));
        self.timestamps.insert(script, wire);
    }

    /// The timestamp of the wire that the script calls so, if the clock ticks as the script's.
    pub fn timestamp_to_wire(&self, script: u32) -> u32 {
        let counted = self.first_timestamp.map_or(script, |(first, wire)| {
            // Zero is no timestamp.
            if script == 0 { 0 } else { wire.wrapping_add(script.wrapping_sub(first)) }
        });
        self.timestamps.get(&script).copied().unwrap_or(counted)
    }

    /// The timestamp that the script would expect on a clock that ticks as its own.
    pub fn timestamp_to_script(&self, wire: u32) -> Option<u32> {
        self.first_timestamp.map(|(script, first)| script.wrapping_add(wire.wrapping_sub(first)))
    }

    /// A segment of the script, for the wire.
    pub fn incoming(&mut self, segment: &Segment) -> WireSegment {
        if segment.flags & flag::SYN != 0 {
            let known = *self.remote_initial.get_or_insert(segment.start);
            self.renewed = (self.is_made && known != segment.start).then_some(segment.start);
        }
        let has_ack = segment.flags & flag::ACK != 0;
        self.is_made |= has_ack && segment.ack.is_some_and(|ack| Some(ack) != self.local_initial);
        let ack = if has_ack { self.to_wire(segment.ack.unwrap_or(0)) } else { segment.ack.unwrap_or(0) };
        let options = segment.options.iter().flatten().map(|option| match option {
            TcpOption::Sack(blocks) => {
                let blocks = blocks.iter().map(|(begin, end)| (self.to_wire(*begin), self.to_wire(*end)));
                TcpOption::Sack(blocks.collect())
            }
            TcpOption::Timestamps(value, echo) => {
                TcpOption::Timestamps(*value, self.timestamp_to_wire(*echo))
            }
            option => option.clone(),
        });
        let options = options.collect();
        let syn = u32::from(segment.flags & flag::SYN != 0);
        let first = segment.start.wrapping_add(syn).wrapping_sub(self.remote_initial.unwrap_or(0));
        WireSegment {
            ports: (self.remote_port, self.local_port),
            sequence: segment.start,
            ack,
            flags: segment.flags,
            window: segment.window.unwrap_or(0),
            urgent: segment.urgent.unwrap_or(0),
            options,
            payload: crate::wire::content(first, segment.length.into()),
        }
    }

    /// A segment of the kernel's, for the script.
    pub fn outgoing(&self, segment: &WireSegment) -> Segment {
        let has_ack = segment.flags & flag::ACK != 0;
        Segment {
            ports: Some(segment.ports),
            flags: segment.flags,
            start: self.to_script(segment.sequence),
            length: segment.payload.len() as u16,
            ack: (has_ack || segment.ack != 0).then_some(segment.ack),
            window: Some(segment.window),
            urgent: (segment.flags & flag::URG != 0 || segment.urgent != 0).then_some(segment.urgent),
            options: Some(segment.options.clone()),
        }
    }

    /// Whether the kernel sent the bytes that programs wrote.
    pub fn has_good_content(&self, segment: &WireSegment) -> bool {
        let syn = u32::from(segment.flags & flag::SYN != 0);
        let number = self.to_script(segment.sequence).wrapping_add(syn);
        let first = number.wrapping_sub(self.local_initial.unwrap_or(0));
        segment.payload == crate::wire::content(first, segment.payload.len())
    }
}
