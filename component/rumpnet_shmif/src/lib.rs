//! `librumpnet_shmif`: interfaces on a bus of shared memory.

mod create;

use rump_capi::host::Host;
use rump_capi::netconfig::{KResult, LinkKind, NetworkDevice};
use rumpnet_shmif::{Bus, Options};
use std::sync::Arc;

rump_capi::library!(
    rump_component_rumpnet_shmif,
    "rumpnet_shmif",
    needs[
        librumpnet_config::rump_component_rumpnet_config,
        librumpnet_net::rump_component_rumpnet_net
    ],
    |_| vec![],
    links & [LinkKind { interfaces: "shmif", open: |host, path| open(host, path) }]
);

fn open(host: &Host, path: &str) -> KResult<Arc<dyn NetworkDevice>> {
    Ok(Bus::open(host.services.clone(), path.as_bytes(), &Options::default())?)
}
