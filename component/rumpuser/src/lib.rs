//! `librumpuser`: the hypercalls. `librump` holds them; programs that name it link.

rump_capi::library!(rump_component_rumpuser, "rumpuser", needs [], |_| vec![]);
