//! What waits in a socket to be received.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use rump_kpi::socket::{Caller, Right};
use rump_kpi::{Errno, WaitQueue};

/// What a message costs besides its bytes.
const OVERHEAD: usize = 128;

/// Bytes of a stream that are kept together.
const JOINED_MAX: usize = 16_384;

/// Something that was sent.
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    /// How many bytes of it were received, if it is of a stream.
    pub(crate) taken: usize,
    /// The name of a datagram's sender.
    pub(crate) from: Vec<u8>,
    pub(crate) sender: Caller,
    pub(crate) rights: Vec<Right>,
}

impl Message {
    pub(crate) fn left(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Inbox {
    messages: VecDeque<Message>,
    /// Bytes that are left in them.
    bytes: usize,
    /// What they cost.
    cost: usize,
    /// No more will come.
    pub(crate) is_ended: bool,
    /// No more is wanted.
    pub(crate) is_refused: bool,
    /// The socket was closed.
    pub(crate) is_gone: bool,
    /// The error that waits.
    pub(crate) error: Option<Errno>,
    /// Who waits for room.
    wanting: BTreeMap<usize, Weak<WaitQueue>>,
}

impl Inbox {
    pub(crate) fn messages(&self) -> &VecDeque<Message> {
        &self.messages
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Room for bytes, if they may cost `limit`. There is room for a message that is alone.
    pub(crate) fn room(&self, limit: usize) -> usize {
        if self.messages.is_empty() { limit } else { limit.saturating_sub(self.cost + OVERHEAD) }
    }

    /// Whether it is worth while to send: the rest can wait until a quarter is free.
    pub(crate) fn has_room(&self, limit: usize) -> bool {
        self.room(limit) >= limit / 4
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: Message) {
        self.bytes += message.left().len();
        self.cost += message.bytes.len() + OVERHEAD;
        self.messages.push_back(message);
    }

    /// Adds bytes of a stream to the last message, if both are of the same sender and none has rights.
    pub(crate) fn join(&mut self, parts: &[&[u8]], count: usize, sender: Caller) -> bool {
        let Some(last) = self.messages.back_mut() else { return false };
        if !last.rights.is_empty() || last.sender != sender || last.bytes.len() + count > JOINED_MAX {
            return false;
        }
        last.bytes.reserve(count);
        append(&mut last.bytes, parts, count);
        self.bytes += count;
        self.cost += count;
        true
    }

    /// Removes the first message.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.left().len();
        self.cost -= message.bytes.len() + OVERHEAD;
        Some(message)
    }

    /// Takes `count` bytes and the rights of the first message, which are as many as there are at most; the message goes
    /// when it is empty.
    pub(crate) fn take_front(&mut self, count: usize) -> Vec<Right> {
        let Some(first) = self.messages.front_mut() else { return Vec::new() };
        let rights = core::mem::take(&mut first.rights);
        first.taken += count;
        self.bytes -= count;
        if first.left().is_empty() {
            self.pop();
        }
        rights
    }

    /// Takes all messages.
    pub(crate) fn clear(&mut self) -> VecDeque<Message> {
        (self.bytes, self.cost) = (0, 0);
        core::mem::take(&mut self.messages)
    }

    /// `waiters` are to be woken when there is room.
    pub(crate) fn want_room(&mut self, waiters: &Arc<WaitQueue>) {
        if self.wanting.len().is_power_of_two() {
            self.wanting.retain(|_, waiters| waiters.strong_count() != 0);
        }
        self.wanting.insert(Arc::as_ptr(waiters) as usize, Arc::downgrade(waiters));
    }

    /// Who is to be woken, once there is room.
    pub(crate) fn take_wanting(&mut self) -> Vec<Arc<WaitQueue>> {
        if self.wanting.is_empty() {
            return Vec::new();
        }
        core::mem::take(&mut self.wanting).into_values().filter_map(|waiters| waiters.upgrade()).collect()
    }
}

/// Adds the first `count` bytes of `parts`.
pub(crate) fn append(bytes: &mut Vec<u8>, parts: &[&[u8]], mut count: usize) {
    for part in parts {
        let from_part = count.min(part.len());
        bytes.extend_from_slice(&part[..from_part]);
        count -= from_part;
    }
}

/// Copies bytes behind the first `skip` bytes of `parts`; answers how many there was room for.
pub(crate) fn scatter(bytes: &[u8], parts: &mut [&mut [u8]], mut skip: usize) -> usize {
    let mut copied = 0;
    for part in parts {
        let from = skip.min(part.len());
        skip -= from;
        let count = (part.len() - from).min(bytes.len() - copied);
        part[from..from + count].copy_from_slice(&bytes[copied..copied + count]);
        copied += count;
    }
    copied
}
