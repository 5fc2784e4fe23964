//! A kernel with a server, a process of it that is here and one that is a client.

use rump_abi::{Errno, Mode};
use rump_client::{Connection, RemoteProcess};
use rump_kern::Process;
use rump_kpi::KResult;
use rump_sysproxy::server::{Limits, Server};
use rump_sysproxy::url::Url;
use rumpkit::PosixHost;
use rumpkit::net::Netconfig;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub struct Rig {
    pub here: Process,
    pub there: RemoteProcess,
    /// A folder that goes with it.
    pub folder: PathBuf,
    _server: Server,
    _configuration: Netconfig,
}

impl Rig {
    pub fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("rump-client-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let kernel = rumpkit::kernel(PosixHost::new()).unwrap();
        let configuration = Netconfig::for_programs(&kernel);
        let server = Server::new(kernel.clone(), Limits::default()).unwrap();
        let url = server.listen(&Url::parse("unix://sock", &folder).unwrap()).unwrap();
        let connection = Connection::new(url, "test", |_| {}).unwrap();
        let there = RemoteProcess::new(Arc::new(connection));
        Self { here: kernel.init().fork(), there, folder, _server: server, _configuration: configuration }
    }

    /// Each process in a directory of its own.
    pub fn apart() -> Self {
        let rig = Self::new();
        for name in ["/here", "/there"] {
            rig.here.mkdir(name, Mode::new(0o755)).unwrap();
        }
        rig.here.chdir("/here").unwrap();
        rig.there.chdir("/there").unwrap();
        rig
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What a call answers, errors by their numbers.
pub fn number<T>(call: impl FnOnce() -> KResult<T>) -> Result<T, Errno> {
    call().map_err(|error| error.errno)
}

/// The same expression for both processes, whose answers are the same, errors by their numbers. Answers the one from here.
#[macro_export]
macro_rules! same {
    ($rig:expr, |$process:ident| $call:expr) => {{
        let here = {
            let $process = &$rig.here;
            $crate::rig::number(|| $call)
        };
        let there = {
            let $process = &$rig.there;
            $crate::rig::number(|| $call)
        };
        assert_eq!(there, here, "{}", stringify!($call));
        here
    }};
}
