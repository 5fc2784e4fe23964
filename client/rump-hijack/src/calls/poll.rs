//! poll(2), select(2) and their like, of descriptors of both kernels.

use crate::errno::fail;
use crate::guard::Inside;
use crate::wake::{Bell, Watch, watch};
use crate::{carrier, descriptors, sys};
use libc::{
    POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, c_int, c_short, nfds_t, pollfd, sigset_t, size_t,
    timespec, timeval,
};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

/// How often the kernel is looked at that cannot ring.
const PAUSE: Duration = Duration::from_millis(10);

/// Until when; none is for ever.
pub struct Deadline(Option<Instant>);

impl Deadline {
    pub fn after(length: Option<Duration>) -> Self {
        // What is beyond the end of time is for ever.
        Self(length.and_then(|length| Instant::now().checked_add(length)))
    }

    /// After so many milliseconds, never for a negative number.
    pub fn after_milliseconds(number: c_int) -> Self {
        Self::after(u64::try_from(number).ok().map(Duration::from_millis))
    }

    pub fn left(&self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    pub fn is_over(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }
}

/// What is looked at, each kernel's apart; the other's entries are passed over.
struct Split {
    /// With one more, for a bell.
    host: Vec<pollfd>,
    rump: Vec<pollfd>,
}

impl Split {
    fn of(fds: &[pollfd]) -> Self {
        let none = pollfd { fd: -1, events: 0, revents: 0 };
        let mut split = Self { host: fds.to_vec(), rump: vec![none; fds.len()] };
        for (host, rump) in split.host.iter_mut().zip(&mut split.rump) {
            host.revents = 0;
            if let Some(number) = descriptors::find(host.fd) {
                *rump = pollfd { fd: number, ..*host };
                host.fd = -1;
            }
        }
        split.host.push(none);
        split
    }

    fn ask_rump(&mut self) -> c_int {
        carrier::call(|| sys::rump_sys_poll(self.rump.as_mut_ptr(), self.rump.len() as nfds_t, 0))
    }

    fn ask_host(&mut self, left: Option<Duration>, mask: *const sigset_t) -> c_int {
        let _inside = Inside::enter();
        let left =
            left.map(|left| timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() });
        let timeout = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // There may be no more than the program may have descriptors.
        let count = self.host.iter().rposition(|entry| entry.fd >= 0).map_or(0, |last| last + 1);
        // SAFETY: so many entries; the mask is the caller's.
        unsafe { libc::ppoll(self.host.as_mut_ptr(), count as nfds_t, timeout, mask) }
    }

    /// Has the kernel ring a bell, as long as the answer is kept.
    fn watch(&mut self, bell: &Arc<Bell>) -> Vec<Watch> {
        if let Some(last) = self.host.last_mut() {
            *last = pollfd { fd: bell.fd(), events: POLLIN, revents: 0 };
        }
        let waker = Waker::from(Arc::clone(bell));
        let numbers = self.rump.iter().map(|entry| entry.fd).filter(|fd| *fd >= 0);
        numbers.filter_map(|fd| watch(fd, &waker)).collect()
    }

    /// Tells what was found; answers at how many.
    fn tell(&self, fds: &mut [pollfd]) -> c_int {
        let mut count = 0;
        for ((fd, host), rump) in fds.iter_mut().zip(&self.host).zip(&self.rump) {
            fd.revents = if rump.fd >= 0 { rump.revents } else { host.revents };
            count += c_int::from(fd.revents != 0);
        }
        count
    }
}

/// Waits for descriptors of both kernels. Errors: EINTR, those of poll(2).
fn wait(fds: &mut [pollfd], deadline: &Deadline, mask: *const sigset_t) -> c_int {
    let mut split = Split::of(fds);
    let ready = split.ask_rump();
    if ready < 0 {
        return ready;
    }
    if ready > 0 || deadline.is_over() {
        let asked = split.ask_host(Some(Duration::ZERO), mask);
        return if asked < 0 { asked } else { split.tell(fds) };
    }
    let bell = Bell::new();
    let _watches = bell.as_ref().map(|bell| split.watch(bell));
    loop {
        // What changed before the watch rang nothing.
        let ready = split.ask_rump();
        if ready < 0 {
            return ready;
        }
        let left = match &bell {
            _ if ready > 0 => Some(Duration::ZERO),
            Some(_) => deadline.left(),
            None => Some(deadline.left().unwrap_or(PAUSE).min(PAUSE)),
        };
        let asked = split.ask_host(left, mask);
        if asked < 0 {
            return asked;
        }
        let found = split.tell(fds);
        if found > 0 || deadline.is_over() {
            return found;
        }
        bell.iter().for_each(|bell| bell.still());
    }
}

/// Whether any is the kernel's, so that the host cannot be asked alone.
///
/// # Safety
/// There are so many.
unsafe fn entries<'a>(fds: *mut pollfd, count: nfds_t) -> Option<&'a mut [pollfd]> {
    let count = usize::try_from(count).ok().filter(|count| *count > 0 && !fds.is_null())?;
    // SAFETY: the caller's promise.
    let fds = unsafe { std::slice::from_raw_parts_mut(fds, count) };
    fds.iter().any(|entry| descriptors::find(entry.fd).is_some()).then_some(fds)
}

/// A length of time, none for null. Errors: EINVAL.
pub fn length(timeout: *const timespec) -> Result<Option<Duration>, c_int> {
    // SAFETY: the promise of libc's callers.
    let Some(timeout) = (unsafe { timeout.as_ref() }) else { return Ok(None) };
    let nanoseconds = u32::try_from(timeout.tv_nsec).ok().filter(|part| *part < 1_000_000_000);
    match (u64::try_from(timeout.tv_sec), nanoseconds) {
        (Ok(seconds), Some(nanoseconds)) => Ok(Some(Duration::new(seconds, nanoseconds))),
        _ => Err(libc::EINVAL),
    }
}

fn poll_with(fds: &mut [pollfd], timeout: *const timespec, mask: *const sigset_t) -> c_int {
    match length(timeout) {
        Ok(length) => wait(fds, &Deadline::after(length), mask),
        Err(number) => fail(number),
    }
}

/// The bits of a set, of which there may be more than `FD_SETSIZE`.
struct Bits(*mut u64);

impl Bits {
    const EACH: usize = u64::BITS as usize;

    /// Those of the numbers around one.
    fn word(&self, fd: usize) -> u64 {
        // SAFETY: the promise of libc's callers: as many bits as the first argument says.
        if self.0.is_null() { 0 } else { unsafe { *self.0.add(fd / Self::EACH) } }
    }

    fn has(&self, fd: usize) -> bool {
        self.word(fd) >> (fd % Self::EACH) & 1 == 1
    }

    fn put(&self, fd: usize, is_in: bool) {
        if self.0.is_null() {
            return;
        }
        // SAFETY: as above.
        let word = unsafe { &mut *self.0.add(fd / Self::EACH) };
        let bit = 1 << (fd % Self::EACH);
        *word = if is_in { *word | bit } else { *word & !bit };
    }
}

/// What each of the three sets waits for, and what it is told of.
const SETS: [(c_short, c_short); 3] =
    [(POLLIN, POLLIN | POLLHUP | POLLERR), (POLLOUT, POLLOUT | POLLERR), (POLLPRI, POLLPRI)];

/// What the sets ask for, if any of it is the kernel's.
fn asked(count: c_int, sets: &[Bits; 3]) -> Option<Vec<pollfd>> {
    let mut fds = Vec::new();
    let count = usize::try_from(count).ok()?;
    let words = (0..count).step_by(Bits::EACH).filter(|fd| sets.iter().any(|set| set.word(*fd) != 0));
    for fd in words.flat_map(|fd| fd..count.min(fd + Bits::EACH)) {
        let wanted = sets.iter().zip(SETS).filter(|(set, _)| set.has(fd));
        let events = wanted.fold(0, |all, (_, (events, _))| all | events);
        if events != 0 {
            fds.push(pollfd { fd: fd as c_int, events, revents: 0 });
        }
    }
    fds.iter().any(|entry| descriptors::find(entry.fd).is_some()).then_some(fds)
}

/// Waits, and leaves in the sets what is so.
fn select_with(fds: &mut [pollfd], sets: &[Bits; 3], deadline: &Deadline, mask: *const sigset_t) -> c_int {
    if wait(fds, deadline, mask) < 0 {
        return -1;
    }
    if fds.iter().any(|entry| entry.revents & POLLNVAL != 0) {
        return fail(libc::EBADF);
    }
    let mut count = 0;
    for entry in fds.iter() {
        for (set, (events, told)) in
            sets.iter().zip(SETS).filter(|(_, (events, _))| entry.events & events != 0)
        {
            let is_so = entry.revents & told != 0 && entry.events & events != 0;
            let is_in = is_so && set.has(entry.fd as usize);
            set.put(entry.fd as usize, is_in);
            count += c_int::from(is_in);
        }
    }
    count
}

interpose! {
    [poll](fds: *mut pollfd, count: nfds_t, milliseconds: c_int) -> c_int, |host| {
        // SAFETY: the caller's promise.
        match unsafe { entries(fds, count) } {
            None => host(fds, count, milliseconds),
            Some(fds) => wait(fds, &Deadline::after_milliseconds(milliseconds), std::ptr::null()),
        }
    }

    [__poll_chk](fds: *mut pollfd, count: nfds_t, milliseconds: c_int, room: size_t) -> c_int, |host| {
        // SAFETY: the caller's promise.
        match unsafe { entries(fds, count) } {
            None => host(fds, count, milliseconds, room),
            Some(fds) => wait(fds, &Deadline::after_milliseconds(milliseconds), std::ptr::null()),
        }
    }

    [ppoll](
        fds: *mut pollfd,
        count: nfds_t,
        timeout: *const timespec,
        mask: *const sigset_t,
    ) -> c_int, |host| {
        // SAFETY: the caller's promise.
        match unsafe { entries(fds, count) } {
            None => host(fds, count, timeout, mask),
            Some(fds) => poll_with(fds, timeout, mask),
        }
    }

    [__ppoll_chk](
        fds: *mut pollfd,
        count: nfds_t,
        timeout: *const timespec,
        mask: *const sigset_t,
        room: size_t,
    ) -> c_int, |host| {
        // SAFETY: the caller's promise.
        match unsafe { entries(fds, count) } {
            None => host(fds, count, timeout, mask, room),
            Some(fds) => poll_with(fds, timeout, mask),
        }
    }

    [select](
        count: c_int,
        read: *mut u64,
        write: *mut u64,
        except: *mut u64,
        timeout: *mut timeval,
    ) -> c_int, |host| {
        let sets = [Bits(read), Bits(write), Bits(except)];
        let Some(mut fds) = asked(count, &sets) else { return host(count, read, write, except, timeout) };
        // SAFETY: the caller's promise.
        let place = unsafe { timeout.as_mut() };
        let length = match place.as_ref().map(|time| (u64::try_from(time.tv_sec), u64::try_from(time.tv_usec))) {
            None => None,
            Some((Ok(seconds), Ok(micros))) => Some(Duration::from_secs(seconds) + Duration::from_micros(micros)),
            Some(_) => return fail(libc::EINVAL),
        };
        let deadline = Deadline::after(length);
        let answer = select_with(&mut fds, &sets, &deadline, std::ptr::null());
        // Linux tells how much of the time is left.
        if let (Some(place), Some(left)) = (place, deadline.left()) {
            *place = timeval { tv_sec: left.as_secs() as _, tv_usec: left.subsec_micros().into() };
        }
        answer
    }

    [pselect](
        count: c_int,
        read: *mut u64,
        write: *mut u64,
        except: *mut u64,
        timeout: *const timespec,
        mask: *const sigset_t,
    ) -> c_int, |host| {
        let sets = [Bits(read), Bits(write), Bits(except)];
        match (asked(count, &sets), length(timeout)) {
            (None, _) => host(count, read, write, except, timeout, mask),
            (Some(_), Err(number)) => fail(number),
            (Some(mut fds), Ok(length)) => select_with(&mut fds, &sets, &Deadline::after(length), mask),
        }
    }
}
