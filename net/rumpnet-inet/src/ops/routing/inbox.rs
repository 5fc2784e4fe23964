//! What a routing socket was told and has not read. It is bounded: what comes when it is full is lost, as in BSD.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use rump_kpi::WaitQueue;
use rump_kpi::netbsd::route::{Message, RTM_VERSION};
use rump_kpi::sync::Mutex;

/// Bytes that wait at first, and at most.
pub(super) const USUAL_LIMIT: usize = 64 << 10;
pub(super) const MOST_LIMIT: usize = 1 << 20;
/// What a message costs besides its bytes.
const COST: usize = 64;

/// See the module.
pub(super) struct Inbox {
    /// Of which family messages are wanted; zero: of all.
    family: u8,
    waiters: Arc<WaitQueue>,
    state: Mutex<State>,
}

/// What there is, and what is wanted.
pub(super) struct State {
    pub messages: VecDeque<Arc<[u8]>>,
    bytes: usize,
    /// Bytes that wait at most.
    pub limit: usize,
    /// Answers to own requests are wanted.
    pub hears_itself: bool,
    /// Types of messages that are wanted, by their bits.
    pub kinds: u64,
    /// Nothing more is wanted.
    pub is_shut: bool,
}

/// A message, as it is told.
pub(super) struct Told {
    pub bytes: Arc<[u8]>,
    /// Of which family it is; zero: of none.
    pub family: u8,
}

impl Told {
    pub fn new(message: &Message) -> Self {
        let family = match message {
            Message::Route(_, addresses) | Message::Address(_, addresses) => addresses.family(),
            Message::Interface(..) | Message::Announcement(_) | Message::Other(_) => 0,
        };
        Self { bytes: message.to_bytes().into(), family }
    }

    /// The bit of its type.
    fn kind(&self) -> u64 {
        let [_, _, RTM_VERSION, kind, ..] = *self.bytes else { return 0 };
        1_u64.checked_shl(kind.into()).unwrap_or(0)
    }
}

impl Inbox {
    pub fn new(family: u8) -> Self {
        let state = State {
            messages: VecDeque::new(),
            bytes: 0,
            limit: USUAL_LIMIT,
            hears_itself: true,
            kinds: u64::MAX,
            is_shut: false,
        };
        Self { family, waiters: Arc::default(), state: Mutex::new(state) }
    }

    pub fn waiters(&self) -> &Arc<WaitQueue> {
        &self.waiters
    }

    pub fn state(&self) -> &Mutex<State> {
        &self.state
    }

    /// Takes a message, if it is wanted and there is room. Answers whether it did.
    pub fn put(&self, told: &Told) -> bool {
        if self.family != 0 && told.family != 0 && self.family != told.family {
            return false;
        }
        let mut state = self.state.lock();
        let cost = told.bytes.len() + COST;
        if state.is_shut || state.kinds & told.kind() == 0 || state.bytes + cost > state.limit {
            return false;
        }
        state.bytes += cost;
        state.messages.push_back(told.bytes.clone());
        true
    }
}

impl State {
    /// The next message, which goes.
    pub fn take(&mut self) -> Option<Arc<[u8]>> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len() + COST;
        Some(message)
    }

    /// All go, and none comes any more.
    pub fn shut(&mut self) {
        (self.is_shut, self.bytes) = (true, 0);
        self.messages.clear();
    }
}
