//! The POSIX host keeps the contract of every host.

use rump_host_posix::PosixHost;
use rump_host_sim::suite;
use rump_hyper::Hypervisor;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;

/// A folder of its own, removed at the end.
struct Posix(PathBuf);

impl suite::Harness for Posix {
    fn host(&self) -> Arc<dyn Hypervisor> {
        PosixHost::new()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.into_os_string().into_vec()
    }

    fn folder(&self, name: &str) -> Vec<u8> {
        let path = self.0.join(name);
        std::fs::create_dir(&path).unwrap();
        path.into_os_string().into_vec()
    }

    fn link(&self, name: &str, target: &[u8]) -> Vec<u8> {
        let path = self.0.join(name);
        std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), &path).unwrap();
        path.into_os_string().into_vec()
    }
}

impl Drop for Posix {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_posix_host_passes_the_suite_of_hosts() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("suite-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    suite::run(&Posix(folder));
}

#[cfg(target_os = "linux")]
#[test]
fn the_posix_host_passes_the_suite_of_sockets() {
    rump_host_sim::socket_suite::run(&*PosixHost::new());
}
