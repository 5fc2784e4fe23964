//! Open files on their way in messages (`SCM_RIGHTS`).
//!
//! Sockets may wait in each other's queues, out of everybody's reach. When as many sockets were closed as are on their
//! way, those are looked for: a socket all of whose references wait in sockets that cannot be reached either is emptied.
//! The search costs as much as there are files on their way, so closing costs a constant on average, and what cannot be
//! reached is never more than what was on its way at the last search.
//!
//! A file that was sent lives in an [`InFlight`]. A reference to a file leaves it only under `on_the_way`, which the
//! search holds; so a file that the search finds with no other references than these cannot get one meanwhile.
//!
//! Files are dropped one after the other by whoever began, not one within the other: a chain of sockets, each on its way
//! in the next, takes no stack.

use crate::descriptors::{Object, OpenFile};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use rump_abi::Errno;
use rump_kpi::KResult;
use rump_kpi::socket::Right;
use rump_kpi::sync::Mutex;

/// Open files in one message at most.
pub(crate) const RIGHTS_MAX: usize = 253;

/// Open files on their way in one kernel at most.
const IN_FLIGHT_MAX: usize = 65_536;

/// The files on their way in a kernel.
#[derive(Default)]
pub(crate) struct Rights {
    /// By address; several for a file that was sent several times.
    on_the_way: Mutex<BTreeMap<usize, Weak<InFlight>>>,
    count: AtomicUsize,
    /// Sockets closed since the last search.
    closed: AtomicUsize,
    /// What is to be dropped; none while nobody drops.
    dropping: Mutex<Option<VecDeque<Arc<OpenFile>>>>,
}

/// A file on its way.
pub(crate) struct InFlight {
    rights: Arc<Rights>,
    file: Mutex<Option<Arc<OpenFile>>>,
}

impl Rights {
    /// Sends files on their way. Errors: EINVAL (more than [`RIGHTS_MAX`]), EOPNOTSUPP (a queue of events, which belongs
    /// to its process), ETOOMANYREFS.
    pub(crate) fn send(self: &Arc<Self>, files: Vec<Arc<OpenFile>>) -> KResult<Vec<Right>> {
        if files.len() > RIGHTS_MAX {
            return Err(Errno::EINVAL.into());
        }
        if files.iter().any(|file| matches!(file.object, Object::Queue(_))) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let mut on_the_way = self.on_the_way.lock();
        if on_the_way.len() + files.len() > IN_FLIGHT_MAX {
            return Err(Errno::ETOOMANYREFS.into());
        }
        let mut sent: Vec<Right> = Vec::with_capacity(files.len());
        for file in files {
            let in_flight = Arc::new(InFlight { rights: self.clone(), file: Mutex::new(Some(file)) });
            on_the_way.insert(Arc::as_ptr(&in_flight) as usize, Arc::downgrade(&in_flight));
            sent.push(in_flight);
        }
        self.count.store(on_the_way.len(), Ordering::Relaxed);
        Ok(sent)
    }

    /// The file of a right that came.
    pub(crate) fn receive(&self, right: &Right) -> Option<Arc<OpenFile>> {
        let in_flight = right.downcast_ref::<InFlight>()?;
        let _still = self.on_the_way.lock();
        in_flight.file.lock().clone()
    }

    /// A socket was closed.
    pub(crate) fn after_close(&self) {
        let count = self.count.load(Ordering::Relaxed);
        if count != 0 && self.closed.fetch_add(1, Ordering::Relaxed) + 1 >= count {
            self.closed.store(0, Ordering::Relaxed);
            self.collect();
        }
    }

    /// Empties the sockets that nobody can reach.
    fn collect(&self) {
        let on_the_way = self.on_the_way.lock();
        let sockets = Sockets::find(on_the_way.values());
        let lost: Vec<_> = sockets.unreachable().iter().filter_map(|lost| lost.file.lock().take()).collect();
        drop(on_the_way);
        self.drop_files(lost);
        let others = sockets.files.into_values().map(|found| found.file).collect();
        self.drop_files(others);
    }

    /// Drops files, and those that are dropped by that.
    fn drop_files(&self, files: Vec<Arc<OpenFile>>) {
        let mut dropping = self.dropping.lock();
        if let Some(others) = &mut *dropping {
            others.extend(files);
            return;
        }
        *dropping = Some(files.into());
        while let Some(file) = dropping.as_mut().and_then(VecDeque::pop_front) {
            drop(dropping);
            drop(file);
            dropping = self.dropping.lock();
        }
        *dropping = None;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut on_the_way = self.rights.on_the_way.lock();
        on_the_way.remove(&(core::ptr::from_ref(self) as usize));
        self.rights.count.store(on_the_way.len(), Ordering::Relaxed);
        drop(on_the_way);
        let file = self.file.lock().take();
        self.rights.drop_files(file.into_iter().collect());
    }
}

/// The sockets on their way.
struct Sockets {
    /// Everything on its way, which is not to be dropped before the lock is released.
    _kept: Vec<Arc<InFlight>>,
    /// By address.
    files: BTreeMap<usize, Found>,
}

struct Found {
    file: Arc<OpenFile>,
    /// What waits in it.
    holds: Vec<Arc<InFlight>>,
    /// How often it waits in one of the others.
    held: usize,
}

fn address(file: &Arc<OpenFile>) -> usize {
    Arc::as_ptr(file) as usize
}

impl Sockets {
    fn find<'a>(on_the_way: impl Iterator<Item = &'a Weak<InFlight>>) -> Self {
        let mut files = BTreeMap::new();
        let kept: Vec<Arc<InFlight>> = on_the_way.filter_map(Weak::upgrade).collect();
        for file in kept.iter().filter_map(|in_flight| in_flight.file.lock().clone()) {
            if let Object::Socket(_) = &file.object {
                files.entry(address(&file)).or_insert(Found { file, holds: Vec::new(), held: 0 });
            }
        }
        for found in files.values_mut() {
            let Object::Socket(socket) = &found.file.object else { continue };
            let mut rights: Vec<Right> = Vec::new();
            socket.socket.visit_rights(&mut |right| rights.push(right.clone()));
            found.holds = rights.into_iter().filter_map(|right| right.downcast::<InFlight>().ok()).collect();
        }
        let mut sockets = Self { _kept: kept, files };
        let held: Vec<usize> = sockets.files.values().flat_map(Found::held_addresses).collect();
        for address in held {
            if let Some(found) = sockets.files.get_mut(&address) {
                found.held += 1;
            }
        }
        sockets
    }

    /// What waits in sockets that nobody can reach.
    fn unreachable(&self) -> Vec<Arc<InFlight>> {
        // Besides those that wait in others there is this search's own reference.
        let is_reached = |found: &&Found| Arc::strong_count(&found.file) > found.held + 1;
        let mut to_visit: Vec<&Found> = self.files.values().filter(is_reached).collect();
        let mut reached: BTreeSet<usize> = to_visit.iter().map(|found| address(&found.file)).collect();
        while let Some(found) = to_visit.pop() {
            for held in found.held_addresses() {
                if let Some(next) = self.files.get(&held).filter(|_| reached.insert(held)) {
                    to_visit.push(next);
                }
            }
        }
        let lost = self.files.iter().filter(|(address, _)| !reached.contains(address));
        lost.flat_map(|(_, found)| found.holds.iter().cloned()).collect()
    }
}

impl Found {
    fn held_addresses(&self) -> Vec<usize> {
        self.holds.iter().filter_map(|right| right.file.lock().as_ref().map(address)).collect()
    }
}
