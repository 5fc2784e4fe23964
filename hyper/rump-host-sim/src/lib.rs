//! A simulated host: manual clock, seeded random, captured console, files in memory, faults on demand.
//!
//! Invariant: everything but the interleaving of spawned threads follows from the seed and the calls made. Kernels
//! spawn none of their own here, unless a test sets `RUMP_THREADS` to 1.
#![forbid(unsafe_code)]

mod disk;
mod event;
mod files;
mod internet;
mod memory;
pub mod socket_suite;
pub mod suite;
mod wire;

pub use disk::{Faults, SimDisk};
pub use wire::SimWire;

use rump_abi::{Errno, TimeSpec};
use rump_hyper::{Clock, Console, Entropy, Event, HostError, HostResult, Params, Threads};
use rump_random::Random;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wall clock at boot, in seconds since 1970.
const EPOCH: i64 = 1_000_000_000;

/// A host that lives in memory. Its locks are leaves: none is held while another is taken.
pub struct SimHost {
    time: Arc<event::Time>,
    /// How much time passes with each look at the clock.
    tick: Mutex<Duration>,
    random: Mutex<Random>,
    lines: Mutex<Vec<String>>,
    params: Mutex<BTreeMap<String, String>>,
    files: Arc<Mutex<BTreeMap<Vec<u8>, files::Entry>>>,
    memories: Mutex<BTreeMap<Vec<u8>, Arc<memory::Memory>>>,
    internet: Arc<internet::Internet>,
}

/// Takes a lock; a panic elsewhere leaves the data usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimHost {
    /// A host without files whose random bytes follow from `seed`.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            time: Arc::default(),
            tick: Mutex::new(Duration::ZERO),
            random: Mutex::new(Random::new(seed)),
            lines: Mutex::default(),
            params: Mutex::new(BTreeMap::from([("RUMP_THREADS".into(), "0".into())])),
            files: Arc::default(),
            memories: Mutex::default(),
            internet: Arc::default(),
        })
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        self.time.pass(duration);
    }

    /// From now on each look at a clock lets `tick` pass, so that no two moments are the same.
    pub fn set_tick(&self, tick: Duration) {
        *lock(&self.tick) = tick;
    }

    /// What the console was given so far.
    pub fn console_lines(&self) -> Vec<String> {
        lock(&self.lines).clone()
    }

    /// Sets a parameter.
    pub fn set_param(&self, name: &str, value: &str) {
        lock(&self.params).insert(name.into(), value.into());
    }
}

impl Clock for SimHost {
    fn realtime(&self) -> TimeSpec {
        let now = self.monotonic();
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        TimeSpec { sec: EPOCH.saturating_add(seconds), nsec: now.subsec_nanos() }
    }

    fn monotonic(&self) -> Duration {
        let tick = *lock(&self.tick);
        self.time.pass(tick)
    }
}

impl Console for SimHost {
    fn write_line(&self, line: &str) {
        lock(&self.lines).push(line.into());
    }
}

impl Entropy for SimHost {
    fn fill(&self, buf: &mut [u8]) -> HostResult<()> {
        let mut random = lock(&self.random);
        for chunk in buf.chunks_mut(8) {
            let bytes = random.number().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

impl Params for SimHost {
    fn find(&self, name: &str) -> Option<String> {
        lock(&self.params).get(name).cloned()
    }
}

impl Threads for SimHost {
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> HostResult<()> {
        let started = std::thread::Builder::new().name(name.into()).spawn(body);
        started.map(drop).map_err(|_| HostError::from(Errno::EAGAIN))
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }

    fn event(&self) -> Arc<dyn Event> {
        Arc::new(event::SimEvent::new(self.time.clone()))
    }
}
