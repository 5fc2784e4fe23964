//! Waiting: who is woken, and for how long.

use rump_kpi::WaitQueue;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

#[derive(Default)]
struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn all_who_wait_are_woken_until_they_leave() {
    let queue = Arc::new(WaitQueue::default());
    let counted: [Arc<Counted>; 2] = Default::default();
    let wakers = counted.clone().map(Waker::from);
    queue.wake();
    let first = queue.register(&wakers[0]);
    let second = queue.register(&wakers[1]);
    queue.wake();
    drop(first);
    queue.wake();
    drop(second);
    queue.wake();
    assert_eq!(counted.map(|counted| counted.0.load(Ordering::Relaxed)), [1, 2]);
}
