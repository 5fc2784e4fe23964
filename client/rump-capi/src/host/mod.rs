//! What carries kernels: this process, or somebody's callbacks.

mod adapter;
mod callbacks;
mod files;
mod packets;

pub(crate) use callbacks::RumpHost;

use crate::errno;
use crate::instance::Instance;
use adapter::CallbackHost;
use libc::c_int;
use rump_abi::Errno;
#[cfg(feature = "posix")]
use rump_host_posix::PosixHost;
use rump_hyper::packet::PacketIo;
use rump_hyper::socket::HostSockets;
use rump_hyper::{HostResult, Hypervisor};
#[cfg(not(feature = "posix"))]
use rump_kpi::KError;
use rump_kpi::KResult;
use std::sync::{Arc, Mutex, PoisonError};

/// A host of kernels.
#[derive(Clone)]
pub struct Host {
    /// Its services.
    pub services: Arc<dyn Hypervisor>,
    /// The host, if it is this process.
    #[cfg(feature = "posix")]
    pub posix: Option<Arc<PosixHost>>,
    callbacks: Option<Arc<CallbackHost>>,
}

/// What `rump_init` takes, if somebody chose one.
static CHOSEN: Mutex<Option<Arc<CallbackHost>>> = Mutex::new(None);

impl Host {
    /// Its sockets, if it has any that kernels may use.
    pub fn sockets(&self) -> Option<Arc<dyn HostSockets>> {
        #[cfg(feature = "posix")]
        return self.posix.clone().map(|posix| posix as Arc<dyn HostSockets>);
        #[cfg(not(feature = "posix"))]
        None
    }

    /// An end of a network: a tap of this process's host by its name, or what the callbacks have. Errors: those of the host,
    /// ENOSYS (it has none).
    pub fn open_packets(&self, name: &str) -> HostResult<Arc<dyn PacketIo>> {
        if let Some(callbacks) = &self.callbacks {
            return packets::open(callbacks, name);
        }
        #[cfg(feature = "posix")]
        return rump_host_posix::tun::open(&rump_host_posix::tun::Options::tap(name));
        #[cfg(not(feature = "posix"))]
        Err(Errno::ENOSYS.into())
    }

    /// The host that a kernel gets when nobody chose one for it. Errors: ENOSYS (there is none).
    pub(crate) fn default_host() -> KResult<Self> {
        match CHOSEN.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Some(callbacks) => Ok(Self::of_callbacks(callbacks)),
            None => Self::of_process(),
        }
    }

    #[cfg(feature = "posix")]
    #[allow(clippy::unnecessary_wraps)]
    fn of_process() -> KResult<Self> {
        let posix = PosixHost::new();
        Ok(Self { services: posix.clone(), posix: Some(posix), callbacks: None })
    }

    #[cfg(not(feature = "posix"))]
    fn of_process() -> KResult<Self> {
        let text = "rump: no host of kernels is linked: call rump_host_set before rump_init";
        // There is no other console yet.
        eprintln!("{text}");
        Err(KError::new(Errno::ENOSYS, text))
    }

    fn of_callbacks(callbacks: Arc<CallbackHost>) -> Self {
        Self {
            services: callbacks.clone(),
            #[cfg(feature = "posix")]
            posix: None,
            callbacks: Some(callbacks),
        }
    }

    /// Lets it drive a kernel where no thread does.
    pub(crate) fn carry(&self, instance: &Arc<Instance>) {
        if let Some(callbacks) = &self.callbacks {
            callbacks.carry(instance);
        }
    }
}

/// The host of a kernel that is created: null stands for the one of `rump_init`. Errors: those of [`CallbackHost::new`],
/// ENOSYS (there is none).
///
/// # Safety
/// As `rump_host.h` says.
pub(crate) unsafe fn chosen(table: *const RumpHost) -> KResult<Host> {
    if table.is_null() {
        return Host::default_host();
    }
    // SAFETY: the caller's promise.
    Ok(Host::of_callbacks(unsafe { CallbackHost::new(table) }?))
}

/// # Safety
/// As `rump_host.h` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_host_set(table: *const RumpHost) -> c_int {
    let set = || {
        if Instance::classic().is_ok() {
            return Err(Errno::EBUSY.into());
        }
        // SAFETY: the interface's.
        let host = if table.is_null() { None } else { Some(unsafe { CallbackHost::new(table) }?) };
        *CHOSEN.lock().unwrap_or_else(PoisonError::into_inner) = host;
        Ok(())
    };
    errno::status(set())
}

/// Does what threads of the kernel would do; answers nanoseconds until there is more, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn rump_host_poll() -> i64 {
    match crate::lwp::instance() {
        Ok(instance) => instance.poll().map_or(-1, |due| i64::try_from(due.as_nanos()).unwrap_or(i64::MAX)),
        Err(_) => -1,
    }
}

/// What a callback answered: an error number of the host.
fn check(number: c_int, what: impl FnOnce() -> String) -> HostResult<()> {
    let Some(errno) = errno::of_host(number) else { return Ok(()) };
    Err(rump_hyper::HostError { errno, what: format!("{}: {errno}", what()) })
}

/// A callback that the host does not have.
struct Missing(&'static str);

impl From<Missing> for rump_hyper::HostError {
    fn from(Missing(what): Missing) -> Self {
        Self { errno: Errno::ENOSYS, what: format!("the host has no {what}") }
    }
}
