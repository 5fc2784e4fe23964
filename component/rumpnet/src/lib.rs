//! `librumpnet`: the faction of networks, which has nothing of its own: sockets are in `librump`.

rump_capi::library!(rump_component_rumpnet, "rumpnet", needs [], |_| vec![]);
