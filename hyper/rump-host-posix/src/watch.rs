//! Waiting for what other processes do to a file or a word of it.
//!
//! Linux tells of writes to a file by inotify, and of words by futexes, here those that are not private to a process.
//! Other hosts look again every 10 ms.

#[cfg(target_os = "linux")]
pub use linux::{of_file, wait_for_word, wake_word};
#[cfg(not(target_os = "linux"))]
pub use polling::{of_file, wait_for_word, wake_word};

#[cfg(target_os = "linux")]
mod linux {
    use rump_hyper::Watch;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify;
    use rustix::thread::futex;
    use std::fs::File;
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::path::Path;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    fn timespec(duration: Duration) -> Timespec {
        let tv_sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Timespec { tv_sec, tv_nsec: duration.subsec_nanos().into() }
    }

    /// See [`rump_hyper::SharedMemory::wait`].
    pub fn wait_for_word(word: &AtomicU32, expected: u32, timeout: Duration) {
        // Whatever ends the wait, the caller looks again.
        let _ = futex::wait(word, futex::Flags::empty(), expected, Some(&timespec(timeout)));
    }

    /// See [`rump_hyper::SharedMemory::wake`].
    pub fn wake_word(word: &AtomicU32) {
        let _ = futex::wake(word, futex::Flags::empty(), i32::MAX as u32);
    }

    /// Tells of writes to the file; `path` is where it is if there is no /proc.
    pub fn of_file(file: &File, path: &Path) -> io::Result<Box<dyn Watch>> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let watcher = inotify::init(flags)?;
        let own = format!("/proc/self/fd/{}", file.as_raw_fd());
        let what = inotify::WatchFlags::MODIFY;
        inotify::add_watch(&watcher, own.as_str(), what)
            .or_else(|_| inotify::add_watch(&watcher, path, what))?;
        Ok(Box::new(Modifications(watcher)))
    }

    struct Modifications(OwnedFd);

    impl Watch for Modifications {
        fn wait(&self, timeout: Duration) {
            let mut watched = [PollFd::new(&self.0, PollFlags::IN)];
            let mut events = [0; 4096];
            if poll(&mut watched, Some(&timespec(timeout))).is_ok_and(|ready| ready > 0) {
                // Same events in a row are one, so that this reads all there are in nearly every case; what is left
                // ends the next wait at once.
                let _ = rustix::io::read(&self.0, &mut events);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod polling {
    use rump_hyper::Watch;
    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    const INTERVAL: Duration = Duration::from_millis(10);

    /// See [`rump_hyper::SharedMemory::wait`].
    pub fn wait_for_word(word: &AtomicU32, expected: u32, timeout: Duration) {
        if word.load(Ordering::Acquire) == expected {
            std::thread::sleep(INTERVAL.min(timeout));
        }
    }

    /// Those who wait look again by themselves.
    pub fn wake_word(_word: &AtomicU32) {}

    /// Ends each wait after a while.
    pub fn of_file(_file: &File, _path: &Path) -> io::Result<Box<dyn Watch>> {
        Ok(Box::new(Interval))
    }

    struct Interval;

    impl Watch for Interval {
        fn wait(&self, timeout: Duration) {
            std::thread::sleep(INTERVAL.min(timeout));
        }
    }
}
