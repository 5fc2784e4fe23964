//! What is said before the classic kernel boots: how, with which files of the host, in the background.

use crate::errno;
use crate::etfs::{self, RumpEtfsType};
use crate::instance::Instance;
use crate::layout::{layout, signal};
use libc::{c_char, c_int};
use rump_abi::Errno;
use rump_kern::{BootMessages, Kernel, SignalModel};
use rump_kpi::KResult;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const RUMP_AB_QUIET: c_int = 0x10000;
const RUMP_AB_VERBOSE: c_int = 0x20000;
const RUMP_AB_SILENT: c_int = 0x40000;
const RUMP_AB_DEBUG: c_int = 0x80000;

static HOWTO: AtomicI32 = AtomicI32::new(0);

/// What a kernel that boots tells.
pub(crate) fn messages() -> BootMessages {
    let howto = HOWTO.load(Ordering::Relaxed);
    match howto {
        _ if howto & (RUMP_AB_VERBOSE | RUMP_AB_DEBUG) != 0 => BootMessages::All,
        _ if howto & (RUMP_AB_QUIET | RUMP_AB_SILENT) != 0 => BootMessages::None,
        _ => BootMessages::AsParameter,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_boot_gethowto() -> c_int {
    HOWTO.load(Ordering::Relaxed)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_boot_sethowto(howto: c_int) {
    HOWTO.store(howto, Ordering::Relaxed);
}

/// `enum rump_sigmodel`.
static SIGNALS: AtomicI32 = AtomicI32::new(RUMP_SIGMODEL_RAISE);

const RUMP_SIGMODEL_PANIC: c_int = 0;
const RUMP_SIGMODEL_HOST: c_int = 2;
const RUMP_SIGMODEL_RAISE: c_int = 3;
const RUMP_SIGMODEL_RECORD: c_int = 4;

/// What becomes of signals in kernels that boot.
pub(crate) fn signals() -> SignalModel {
    match SIGNALS.load(Ordering::Relaxed) {
        RUMP_SIGMODEL_PANIC => SignalModel::Raise(Arc::new(|pid, signal| {
            // It is the program's own choice to end with it.
            eprintln!("panic: signal {} for process {pid}", signal.number());
            std::process::abort();
        })),
        // What was once left to the host is, too.
        RUMP_SIGMODEL_HOST | RUMP_SIGMODEL_RAISE => {
            SignalModel::Raise(Arc::new(|_, signal| signal::raise(signal)))
        }
        RUMP_SIGMODEL_RECORD => SignalModel::Record,
        _ => SignalModel::Ignore,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_boot_setsigmodel(model: c_int) {
    SIGNALS.store(model, Ordering::Relaxed);
}

/// `struct rump_boot_etfs`.
#[repr(C)]
pub struct RumpBootEtfs {
    eb_key: *const c_char,
    eb_hostpath: *const c_char,
    eb_type: RumpEtfsType,
    eb_begin: u64,
    eb_size: u64,
    _eb_next: *mut RumpBootEtfs,
    eb_status: c_int,
}

layout!(
    RumpBootEtfs,
    56,
    eb_key = 0,
    eb_hostpath = 8,
    eb_type = 16,
    eb_begin = 24,
    eb_size = 32,
    _eb_next = 40,
    eb_status = 48
);

/// What is to be registered, which the client keeps until the kernel has booted.
struct Registrations(Vec<*mut RumpBootEtfs>);

// SAFETY: whoever registers something leaves it alone until the kernel, on whatever thread, has booted.
unsafe impl Send for Registrations {}

static REGISTRATIONS: Mutex<Registrations> = Mutex::new(Registrations(Vec::new()));

/// # Safety
/// It is null, or stays where it is until the kernel has booted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_boot_etfs_register(registration: *mut RumpBootEtfs) {
    if registration.is_null() {
        return;
    }
    let status = if Instance::classic().is_ok() { libc::EALREADY } else { -1 };
    // SAFETY: the interface's.
    unsafe { (*registration).eb_status = status };
    if status < 0 {
        REGISTRATIONS.lock().unwrap_or_else(PoisonError::into_inner).0.push(registration);
    }
}

/// Registers what was said; each gets its status.
pub(crate) fn register_all(kernel: &Kernel) {
    let all = std::mem::take(&mut REGISTRATIONS.lock().unwrap_or_else(PoisonError::into_inner).0);
    for registration in all {
        // SAFETY: as `rump_boot_etfs_register` says, nobody else has it now.
        let registration = unsafe { &mut *registration };
        let &mut RumpBootEtfs { eb_key, eb_hostpath, eb_type, eb_begin, eb_size, .. } = registration;
        let range = Some((eb_begin, eb_size)).filter(|_| !eb_type.is_folder());
        // SAFETY: the interface's.
        let result = unsafe { etfs::register(kernel, eb_key, eb_hostpath, eb_type, range) };
        registration.eb_status = errno::status(result);
    }
}

/// The end of the pipe that the parent waits at; none: -1.
static STATUS: AtomicI32 = AtomicI32::new(-1);

#[unsafe(no_mangle)]
pub extern "C" fn rump_daemonize_begin() -> c_int {
    errno::status(begin())
}

fn begin() -> KResult<()> {
    if Instance::is_any() || STATUS.load(Ordering::Acquire) >= 0 {
        return Err(Errno::EALREADY.into());
    }
    let mut ends = [-1; 2];
    // SAFETY: there is room for two.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return Err(Errno::EMFILE.into());
    }
    let [status, to_parent] = ends;
    // SAFETY: no thread of ours runs yet; what the client's do is the client's.
    match unsafe { libc::fork() } {
        -1 => {
            close(status);
            close(to_parent);
            Err(Errno::EAGAIN.into())
        }
        0 => {
            close(status);
            // SAFETY: numbers alone.
            unsafe {
                libc::fcntl(to_parent, libc::F_SETFD, libc::FD_CLOEXEC);
                libc::setsid();
            }
            STATUS.store(to_parent, Ordering::Release);
            Ok(())
        }
        _ => {
            close(to_parent);
            wait_for(status)
        }
    }
}

/// Ends the parent with what the child says; one that dies before has failed.
fn wait_for(status: c_int) -> ! {
    let mut number = [0; size_of::<c_int>()];
    let code = loop {
        // SAFETY: there is room for a number.
        match unsafe { libc::read(status, number.as_mut_ptr().cast(), number.len()) } {
            4 => break c_int::from_ne_bytes(number),
            -1 if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => break 1,
        }
    };
    // SAFETY: what the program wants done at its end is the child's.
    unsafe { libc::_exit(code) }
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_daemonize_done(status: c_int) -> c_int {
    let to_parent = STATUS.swap(-1, Ordering::AcqRel);
    if to_parent < 0 {
        return libc::EINVAL;
    }
    if status == 0 {
        leave_terminal();
    }
    let number = status.to_ne_bytes();
    // SAFETY: the bytes are there. A parent that is gone needs no answer, and its absence is no reason to die.
    unsafe {
        let before = libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::write(to_parent, number.as_ptr().cast(), number.len());
        libc::signal(libc::SIGPIPE, before);
    }
    close(to_parent);
    0
}

/// Standard input, output and error are nowhere from now on.
fn leave_terminal() {
    // SAFETY: a string and numbers.
    unsafe {
        let nowhere = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        if nowhere >= 0 {
            (0..=2).for_each(|fd| {
                libc::dup2(nowhere, fd);
            });
            if nowhere > 2 {
                libc::close(nowhere);
            }
        }
    }
}

fn close(fd: c_int) {
    // SAFETY: a number that is ours.
    unsafe { libc::close(fd) };
}
