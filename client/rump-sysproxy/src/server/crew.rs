//! The threads of a connection, and who of them does what.
//!
//! One leads: it reads what comes. A call that ends soon it makes itself, between two messages; before one that may have to
//! wait it lets another lead. So a client with one thread is served by one thread, without a change of threads in the way
//! of a call, and a call that waits is in nobody's way.

use crate::frame::Header;
use parking_lot::{Condvar, Mutex};
use rump_abi::{Signal, SignalSet};
use std::collections::VecDeque;

/// A message that nobody looked at yet.
pub(super) type Message = (Header, Vec<u8>);

/// What a thread of a connection is to do.
pub(super) enum Job {
    /// Read what comes.
    Lead,
    /// Tell the client of signals.
    Raise(SignalSet),
    /// Make a call that somebody read who waits for something else.
    Call(Message),
    /// There is nothing to do any more.
    Leave,
}

/// The threads of a connection. A leaf.
#[derive(Default)]
pub(super) struct Crew {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    calls: VecDeque<Message>,
    signals: SignalSet,
    has_leader: bool,
    is_over: bool,
    /// Threads, and those of them that have nothing to do.
    threads: usize,
    idle: usize,
    /// Calls that are made, or wait for a thread.
    in_flight: usize,
    /// A program is executed: there are no calls until it is.
    in_exec: bool,
}

/// Threads that are kept though they have nothing to do.
const IDLE: usize = 1;

/// Why there is no place for a call.
pub(super) enum Full {
    /// There are as many as may be.
    Calls,
    /// A program is executed.
    Exec,
}

impl Crew {
    /// Waits for something to do. A thread that is one too many leaves.
    pub(super) fn next(&self) -> Job {
        let mut state = self.state.lock();
        loop {
            if state.is_over {
                break;
            }
            if let Some(message) = state.calls.pop_front() {
                return Job::Call(message);
            }
            let signals = std::mem::take(&mut state.signals);
            if !signals.is_empty() {
                return Job::Raise(signals);
            }
            if !state.has_leader {
                state.has_leader = true;
                return Job::Lead;
            }
            if state.idle >= IDLE {
                break;
            }
            state.idle += 1;
            self.changed.wait(&mut state);
            state.idle -= 1;
        }
        Job::Leave
    }

    /// A thread begins.
    pub(super) fn enter(&self) {
        self.state.lock().threads += 1;
    }

    /// A thread ends; whether it was the last.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.state.lock();
        state.threads -= 1;
        state.threads == 0
    }

    /// Whether a thread has nothing to do, and nothing is there for it.
    pub(super) fn has_idle(&self) -> bool {
        let state = self.state.lock();
        state.idle > state.calls.len()
    }

    /// The leader does something else. Somebody was seen to be there who can lead.
    pub(super) fn stop_leading(&self) {
        self.state.lock().has_leader = false;
        self.changed.notify_one();
    }

    /// A call for a thread that was seen to have nothing to do.
    pub(super) fn hand_over(&self, message: Message) {
        self.state.lock().calls.push_back(message);
        self.changed.notify_one();
    }

    /// A signal for the client.
    pub(super) fn raise(&self, signal: Signal) {
        let mut state = self.state.lock();
        state.signals.insert(signal);
        self.changed.notify_one();
    }

    /// Makes room for a call. Errors: there are `most`, or a program is executed.
    pub(super) fn begin(&self, most: usize) -> Result<(), Full> {
        let mut state = self.state.lock();
        if state.in_exec {
            return Err(Full::Exec);
        }
        if state.in_flight >= most {
            return Err(Full::Calls);
        }
        state.in_flight += 1;
        Ok(())
    }

    /// A call is answered.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock();
        state.in_flight -= 1;
        if state.in_exec {
            self.changed.notify_all();
        }
    }

    /// Lets no calls begin, and waits until none is in flight but `wake` has it end; false: the connection is over, or a
    /// program is executed already.
    pub(super) fn begin_exec(&self, wake: impl Fn()) -> bool {
        let mut state = self.state.lock();
        if state.in_exec {
            return false;
        }
        state.in_exec = true;
        while state.in_flight > 0 && !state.is_over {
            drop(state);
            wake();
            state = self.state.lock();
            if state.in_flight > 0 && !state.is_over {
                self.changed.wait_for(&mut state, std::time::Duration::from_millis(10));
            }
        }
        !state.is_over
    }

    /// Calls may begin.
    pub(super) fn finish_exec(&self) {
        self.state.lock().in_exec = false;
    }

    /// The connection is over.
    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }
}
