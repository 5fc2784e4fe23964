//! A kernel's configuration, and the links that other libraries have.

use rump_capi::component::attached;
use rump_capi::host::Host;
use rump_capi::instance::Instance;
use rump_capi::netconfig::{Configuration, Errno, KError, KResult, NetworkDevice, Open};
use rump_netconfig::{Links, Netconfig, Opened};
use std::any::Any;
use std::sync::Arc;

/// Kinds of interfaces that have a link, with the library that each is in.
const LIBRARIES: &[(&str, &str)] = &[("shmif", "rumpnet_shmif"), ("virt", "rumpnet_virtif")];

/// The links that are linked.
struct Linked(Host);

impl Linked {
    fn find(kind: &str) -> Option<Open> {
        let kinds = attached();
        let mut kinds = kinds.iter().flat_map(|library| library.links);
        kinds.find(|known| known.interfaces == kind).map(|known| known.open)
    }
}

impl Links for Linked {
    fn kinds(&self) -> Vec<&'static str> {
        attached().iter().flat_map(|library| library.links).map(|known| known.interfaces).collect()
    }

    fn is_linked(&self, kind: &str) -> KResult<bool> {
        let known = LIBRARIES.iter().find(|(interfaces, _)| *interfaces == kind);
        match (Self::find(kind), known) {
            (Some(_), _) => Ok(true),
            (None, Some((_, library))) => {
                let text = format!("no interfaces {kind}: lib{library} is not linked");
                self.0.services.write_line(&text);
                Err(KError::new(Errno::EINVAL, text))
            }
            (None, None) => Ok(false),
        }
    }

    fn open(&self, kind: &str, link: &str) -> KResult<Box<dyn Opened>> {
        let open = Self::find(kind).ok_or(Errno::EINVAL)?;
        Ok(Box::new(Device(open(&self.0, link)?)))
    }
}

struct Device(Arc<dyn NetworkDevice>);

impl Opened for Device {
    fn device(&self) -> Arc<dyn NetworkDevice> {
        self.0.clone()
    }

    fn poll(&self) {
        self.0.poll();
    }
}

/// What is kept with a kernel.
struct Kept(Netconfig);

impl Configuration for Kept {
    fn poll(&self) {
        self.0.poll();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The configuration of a kernel, made by the first who asks. Errors: EEXIST (another library keeps one of its own).
pub fn configuration(instance: &Instance) -> KResult<&Netconfig> {
    let make = || -> Box<dyn Configuration> {
        Box::new(Kept(Netconfig::new(instance.kernel(), Box::new(Linked(instance.host().clone())))))
    };
    let kept = instance.configuration(make).as_any().downcast_ref::<Kept>();
    kept.map(|kept| &kept.0).ok_or_else(|| Errno::EEXIST.into())
}
