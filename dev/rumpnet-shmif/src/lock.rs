//! The lock in the file, which survives those who die while they hold it.
//!
//! The word is 0 while it is free. Genuine kernels put 1 there; ours put a number of their own instead, which to the
//! others is as good, and which nobody else has for as long as they live ([`SharedMemory::claim`]). So:
//!
//! - Who finds the number of a dead one takes the lock over at once: its number can be claimed.
//! - Who finds the number of a living one, or a 1, watches. If for a second neither the word nor the ring has changed,
//!   the holder is stopped or dead, and the lock is taken over. Whoever loses it so cannot free it any more, and looks
//!   whether it is still its own before it makes known what it wrote.
//! - Of two that take it over one succeeds: the word is replaced only if it is still what was watched, and numbers of
//!   ours are different at each use.
//!
//! What remains: a genuine kernel that was stopped for a second while it held the lock goes on writing when it wakes, and
//! frees what is not its own. The ring is then found damaged, and is put in order.

use crate::host_error;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use rump_hyper::{Claim, Hypervisor, SharedMemory};
use rump_kpi::sync::Mutex;
use rump_kpi::{Errno, KError, KResult};

/// Where the lock is, in both formats.
pub const WORD: u64 = 24;
/// Words that change when somebody gets on.
const PROGRESS: [u64; 2] = [8, 16];
/// Looks at the lock before the first sleep.
const SPINS: u32 = 300;
/// How long one sleeps between two looks.
const PAUSE: Duration = Duration::from_micros(50);
/// How long a sender waits for the lock at most.
const WAIT: Duration = Duration::from_millis(20);
/// How long one waits who cannot go on without.
const LONG_WAIT: Duration = Duration::from_secs(4);
/// How long somebody holds it before one asks whether he lives.
const DOUBT: Duration = Duration::from_millis(2);
/// How long nothing may change while it is held.
const PATIENCE: Duration = Duration::from_secs(1);
/// Looks that are further apart than this have not seen what was in between.
const ATTENTION: Duration = Duration::from_millis(100);
/// Bits of the count of uses in a number; a number has at least one more.
const USE_BITS: u32 = 8;
/// Ids are chosen among so many.
const IDS: u32 = 1 << (32 - USE_BITS);
/// How often another id is chosen if one is taken.
const CHOICES: u32 = 100;

/// The lock, as one device uses it.
pub struct BusLock {
    host: Arc<dyn Hypervisor>,
    memory: Arc<dyn SharedMemory>,
    id: u32,
    /// None on hosts that have no claims.
    _claim: Option<Box<dyn Claim>>,
    uses: AtomicU32,
    suspicion: Mutex<Option<Suspicion>>,
}

/// Somebody holds the lock, and nothing happens.
#[derive(Clone, Copy)]
struct Suspicion {
    word: u32,
    progress: [u64; 2],
    since: Duration,
    seen: Duration,
    /// It is known that the holder lives, or not to be known.
    was_asked: bool,
}

impl BusLock {
    /// Errors: those of the host.
    pub fn new(host: Arc<dyn Hypervisor>, memory: Arc<dyn SharedMemory>) -> KResult<Self> {
        let (id, claim) = choose_id(&*host, &*memory)?;
        let (uses, suspicion) = (AtomicU32::new(0), Mutex::new(None));
        Ok(Self { host, memory, id, _claim: claim, uses, suspicion })
    }

    /// Whether somebody has it.
    pub fn is_held(&self) -> bool {
        self.memory.load_u32(WORD) != 0
    }

    /// Takes it; None if that would take too long.
    pub fn acquire(&self) -> Option<Held<'_>> {
        self.acquire_within(WAIT)
    }

    /// Takes it from whoever dies with it; None if it passes from hand to hand.
    pub fn acquire_patiently(&self) -> Option<Held<'_>> {
        self.acquire_within(LONG_WAIT)
    }

    fn acquire_within(&self, wait: Duration) -> Option<Held<'_>> {
        let number = (self.id << USE_BITS) | (self.uses.fetch_add(1, Ordering::Relaxed) % (1 << USE_BITS));
        let had = |was_broken| Some(Held { lock: self, number, was_broken });
        let mut end = None;
        for look in 0_u32.. {
            let word = self.memory.load_u32(WORD);
            if word == 0 {
                if self.memory.replace_u32(WORD, 0, number) {
                    *self.suspicion.lock() = None;
                    return had(false);
                }
            } else if look >= SPINS && self.is_stuck(word) && self.memory.replace_u32(WORD, word, number) {
                *self.suspicion.lock() = None;
                return had(true);
            }
            if look < SPINS {
                core::hint::spin_loop();
                continue;
            }
            let now = self.host.monotonic();
            if now >= *end.get_or_insert(now.saturating_add(wait)) {
                return None;
            }
            self.host.sleep(PAUSE);
        }
        None
    }

    /// Whether whoever holds it with `word` will not give it back.
    fn is_stuck(&self, word: u32) -> bool {
        let now = self.host.monotonic();
        let progress = PROGRESS.map(|offset| self.memory.load_u64(offset));
        let mut suspicion = self.suspicion.lock();
        let same = |before: &Suspicion| {
            let attentive = now.saturating_sub(before.seen) <= ATTENTION;
            before.word == word && before.progress == progress && attentive
        };
        let Some(mut known) = (*suspicion).filter(same) else {
            *suspicion = Some(Suspicion { word, progress, since: now, seen: now, was_asked: false });
            return false;
        };
        known.seen = now;
        let held = now.saturating_sub(known.since);
        let asks = held >= DOUBT && !known.was_asked;
        known.was_asked |= asks;
        *suspicion = Some(known);
        held >= PATIENCE || (asks && self.is_dead(word))
    }

    /// Whether a number was that of one of ours who is gone.
    fn is_dead(&self, word: u32) -> bool {
        word >= 1 << USE_BITS && word >> USE_BITS != self.id && self.memory.claim(word >> USE_BITS).is_ok()
    }
}

/// An id that nobody alive has. Errors: those of the host.
fn choose_id(host: &dyn Hypervisor, memory: &dyn SharedMemory) -> KResult<(u32, Option<Box<dyn Claim>>)> {
    for _ in 0..CHOICES {
        let mut random = [0; 4];
        host.fill(&mut random).map_err(host_error)?;
        let id = 1 + u32::from_ne_bytes(random) % (IDS - 1);
        match memory.claim(id) {
            Ok(claim) => return Ok((id, Some(claim))),
            Err(error) if error.errno == Errno::ENOTSUP => return Ok((id, None)),
            Err(error) if error.errno == Errno::EBUSY => {}
            Err(error) => return Err(host_error(error)),
        }
    }
    Err(KError::new(Errno::EBUSY, "no number is free for its lock"))
}

/// The lock is one's own until this is dropped, or somebody takes it away.
pub struct Held<'a> {
    lock: &'a BusLock,
    number: u32,
    /// It was taken from somebody who may have left things half done.
    pub was_broken: bool,
}

impl Held<'_> {
    /// Whether nobody has taken it away.
    pub fn is_ours(&self) -> bool {
        self.lock.memory.load_u32(WORD) == self.number
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.lock.memory.replace_u32(WORD, self.number, 0);
    }
}
