//! `librumpnet_shmif`: interfaces on a bus of shared memory.

rump_capi::library!(
    rump_component_rumpnet_shmif,
    "rumpnet_shmif",
    needs[librumpnet_net::rump_component_rumpnet_net],
    |_| vec![]
);
