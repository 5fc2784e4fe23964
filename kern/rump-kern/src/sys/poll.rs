//! Waiting for several descriptors: poll(2), select(2), and with a mask of signals meanwhile `ppoll` and `pselect`. All timeouts
//! are in nanoseconds.

use crate::waiting::Sleeper;
use crate::{Fd, Process};
use alloc::vec::Vec;
use core::time::Duration;
use rump_abi::{Errno, PollEvents, SignalSet};
use rump_kpi::KResult;

/// What is reported whether it was asked for or not.
const ALWAYS: PollEvents = PollEvents::ERR.union(PollEvents::HUP).union(PollEvents::NVAL);

/// A descriptor that `poll` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollFd {
    /// The descriptor; `None` is passed over.
    pub fd: Option<Fd>,
    /// What is waited for.
    pub events: PollEvents,
    /// What is so.
    pub revents: PollEvents,
}

impl PollFd {
    /// Waits for `events` at `fd`.
    pub fn new(fd: Fd, events: PollEvents) -> Self {
        Self { fd: Some(fd), events, revents: PollEvents::empty() }
    }
}

/// A set of descriptors (`fd_set`), without a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FdSet {
    words: Vec<u64>,
}

impl FdSet {
    /// Adds a descriptor (`FD_SET`).
    pub fn insert(&mut self, fd: Fd) {
        let word = fd.0 as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (fd.0 % 64);
    }

    /// Removes a descriptor (`FD_CLR`).
    pub fn remove(&mut self, fd: Fd) {
        if let Some(word) = self.words.get_mut(fd.0 as usize / 64) {
            *word &= !(1 << (fd.0 % 64));
        }
    }

    /// Whether it has a descriptor (`FD_ISSET`).
    pub fn contains(&self, fd: Fd) -> bool {
        self.words.get(fd.0 as usize / 64).is_some_and(|word| word & 1 << (fd.0 % 64) != 0)
    }

    /// Its descriptors in order.
    pub fn iter(&self) -> impl Iterator<Item = Fd> {
        let numbers = 0..self.words.len() as u32 * 64;
        numbers.map(Fd).filter(|&fd| self.contains(fd))
    }
}

impl FromIterator<Fd> for FdSet {
    fn from_iter<T: IntoIterator<Item = Fd>>(fds: T) -> Self {
        let mut set = Self::default();
        fds.into_iter().for_each(|fd| set.insert(fd));
        set
    }
}

impl Process {
    /// Waits until something that is asked for is so, for `timeout` at most, or for ever; answers at how many
    /// descriptors. Errors: ENXIO (halted), EINTR.
    pub fn poll(&self, fds: &mut [PollFd], timeout: Option<Duration>) -> KResult<usize> {
        self.ppoll(fds, timeout, None)
    }

    /// As [`Process::poll`]. With a mask, its signals do not end the waiting, and others do that were noted before.
    pub fn ppoll(
        &self,
        fds: &mut [PollFd],
        timeout: Option<Duration>,
        mask: Option<SignalSet>,
    ) -> KResult<usize> {
        self.wait_for_any(fds, ALWAYS, timeout, mask)
    }

    fn wait_for_any(
        &self,
        fds: &mut [PollFd],
        always: PollEvents,
        timeout: Option<Duration>,
        mask: Option<SignalSet>,
    ) -> KResult<usize> {
        self.shared().check_running()?;
        let count = self.look(fds, always, None).0;
        if count != 0 || timeout == Some(Duration::ZERO) && mask.is_none() {
            return Ok(count);
        }
        let mut sleeper = Sleeper::new(self, timeout);
        sleeper.swap_mask(mask);
        loop {
            sleeper.check()?;
            // What a descriptor means may have changed.
            sleeper.forget();
            let (count, earliest) = self.look(fds, always, Some(&mut sleeper));
            if count != 0 {
                return Ok(count);
            }
            if !sleeper.sleep(earliest)? {
                return Ok(self.look(fds, always, None).0);
            }
        }
    }

    /// Notes what is so, once `sleeper` hears of changes; answers at how many descriptors, and when that may change by
    /// itself.
    fn look(
        &self,
        fds: &mut [PollFd],
        always: PollEvents,
        mut sleeper: Option<&mut Sleeper<'_>>,
    ) -> (usize, Option<Duration>) {
        let (mut count, mut earliest) = (0, None);
        for entry in fds {
            entry.revents = PollEvents::empty();
            let Some(fd) = entry.fd else { continue };
            let found = self.descriptors().read().find(fd).map(|descriptor| descriptor.file.clone());
            let Ok(file) = found else {
                entry.revents = PollEvents::NVAL;
                count += 1;
                continue;
            };
            if let (Some(sleeper), Some(waiters)) = (&mut sleeper, file.object.waiters()) {
                sleeper.watch(waiters);
            }
            entry.revents = file.object.ready() & (entry.events | always);
            count += usize::from(!entry.revents.is_empty());
            earliest = [earliest, file.object.deadline()].into_iter().flatten().min();
        }
        (count, earliest)
    }

    /// Waits until a descriptor of `read` can be read from, one of `write` written to, or one of `except` has
    /// out-of-band data, for `timeout` at most, or for ever. The sets keep those of which it is so; answers how many
    /// that are. Errors: EBADF (one is not open), ENXIO (halted), EINTR.
    pub fn select(
        &self,
        read: &mut FdSet,
        write: &mut FdSet,
        except: &mut FdSet,
        timeout: Option<Duration>,
    ) -> KResult<usize> {
        self.pselect([read, write, except], timeout, None)
    }

    /// As [`Process::select`], with the sets in its order. With a mask, its signals do not end the waiting, and others do that
    /// were noted before.
    pub fn pselect(
        &self,
        sets: [&mut FdSet; 3],
        timeout: Option<Duration>,
        mask: Option<SignalSet>,
    ) -> KResult<usize> {
        let readable = PollEvents::IN | PollEvents::HUP | PollEvents::ERR;
        let writable = PollEvents::OUT | PollEvents::ERR;
        let mut fds = Vec::new();
        for (set, events) in sets.iter().zip([readable, writable, PollEvents::PRI]) {
            for fd in set.iter() {
                self.descriptors().read().find(fd)?;
                fds.push(PollFd::new(fd, events));
            }
        }
        self.wait_for_any(&mut fds, PollEvents::NVAL, timeout, mask)?;
        if fds.iter().any(|entry| entry.revents.contains(PollEvents::NVAL)) {
            return Err(Errno::EBADF.into());
        }
        let (mut count, mut entries) = (0, fds.iter());
        for set in sets {
            let members: Vec<Fd> = set.iter().collect();
            for (fd, entry) in members.into_iter().zip(&mut entries) {
                if entry.revents.intersects(entry.events) {
                    count += 1;
                } else {
                    set.remove(fd);
                }
            }
        }
        Ok(count)
    }
}
