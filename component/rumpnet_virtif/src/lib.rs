//! `librumpnet_virtif`: interfaces whose other end is a tap of the host.

use rump_capi::host::Host;
use rump_capi::netconfig::{KError, KResult, LinkKind, NetworkDevice};
use rumpnet_virtif::VirtIf;
use std::sync::Arc;

rump_capi::library!(
    rump_component_rumpnet_virtif,
    "rumpnet_virtif",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![],
    links & [LinkKind { interfaces: "virt", open: |host, name| open(host, name) }]
);

fn open(host: &Host, name: &str) -> KResult<Arc<dyn NetworkDevice>> {
    let end = host.open_packets(name).map_err(|error| KError::new(error.errno, error.what))?;
    Ok(VirtIf::new(host.services.clone(), end))
}
