//! Queues of events: kqueue(2), and epoll(7), which is a kqueue whose events are told as `poll` sees them.

use super::calls::{Answer, Attempt, Progress, field, skipped, value};
use super::{Open, Runner, Stop};
use crate::script::Expression;
use crate::symbols::{EPOLLET, EPOLLONESHOT, EPOLLRDHUP};
use rump_abi::event::{Event, EventFlags, Filter};
use rump_kern::{Fd, PollFd};
use rump_kpi::{Errno, PollEvents};
use std::time::Duration;

/// More events than this no script waits for at once.
const MOST: i64 = 1024;
/// What epoll tells though nobody asked.
const ALWAYS: PollEvents = PollEvents::ERR.union(PollEvents::HUP);

impl Runner<'_> {
    pub(super) fn queue(&mut self) -> Attempt {
        Ok(match self.process.kqueue() {
            Ok(fd) => Answer::Descriptor(Open::new(fd, None, true)),
            Err(error) => Answer::Error(error.errno),
        })
    }

    pub(super) fn epoll_ctl(
        &mut self,
        queue: &Expression,
        what: &Expression,
        fd: &Expression,
        event: &Expression,
    ) -> Attempt {
        let (kernel_queue, kernel_fd, number) = (self.fd(queue)?, self.fd(fd)?, value(fd)?);
        let Some(open) = self.open_of(queue)? else { return Ok(Answer::Error(Errno::EBADF)) };
        let Expression::Word(what) = what else { return skipped("what epoll_ctl does is a name") };
        let is_there = open.watched.contains_key(&number);
        match (what.as_str(), is_there) {
            ("EPOLL_CTL_ADD", true) => return Ok(Answer::Error(Errno::EEXIST)),
            ("EPOLL_CTL_MOD" | "EPOLL_CTL_DEL", false) => return Ok(Answer::Error(Errno::ENOENT)),
            ("EPOLL_CTL_DEL", true) => {
                open.watched.remove(&number);
                return Ok(self.change(kernel_queue, kernel_fd, EventFlags::DELETE));
            }
            ("EPOLL_CTL_ADD" | "EPOLL_CTL_MOD", _) => {}
            _ => return skipped(format!("{what} is not supported")),
        }
        let Expression::Struct(fields) = event else { return skipped("an event of epoll is a structure") };
        let (events, told) = epoll_event(fields)?;
        open.watched.insert(number, (events, told));
        let mut flags = EventFlags::ADD | EventFlags::ENABLE;
        flags.set(EventFlags::CLEAR, events & EPOLLET != 0);
        flags.set(EventFlags::DISPATCH, events & EPOLLONESHOT != 0);
        if is_there {
            // How it is told may have changed.
            self.change(kernel_queue, kernel_fd, EventFlags::DELETE);
        }
        Ok(self.change(kernel_queue, kernel_fd, flags))
    }

    /// Changes what a queue has of a descriptor.
    fn change(&self, queue: Fd, fd: Fd, flags: EventFlags) -> Answer {
        let ident = fd.0.into();
        let of = |filter| Event { ident, filter, flags, fflags: 0, data: 0, udata: 0 };
        let changes = [of(Filter::Read), of(Filter::Write)];
        super::calls::answer(self.process.kevent(queue, &changes, 0, None).map(|_| 0))
    }

    pub(super) fn epoll_wait(
        &mut self,
        queue: &Expression,
        events: &Expression,
        most: &Expression,
        since: Duration,
        timeout: &Expression,
    ) -> Attempt {
        let most = value(most)?;
        if !(1..=MOST).contains(&most) {
            return Ok(Answer::Error(Errno::EINVAL));
        }
        let kernel_queue = self.fd(queue)?;
        let Some(open) = self.open_of(queue)? else { return Ok(Answer::Error(Errno::EBADF)) };
        let watched = open.watched.clone();
        // Both filters may tell of one descriptor.
        let found = match self.process.kevent(kernel_queue, &[], 2 * most as usize, Some(Duration::ZERO)) {
            Ok(found) => found,
            Err(error) => return Ok(Answer::Error(error.errno)),
        };
        let mut told: Vec<(i64, i64)> = Vec::new();
        for (number, (wanted, data)) in &watched {
            let Some(open) = self.open.get(number) else { continue };
            let of_it = || found.iter().filter(|event| event.ident == open.fd.0.into());
            if of_it().next().is_none() {
                continue;
            }
            let asked = PollEvents::from_bits_truncate(*wanted as u16);
            let mut poll = [PollFd::new(open.fd, asked)];
            let seen = match self.process.poll(&mut poll, Some(Duration::ZERO)) {
                Ok(_) => i64::from((poll[0].revents & (asked | ALWAYS)).bits()),
                Err(error) => return Ok(Answer::Error(error.errno)),
            };
            let is_read =
                |event: &Event| event.filter == Filter::Read && event.flags.contains(EventFlags::EOF);
            let ended = if of_it().any(is_read) { wanted & EPOLLRDHUP } else { 0 };
            if seen | ended != 0 {
                told.push((seen | ended, *data));
            }
        }
        told.truncate(most as usize);
        if told.is_empty() && !self.is_over(since, value(timeout)?) {
            return Ok(Answer::Blocks);
        }
        let expected: Vec<&Expression> = match events {
            Expression::List(list) => list.iter().collect(),
            one => vec![one],
        };
        for ((events, data), expected) in told.iter().zip(expected) {
            let Expression::Struct(fields) = expected else { continue };
            let (wanted, wanted_data) = epoll_event(fields)?;
            if (wanted, wanted_data) != (*events, *data) {
                let what =
                    format!("expected the events {wanted:#x} of {wanted_data}, got {events:#x} of {data}");
                return Ok(Answer::Other(what));
            }
        }
        Ok(Answer::Done(told.len() as i64))
    }

    /// Whether a call that waits so many milliseconds, for ever if they are fewer than none, has waited.
    pub(super) fn is_over(&self, since: Duration, timeout: i64) -> bool {
        u64::try_from(timeout).is_ok_and(|timeout| self.now() >= since + Duration::from_millis(timeout))
    }

    pub(super) fn kevent(
        &mut self,
        [queue, changes, events, timeout]: [&Expression; 4],
        since: Duration,
        progress: &mut Progress,
    ) -> Attempt {
        let kernel_queue = self.fd(queue)?;
        let changes = if progress.is_begun { Vec::new() } else { self.kevents(changes)? };
        let expected = self.kevents(events)?;
        let most = expected.len().max(usize::from(*events == Expression::Ellipsis));
        let found = match self.process.kevent(kernel_queue, &changes, most, Some(Duration::ZERO)) {
            Ok(found) => found,
            Err(error) => return Ok(Answer::Error(error.errno)),
        };
        progress.is_begun = true;
        let is_over = kevent_wait(timeout)?.is_some_and(|wait| self.now() >= since + wait);
        if found.is_empty() && most > 0 && !is_over {
            return Ok(Answer::Blocks);
        }
        for (expected, found) in expected.iter().zip(&found) {
            // What only a change says is not told.
            let told = EventFlags::EOF | EventFlags::ERROR;
            let of = |event: &Event| {
                (event.ident, event.filter, event.flags & told, event.fflags, event.data, event.udata)
            };
            if of(expected) != of(found) {
                return Ok(Answer::Other(format!("expected {expected:?}, got {found:?}")));
            }
        }
        Ok(Answer::Done(found.len() as i64))
    }

    /// A list of `struct kevent`.
    fn kevents(&self, list: &Expression) -> Result<Vec<Event>, Stop> {
        match list {
            Expression::List(list) => list.iter().map(|event| self.kevent_of(event)).collect(),
            Expression::Word(word) if word == "NULL" => Ok(Vec::new()),
            Expression::Ellipsis => Ok(Vec::new()),
            _ => skipped("events of kevent are a list"),
        }
    }

    fn kevent_of(&self, event: &Expression) -> Result<Event, Stop> {
        let Expression::Struct(fields) = event else { return skipped("an event of kevent is a structure") };
        let number = |name: &str| field(fields, name).map_or(Ok(0), value);
        let filter = match field(fields, "filter") {
            Some(Expression::Word(name)) => match name.as_str() {
                "EVFILT_READ" => Filter::Read,
                "EVFILT_WRITE" => Filter::Write,
                "EVFILT_TIMER" => Filter::Timer,
                "EVFILT_USER" => Filter::User,
                _ => return skipped(format!("{name} is not supported")),
            },
            _ => return skipped("the filter of an event is a name"),
        };
        let ident = number("ident")?;
        let is_fd = matches!(filter, Filter::Read | Filter::Write);
        let ident = match self.open.get(&ident).filter(|_| is_fd) {
            Some(open) => open.fd.0.into(),
            None => ident as u64,
        };
        Ok(Event {
            ident,
            filter,
            flags: EventFlags::from_bits_truncate(number("flags")? as u32),
            fflags: number("fflags")? as u32,
            data: number("data")?,
            udata: number("udata")? as u64,
        })
    }
}

/// Events, and what is told with them.
fn epoll_event(fields: &[Expression]) -> Result<(i64, i64), Stop> {
    let events = field(fields, "events").map_or(Ok(0), value)?;
    let told = ["fd", "ptr", "u32", "u64"].iter().find_map(|name| field(fields, name));
    Ok((events, told.map_or(Ok(0), value)?))
}

/// `{tv_sec=1, tv_nsec=0}`, or `NULL` for ever.
pub(super) fn kevent_wait(timeout: &Expression) -> Result<Option<Duration>, Stop> {
    match timeout {
        Expression::Word(word) if word == "NULL" => Ok(None),
        Expression::Struct(fields) => {
            let number = |name: &str| field(fields, name).map_or(Ok(0), value);
            let seconds = u32::try_from(number("tv_sec")?).ok();
            let nanoseconds = u32::try_from(number("tv_nsec")?).ok().filter(|nanos| *nanos < 1_000_000_000);
            match (seconds, nanoseconds) {
                (Some(seconds), Some(nanos)) => Ok(Some(Duration::new(seconds.into(), nanos))),
                _ => skipped("a time of this form is not supported"),
            }
        }
        _ => skipped("the time that kevent waits is a structure"),
    }
}
