//! Who is told what: all routing sockets of a stack.

use super::Clock;
use super::inbox::{Inbox, Told};
use super::seen::Seen;
use super::tell;
use crate::stack::Stack;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use rump_kpi::WaitQueue;
use rump_kpi::netbsd::route::Message;
use rump_kpi::sync::Mutex;

/// See the module.
#[derive(Default)]
pub(crate) struct Hub {
    /// How many sockets there are: without any, nothing is told.
    count: AtomicUsize,
    sockets: Mutex<Vec<Weak<Inbox>>>,
    /// Interfaces and addresses as they were told last.
    seen: Mutex<Seen>,
}

impl Hub {
    /// There is one socket more. The stack is locked by who calls.
    pub(super) fn add(&self, stack: &mut Stack, clock: Clock, inbox: &Arc<Inbox>) {
        if self.count.fetch_add(1, Ordering::Relaxed) == 0 {
            *self.seen.lock() = Seen::of(stack, clock.now);
            watch(stack, true);
        }
        self.sockets.lock().push(Arc::downgrade(inbox));
    }

    /// A socket is gone. The stack is locked by who calls.
    pub(super) fn remove(&self, stack: &mut Stack, inbox: &Arc<Inbox>) {
        self.sockets.lock().retain(|socket| !core::ptr::eq(socket.as_ptr(), Arc::as_ptr(inbox)));
        if self.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            watch(stack, false);
        }
    }

    /// Tells what changed since it was asked last. Answers whom to wake.
    pub(crate) fn tell_changes(
        &self,
        stack: &mut Stack,
        clock: impl FnOnce() -> Clock,
    ) -> Vec<Arc<WaitQueue>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let mut messages = Vec::new();
        if stack.is_reconfigured() {
            let now = Seen::of(stack, clock().now);
            let before = core::mem::replace(&mut *self.seen.lock(), now.clone());
            now.changes(stack, &before, &mut messages);
        }
        let (v4, v6) = (stack.routes.take_changes(), stack.routes_v6.take_changes());
        messages.extend(v4.iter().map(|change| tell::changed(stack, change)));
        messages.extend(v6.iter().map(|change| tell::changed(stack, change)));
        messages.iter().flat_map(|message| self.tell(message, None)).collect()
    }

    /// Tells all sockets; who asked for it, if he wants to hear himself. Answers whom to wake.
    pub(super) fn tell(&self, message: &Message, asker: Option<&Arc<Inbox>>) -> Vec<Arc<WaitQueue>> {
        let told = Told::new(message);
        let is_wanted = |inbox: &Arc<Inbox>| {
            !asker.is_some_and(|asker| Arc::ptr_eq(asker, inbox)) || inbox.state().lock().hears_itself
        };
        let sockets: Vec<Arc<Inbox>> = self.sockets.lock().iter().filter_map(Weak::upgrade).collect();
        let told = sockets.iter().filter(|inbox| is_wanted(inbox) && inbox.put(&told));
        told.map(|inbox| inbox.waiters().clone()).collect()
    }
}

/// Whether routes note what becomes of them.
fn watch(stack: &mut Stack, is_watched: bool) {
    (stack.routes.is_watched, stack.routes_v6.is_watched) = (is_watched, is_watched);
    forget_changes(stack);
}

/// What becomes of routes by a request is told as its answer.
pub(super) fn forget_changes(stack: &mut Stack) {
    stack.routes.take_changes();
    stack.routes_v6.take_changes();
}
