//! `librumpdev`: the faction of devices, which has nothing of its own.

rump_capi::library!(rump_component_rumpdev, "rumpdev", needs [], |_| vec![]);
