//! The simulated host keeps the contract of every host.

use rump_host_sim::{SimHost, suite};
use rump_hyper::Hypervisor;
use std::sync::Arc;

struct Simulated(Arc<SimHost>);

impl suite::Harness for Simulated {
    fn host(&self) -> Arc<dyn Hypervisor> {
        self.0.clone()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let path = format!("/sim/{name}");
        self.0.add_file(&path, bytes);
        path.into()
    }

    fn folder(&self, name: &str) -> Vec<u8> {
        let path = format!("/sim/{name}");
        self.0.add_dir(&path);
        path.into()
    }

    fn link(&self, name: &str, target: &[u8]) -> Vec<u8> {
        let path = format!("/sim/{name}");
        self.0.add_symlink(&path, target);
        path.into()
    }
}

#[test]
fn the_simulated_host_passes_the_suite_of_hosts() {
    suite::run(&Simulated(SimHost::new(1)));
}

#[test]
fn the_simulated_host_passes_the_suite_of_sockets() {
    rump_host_sim::socket_suite::run(&*SimHost::new(1));
}
