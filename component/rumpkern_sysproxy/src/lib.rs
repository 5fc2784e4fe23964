//! `librumpkern_sysproxy`: a kernel answers remote clients. It is part of no program that has not [`rump_init_server`].

mod server;

pub use server::rump_init_server;

rump_capi::library!(rump_component_rumpkern_sysproxy, "rumpkern_sysproxy", needs[], |_| vec![]);
