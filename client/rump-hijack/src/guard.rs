//! Whether a thread is inside the kernel: what it calls then is meant for libc.

use std::cell::Cell;

thread_local! {
    /// How many times. It needs no destructor, so that it is there as long as the thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Whether the calling thread is inside.
pub fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// Does what is the program's, such as a handler of its own, in the middle of what is not.
pub fn outside<T>(run: impl FnOnce() -> T) -> T {
    let depth = DEPTH.replace(0);
    let answer = run();
    DEPTH.set(depth);
    answer
}

/// As long as it is there, the thread is inside.
pub struct Inside(());

impl Inside {
    pub fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self(())
    }

    /// For a thread of the kernel's own.
    pub fn stay() {
        std::mem::forget(Self::enter());
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
