//! A kernel with a server, a process of it that is here and one that is a client.

use rump_client::{Connection, RemoteProcess};
use rump_kern::Process;
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
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The same expression for both processes, whose answers are the same, errors by their numbers. Answers the one from here.
#[macro_export]
macro_rules! same {
    ($rig:expr, |$process:ident| $call:expr) => {{
        let here = {
            let $process = &$rig.here;
            $call.map_err(|error| error.errno)
        };
        let there = {
            let $process = &$rig.there;
            $call.map_err(|error| error.errno)
        };
        assert_eq!(there, here, "{}", stringify!($call));
        here
    }};
}
