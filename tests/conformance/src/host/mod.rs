//! A process of the host: a thread with a working directory, a umask and a user of its own.
//!
//! To Linux these are a thread's (`CLONE_FS`, and credentials where libc does not spread them), so that there can be several in
//! one program. Descriptors are shared by all threads; here each process has a table of its own, whose numbers behaviours see.
//! A call that is not answered in time panics, so that whoever wrote the file system sees where it hangs.

mod attributes;
mod content;
mod names;
mod xattrs;

use nix::sched::{CloneFlags, unshare};
use rumpkit::kpi::{Capabilities, KError};
use rumpkit::{Credentials, Errno, Fd, KResult, Mode};
use rustix::fs::{CWD, Gid, OFlags, Uid, open};
use rustix::io::Errno as Host;
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(60);

type Answer<T> = Result<T, Host>;
type Call = Box<dyn FnOnce(&mut Files) + Send>;

/// See the module.
pub struct Process {
    /// None once it has ended.
    calls: Mutex<Option<Sender<Call>>>,
    /// Nothing ever comes, and it is closed when the thread ends.
    ended: Mutex<Receiver<()>>,
    can: Capabilities,
}

impl Process {
    /// The superuser in `folder`, where what is mounted can do this.
    ///
    /// # Errors
    /// Those of entering it.
    pub fn new(folder: &Path, can: Capabilities) -> KResult<Self> {
        let process = begin(can);
        let folder = folder.to_owned();
        process.call(move |_| rustix::process::chdir(folder))?;
        process.umask(Mode::new(0o022));
        Ok(process)
    }

    pub(crate) fn fork(&self) -> Self {
        let can = self.can;
        // A thread begins with what the one has that begins it.
        self.must(move |_| begin(can))
    }

    pub(crate) fn exit(&self) {
        if self.calls.lock().unwrap().take().is_some() {
            // It may hang in a call; then that has been told.
            let _ = self.ended.lock().unwrap().recv_timeout(PATIENCE);
        }
    }

    pub(crate) fn set_credentials(&self, credentials: Credentials) {
        let Credentials { uid, gid, groups } = credentials;
        self.call(move |_| {
            let groups: Vec<Gid> = groups.into_iter().map(Gid::from_raw).collect();
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            set_thread_groups(&groups)?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)
        })
        .unwrap();
    }

    pub(crate) fn capabilities(&self, _path: impl AsRef<[u8]>) -> KResult<Capabilities> {
        Ok(self.can)
    }

    pub(crate) fn umask(&self, mask: Mode) -> Mode {
        Mode::new(self.must(move |_| rustix::process::umask(mode(mask)).bits()))
    }

    pub(crate) fn chdir(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        let path = owned(path);
        self.call(move |_| rustix::process::chdir(path))
    }

    pub(crate) fn getcwd(&self) -> KResult<Vec<u8>> {
        self.call(|_| Ok(rustix::process::getcwd(Vec::new())?.into_bytes()))
    }

    /// Of the file system that it is in: the host has others.
    pub(crate) fn sync(&self) -> KResult<()> {
        self.call(|_| rustix::fs::syncfs(open(".", OFlags::RDONLY | OFlags::CLOEXEC, mode(Mode::new(0)))?))
    }

    /// Makes a call as this process.
    fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Files) -> Answer<T> + Send + 'static,
    ) -> KResult<T> {
        self.must(call).map_err(error)
    }

    fn must<T: Send + 'static>(&self, call: impl FnOnce(&mut Files) -> T + Send + 'static) -> T {
        let (answer, answered) = channel();
        let call = move |files: &mut Files| drop(answer.send(call(files)));
        let calls = self.calls.lock().unwrap().clone().expect("the process has not ended");
        calls.send(Box::new(call)).expect("the thread runs");
        answered.recv_timeout(PATIENCE).expect("an answer in time")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.exit();
    }
}

fn begin(can: Capabilities) -> Process {
    let (calls, called) = channel::<Call>();
    let (end, ended) = channel::<()>();
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_FS).expect("a working directory of its own");
        let mut files = Files::default();
        for call in called {
            call(&mut files);
        }
        drop(files);
        drop(end);
    });
    let process = Process { calls: Mutex::new(Some(calls)), ended: Mutex::new(ended), can };
    // Whoever begins it may change its own place only once this one has what it had.
    process.must(|_| ());
    process
}

/// The descriptors of a process.
#[derive(Default)]
struct Files(BTreeMap<u32, OwnedFd>);

impl Files {
    fn add(&mut self, file: OwnedFd) -> Fd {
        let free = (0..).find(|number| !self.0.contains_key(number)).unwrap_or(u32::MAX);
        self.0.insert(free, file);
        Fd(free)
    }

    fn get(&self, fd: Fd) -> Answer<BorrowedFd<'_>> {
        self.0.get(&fd.0).map(AsFd::as_fd).ok_or(Host::BADF)
    }

    /// Where a path begins.
    fn dir(&self, dir: Option<Fd>) -> Answer<BorrowedFd<'_>> {
        dir.map_or(Ok(CWD), |dir| self.get(dir))
    }
}

fn owned(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    bytes.as_ref().to_vec()
}

fn mode(mode: Mode) -> rustix::fs::Mode {
    rustix::fs::Mode::from_bits_retain(mode.bits())
}

/// The error of the same name. Two of Linux' stand for more than one of ours: the one that file systems mean is chosen.
fn error(host: Host) -> KError {
    let host = nix::errno::Errno::from_raw(host.raw_os_error());
    let name = match host {
        nix::errno::Errno::ENODATA => "ENOATTR".into(),
        nix::errno::Errno::EOPNOTSUPP => "ENOTSUP".into(),
        host => format!("{host:?}"),
    };
    match Errno::ALL.iter().find(|errno| errno.name() == name) {
        Some(errno) => (*errno).into(),
        None => panic!("{name} is none of ours"),
    }
}
