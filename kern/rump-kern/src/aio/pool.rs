//! The threads that do requests.

use super::Job;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::task::Wake;
use alloc::vec::Vec;
use core::task::Waker;
use rump_hyper::{Event, Hypervisor};
use rump_kpi::sync::Mutex;
use rump_kpi::{KResult, Registration};
use rump_vfs::has_threads;

/// Threads of a kernel. None of them blocks but at devices.
const THREADS_MAX: usize = 4;

/// The pool of a kernel. Dropping it ends the threads.
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    host: Arc<dyn Hypervisor>,
    state: Mutex<State>,
}

struct State {
    is_stopped: bool,
    queue: VecDeque<Arc<Job>>,
    /// Threads that wait.
    idle: Vec<Arc<dyn Event>>,
    threads: usize,
    threads_max: usize,
}

impl Pool {
    pub(crate) fn new(host: &Arc<dyn Hypervisor>) -> Self {
        let threads_max = if has_threads(&**host) { THREADS_MAX } else { 0 };
        let (queue, idle) = (VecDeque::new(), Vec::new());
        let state = Mutex::new(State { is_stopped: false, queue, idle, threads: 0, threads_max });
        Self(Arc::new(Shared { host: host.clone(), state }))
    }

    /// Lets a request be done.
    pub(crate) fn submit(&self, job: Arc<Job>) {
        self.enqueue(job);
        self.help();
    }

    /// Lets a request be done, by whoever does the present one if there are no threads.
    pub(crate) fn enqueue(&self, job: Arc<Job>) {
        self.0.enqueue(job);
    }

    /// Does what there is to do, if there are no threads.
    pub(crate) fn help(&self) {
        loop {
            let mut state = self.0.state.lock();
            if state.threads != 0 {
                return;
            }
            let Some(job) = state.queue.pop_front() else { return };
            drop(state);
            self.0.run(&job);
        }
    }

    pub(crate) fn stop(&self) {
        let mut state = self.0.state.lock();
        state.is_stopped = true;
        let (queue, idle) = (core::mem::take(&mut state.queue), core::mem::take(&mut state.idle));
        drop(state);
        idle.iter().for_each(|event| event.set());
        drop(queue);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn enqueue(self: &Arc<Self>, job: Arc<Job>) {
        let mut state = self.state.lock();
        if state.is_stopped {
            drop(state);
            return;
        }
        state.queue.push_back(job);
        if let Some(event) = state.idle.pop() {
            drop(state);
            event.set();
        } else if state.threads < state.threads_max {
            state.threads += 1;
            drop(state);
            let shared = self.clone();
            let begun = self.host.spawn("aio", Box::new(move || shared.serve()));
            if begun.is_err() {
                self.state.lock().threads -= 1;
            }
        }
    }

    fn serve(self: &Arc<Self>) {
        let event = self.host.event();
        loop {
            let mut state = self.state.lock();
            if state.is_stopped {
                return;
            }
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                self.run(&job);
                continue;
            }
            state.idle.push(event.clone());
            drop(state);
            event.wait(None);
        }
    }

    fn run(self: &Arc<Self>, job: &Arc<Job>) {
        let Ok(process) = job.process.upgrade() else { return };
        if !job.begin() {
            return;
        }
        loop {
            let registration = self.register(job);
            let answer = process.attempt(job);
            match registration {
                Some(registration) if would_block(&answer) => {
                    if job.wait(registration) {
                        return;
                    }
                }
                _ => return process.finish_job(job, answer),
            }
        }
    }

    /// Lets a request hear of what it may wait for.
    fn register(self: &Arc<Self>, job: &Arc<Job>) -> Option<Registration> {
        let file = job.file.as_ref().filter(|file| !file.is_nonblocking())?;
        let waker = JobWaker { job: Arc::downgrade(job), pool: Arc::downgrade(self) };
        Some(file.object.waiters()?.register(&Waker::from(Arc::new(waker))))
    }
}

fn would_block(answer: &KResult<usize>) -> bool {
    answer.as_ref().is_err_and(|error| error.errno == rump_abi::Errno::EAGAIN)
}

struct JobWaker {
    job: Weak<Job>,
    pool: Weak<Shared>,
}

impl Wake for JobWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let (Some(job), Some(pool)) = (self.job.upgrade(), self.pool.upgrade()) else { return };
        if !job.wake() {
            return;
        }
        let process = job.process.clone();
        pool.enqueue(job);
        if pool.state.lock().threads == 0 {
            // Whoever waits for it does it.
            if let Ok(process) = process.upgrade() {
                process.jobs().done().wake();
            }
        }
    }
}
