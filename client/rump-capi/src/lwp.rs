//! Light-weight processes: who a thread of the host is to a kernel.
//!
//! A thread that is none makes its calls in process 1.

use crate::instance::Instance;
use rump_abi::Errno;
use rump_kern::Process;
use rump_kpi::KResult;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// What C knows as `struct lwp`: a pointer to one that is in its kernel's table.
pub(crate) struct Lwp {
    pub(crate) process: Process,
    /// A thread is it.
    pub(crate) is_bound: AtomicBool,
}

/// Those of a kernel, by their addresses. A leaf.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) lwps: Mutex<BTreeMap<usize, Arc<Lwp>>>,
}

/// Who the calling thread is.
#[derive(Default)]
struct Thread {
    /// None: the classic kernel.
    instance: Option<Arc<Instance>>,
    lwp: Option<Arc<Lwp>>,
}

thread_local! {
    static THREAD: RefCell<Thread> = const { RefCell::new(Thread { instance: None, lwp: None }) };
}

/// The process that a call of this thread is made in. Errors: ENXIO (there is no kernel).
pub(crate) fn process() -> KResult<Process> {
    let known = THREAD.try_with(|thread| {
        let thread = thread.borrow();
        let of_lwp = thread.lwp.as_ref().map(|lwp| lwp.process.clone());
        of_lwp.or_else(|| thread.instance.as_ref().map(|instance| instance.init.clone()))
    });
    // A thread that is ending is nobody.
    match known.ok().flatten() {
        Some(process) => Ok(process),
        None => Ok(Instance::classic().map_err(|_| Errno::ENXIO)?.init.clone()),
    }
}
