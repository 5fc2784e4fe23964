//! System calls: when they are made, what they answer, and whether that is what the script says.

use super::{Open, Pending, Runner, Step, Stop};
use crate::report::Failure;
use crate::script::{Call, Expression};
use crate::symbols::{self, O_NONBLOCK, number};
use rump_kern::Fd;
use rump_kpi::{Errno, KError};
use std::time::Duration;

/// What became of a call.
pub(super) enum Answer {
    /// It answers a number.
    Done(i64),
    /// It answers an error.
    Error(Errno),
    /// It answers a descriptor.
    Descriptor(Open),
    /// It put out something else than the script says.
    Other(String),
    /// It blocks.
    Blocks,
}

/// How far a call that blocks has come.
#[derive(Default)]
pub(super) struct Progress {
    /// Bytes that were taken or given.
    pub(super) bytes: usize,
    /// Messages that were taken.
    pub(super) messages: usize,
    /// The connection is begun.
    pub(super) is_begun: bool,
}

pub(super) type Attempt = Result<Answer, Stop>;

/// An answer of the kernel.
pub(super) fn answer(result: Result<i64, KError>) -> Answer {
    match result {
        Ok(number) => Answer::Done(number),
        Err(error) => Answer::Error(error.errno),
    }
}

pub(super) fn skipped<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Skipped(what.into()))
}

/// What an expression amounts to. Errors: a name that means nothing here.
pub(super) fn value(expression: &Expression) -> Result<i64, Stop> {
    number(expression).map_err(Stop::Skipped)
}

impl Runner<'_> {
    /// A program calls at a moment; what its end is counted from is `base`.
    pub(super) fn call(&mut self, call: &Call, at: Duration, base: Duration) -> Step {
        let due = call.end.map(|end| base + end);
        if due.is_some_and(|due| due < at) {
            return Err(self.fail("the call ends before it begins"));
        }
        let line = self.line;
        self.pending =
            Some(Pending { line, call: call.clone(), since: at, due, progress: Progress::default() });
        self.settle()?;
        if let Some(pending) = self.pending.as_ref().filter(|pending| pending.due.is_none()) {
            // A timeout of the call itself may end it.
            let wait = self.wait_of(&pending.call);
            match wait {
                Some(wait) => {
                    let until = at + wait;
                    if let Some(pending) = &mut self.pending {
                        pending.due = Some(until);
                    }
                    self.finish_pending()?;
                }
                None => return Err(self.fail(format!("{} blocks", call.name))),
            }
        }
        Ok(())
    }

    /// How long a call waits by itself.
    pub(super) fn wait_of(&self, call: &Call) -> Option<Duration> {
        let timeout = match (call.name.as_str(), &call.arguments[..]) {
            ("poll", [_, _, timeout]) | ("epoll_wait", [_, _, _, timeout]) => timeout,
            ("kevent", [.., timeout]) => return super::events::kevent_wait(timeout).ok().flatten(),
            _ => return None,
        };
        let milliseconds = u64::try_from(number(timeout).ok()?).ok()?;
        Some(Duration::from_millis(milliseconds))
    }

    /// Tries the call that did not end yet.
    pub(super) fn try_pending(&mut self) -> Step {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let answer = self.attempt(&pending.call, &mut pending.progress, pending.since)?;
        if let Answer::Blocks = answer {
            self.pending = Some(pending);
            return Ok(());
        }
        let outcome = self.judge(&pending.call, answer);
        self.say(format!(
            "{}({})",
            pending.call.name,
            if outcome.is_ok() { "as expected" } else { "otherwise" }
        ));
        if let Err(what) = outcome {
            let what = format!("{}: {what}", pending.call.name);
            return Err(Stop::Failed(Failure::new(pending.line, what)));
        }
        self.check_end(&pending)
    }

    /// A call that blocks ends when it should, and blocks until then.
    fn check_end(&self, pending: &Pending) -> Step {
        let Some(due) = pending.due.filter(|_| pending.call.end.is_some()) else { return Ok(()) };
        let tolerance = self.settings.tolerance_of(due.saturating_sub(pending.since));
        let now = self.now();
        if now + tolerance >= due && now <= due + tolerance {
            return Ok(());
        }
        let when = |at: Duration| at.saturating_sub(super::BEGIN).as_secs_f64();
        let what = format!("{} was to end at {:.6}, ended at {:.6}", pending.call.name, when(due), when(now));
        Err(Stop::Failed(Failure::new(pending.line, what)))
    }

    /// Compares an answer with what the script says. Errors: what is not so.
    fn judge(&mut self, call: &Call, answer: Answer) -> Result<(), String> {
        let expected = match &call.result {
            Expression::Ellipsis => None,
            result => Some(number(result)?),
        };
        let shown = |errno: &Option<String>| errno.as_ref().map_or(String::new(), |name| format!(" {name}"));
        let wanted = expected.map_or("...".into(), |number| format!("{number}{}", shown(&call.errno)));
        match answer {
            Answer::Done(number) if is_flags(call) => {
                let is_good = expected.is_none_or(|expected| {
                    symbols::GETFL.iter().any(|[blocks, not]| {
                        expected == if number & O_NONBLOCK == 0 { *blocks } else { *not }
                    })
                });
                if is_good { Ok(()) } else { Err(format!("expected {wanted}, got {number:#x}")) }
            }
            Answer::Done(number) if expected.is_none_or(|expected| expected == number) => Ok(()),
            Answer::Done(number) => Err(format!("expected {wanted}, got {number}")),
            Answer::Error(errno) => {
                let is_wanted = call.errno.as_deref().map(symbols::errno);
                match (expected, is_wanted) {
                    (Some(-1), Some(Some(wanted))) if wanted == errno => Ok(()),
                    // Any.
                    (Some(-1), None) => Ok(()),
                    _ => Err(format!("expected {wanted}, got -1 {}", errno.name())),
                }
            }
            Answer::Descriptor(open) => match expected {
                Some(fd) if fd >= 0 => {
                    if let Some(old) = self.open.insert(fd, open) {
                        let _ = self.process.close(old.fd);
                    }
                    Ok(())
                }
                _ => Err(format!("expected {wanted}, got a descriptor")),
            },
            Answer::Other(what) => Err(what),
            Answer::Blocks => Ok(()),
        }
    }

    fn attempt(&mut self, call: &Call, progress: &mut Progress, since: Duration) -> Attempt {
        let arguments = &call.arguments[..];
        match (call.name.as_str(), arguments) {
            ("socket", [domain, kind, protocol]) => self.socket(domain, kind, protocol),
            ("bind", [fd, address, ..]) => self.bind(fd, address),
            ("listen", [fd, backlog]) => self.listen(fd, backlog),
            ("accept", [fd, ..]) => self.accept(fd, 0, call),
            ("accept4", [fd, _, _, flags]) => self.accept(fd, value(flags)?, call),
            ("connect", [fd, address, ..]) => self.connect(fd, address, progress),
            ("close", [fd]) => self.close(fd),
            ("shutdown", [fd, how]) => self.shutdown(fd, how),
            ("fcntl", [fd, request, rest @ ..]) => self.fcntl(fd, request, rest),
            ("ioctl", [fd, request, rest @ ..]) => self.ioctl(fd, request, rest),
            ("poll", [fds, _, timeout]) => self.poll(fds, timeout, since),
            ("kqueue", []) | ("epoll_create" | "epoll_create1", [_]) => self.queue(),
            ("epoll_ctl", [queue, what, fd, event]) => self.epoll_ctl(queue, what, fd, event),
            ("epoll_wait", [queue, events, most, timeout]) => {
                self.epoll_wait(queue, events, most, since, timeout)
            }
            ("kevent", [queue, changes, _, events, _, timeout]) => {
                self.kevent([queue, changes, events, timeout], since, progress)
            }
            ("setsockopt", [fd, level, name, value, ..]) => self.set_option(fd, level, name, value),
            ("getsockopt", [fd, level, name, value, ..]) => self.option(fd, level, name, value),
            ("read", [fd, _, length]) => self.receive(fd, &[value(length)?], 0, progress),
            ("recv", [fd, _, length, flags]) => self.receive(fd, &[value(length)?], value(flags)?, progress),
            ("recvfrom", [fd, _, length, flags, ..]) => {
                self.receive(fd, &[value(length)?], value(flags)?, progress)
            }
            ("readv", [fd, parts, _]) => self.receive(fd, &lengths(parts)?, 0, progress),
            ("recvmsg", [fd, message, flags]) => self.receive_message(fd, message, value(flags)?, progress),
            ("sendmmsg", [fd, messages, _, flags]) => self.send_messages(fd, messages, value(flags)?),
            ("recvmmsg", [fd, messages, _, flags, ..]) => {
                self.receive_messages(fd, messages, value(flags)?, progress)
            }
            ("write", [fd, _, length]) => self.send(fd, &[value(length)?], 0, None, progress),
            ("send", [fd, _, length, flags]) => {
                self.send(fd, &[value(length)?], value(flags)?, None, progress)
            }
            ("sendto", [fd, _, length, flags, to, ..]) => {
                self.send(fd, &[value(length)?], value(flags)?, Some(to), progress)
            }
            ("writev", [fd, parts, _]) => self.send(fd, &lengths(parts)?, 0, None, progress),
            ("sendmsg", [fd, message, flags]) => self.send_message(fd, message, value(flags)?, progress),
            (name, _) => {
                skipped(format!("the call {name} of {} arguments is not supported", arguments.len()))
            }
        }
    }

    /// A descriptor of the script. Errors: none; an unknown one is one that the kernel does not know.
    pub(super) fn fd(&self, fd: &Expression) -> Result<Fd, Stop> {
        let number = value(fd)?;
        Ok(self.open.get(&number).map_or(Fd(u32::MAX), |open| open.fd))
    }

    pub(super) fn open_of(&mut self, fd: &Expression) -> Result<Option<&mut Open>, Stop> {
        let number = value(fd)?;
        Ok(self.open.get_mut(&number))
    }

    pub(super) fn blocks(&mut self, fd: &Expression) -> Result<bool, Stop> {
        Ok(self.open_of(fd)?.is_some_and(|open| open.blocks))
    }
}

fn is_flags(call: &Call) -> bool {
    matches!(&call.arguments[..], [_, Expression::Word(name)] if name == "F_GETFL") && call.name == "fcntl"
}

/// A field of a structure.
pub(super) fn field<'e>(fields: &'e [Expression], name: &str) -> Option<&'e Expression> {
    fields.iter().find_map(|field| match field {
        Expression::Named(known, value) if known == name => Some(&**value),
        _ => None,
    })
}

/// Lengths of the parts of a vector.
pub(super) fn lengths(parts: &Expression) -> Result<Vec<i64>, Stop> {
    let Expression::List(parts) = parts else { return skipped("a vector is a list") };
    let length = |part: &Expression| match part {
        Expression::Struct(fields) => match &fields[..] {
            [_, length] => value(length),
            _ => skipped("a part has an address and a length"),
        },
        _ => skipped("a part is a structure"),
    };
    parts.iter().map(length).collect()
}
