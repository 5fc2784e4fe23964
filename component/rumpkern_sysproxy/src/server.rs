//! Serving clients beside local callers: `rump_init_server`. Each kernel has one server, which listens in any number of places.
//!
//! What is listened at ends with the kernel, or with the process. Locks: [`SERVERS`], which is held while servers end.

use rump_capi::instance::Instance;
use rump_capi::netconfig::{Errno, KError, KResult, instance, of_host, status, string};
use rump_sysproxy::seal::Key;
use rump_sysproxy::server::{Limits, Server};
use rump_sysproxy::url::Url;
use std::ffi::{c_char, c_int};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Those of this process, to end with it.
static SERVERS: Mutex<Vec<Weak<Server>>> = Mutex::new(Vec::new());

/// The process whose they are.
static OWNER: AtomicU32 = AtomicU32::new(0);

/// The file of the key that clients over a network have to know.
const KEY: &str = "RUMP_SERVER_KEY";

/// # Safety
/// As `rump_capi::netconfig::string` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_init_server(url: *const c_char) -> c_int {
    let begin = || {
        let instance = instance()?;
        instance.kernel().check_running()?;
        // SAFETY: the interface's.
        let url = unsafe { string(url) }?;
        let listening = listen(&instance, url);
        listening.inspect_err(|error| {
            let url = String::from_utf8_lossy(url);
            instance.host().services.write_line(&format!("rump: no clients at {url}: {error}"));
        })
    };
    status(begin())
}

fn listen(instance: &Instance, url: &[u8]) -> KResult<()> {
    let invalid = |why: String| KError::new(Errno::EINVAL, why);
    let url = std::str::from_utf8(url).map_err(|error| invalid(error.to_string()))?;
    let cwd = std::env::current_dir().unwrap_or_default();
    let url = Url::parse(url, &cwd).map_err(|error| invalid(error.to_string()))?;
    let key = std::env::var_os(KEY).filter(|_| matches!(url, Url::Tcp(_)));
    let key = key.map(|path| {
        let key = Key::from_file(Path::new(&path));
        key.map_err(|error| invalid(format!("the key {}: {error}", Path::new(&path).display())))
    });
    let server = instance.server(|| begin(instance))?;
    server.listen_with(&url, key.transpose()?).map(drop).map_err(|error| {
        let errno = error.raw_os_error().and_then(of_host).unwrap_or(match error.kind() {
            ErrorKind::AddrInUse => Errno::EADDRINUSE,
            ErrorKind::PermissionDenied => Errno::EACCES,
            _ => Errno::EIO,
        });
        KError::new(errno, error.to_string())
    })
}

/// The server of a kernel, which is to end with the process as well.
fn begin(instance: &Instance) -> KResult<Arc<Server>> {
    let server = Arc::new(Server::new(instance.kernel().clone(), Limits::default())?);
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    servers.retain(|other| other.strong_count() > 0);
    servers.push(Arc::downgrade(&server));
    if OWNER.swap(std::process::id(), Ordering::SeqCst) == 0 {
        // SAFETY: a function that stays. Without room for it, sockets stay as those of a process that is killed do.
        unsafe { libc::atexit(end) };
    }
    Ok(server)
}

/// Takes away what is listened at. A child of the process has copies, and leaves alone what they stand for.
extern "C" fn end() {
    if OWNER.load(Ordering::SeqCst) != std::process::id() {
        return;
    }
    let servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    servers.iter().filter_map(Weak::upgrade).for_each(|server| server.close());
}
