//! Configuration by the names of interfaces, call by call as NetBSD's rump kernels have it, with all links.

use super::NetworkDevice;
use super::link::{self, Link};
use crate::hyper::Hypervisor;
use crate::kpi::link::LinkedInterfaces;
use crate::{Errno, KError, KResult, Kernel};
use rump_netconfig::{Links, Opened};
use std::ops::Deref;
use std::sync::Arc;

/// Interfaces that have a link, and what its text means.
const LINKED: &[(&str, &str)] = &[("shmif", "shmif"), ("lanes", "lanes"), ("virt", "tap")];

/// See [`rump_netconfig::Netconfig`], which has the calls. The link of an interface may be any [`Link`] with its word before
/// it.
pub struct Netconfig(Arc<rump_netconfig::Netconfig>);

impl Netconfig {
    /// The configuration of a kernel.
    pub fn new(kernel: &Kernel) -> Self {
        Self(Arc::new(rump_netconfig::Netconfig::new(kernel, Box::new(AllLinks(kernel.host().clone())))))
    }

    /// The same, which programs of the kernel reach as well, by requests of `ioctl`, as long as this is not dropped.
    pub fn for_programs(kernel: &Kernel) -> Self {
        let configuration = Self::new(kernel);
        let linked: Arc<dyn LinkedInterfaces> = configuration.0.clone();
        kernel.set_linked_interfaces(Arc::downgrade(&linked));
        configuration
    }
}

impl Deref for Netconfig {
    type Target = rump_netconfig::Netconfig;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

struct AllLinks(Arc<dyn Hypervisor>);

impl Links for AllLinks {
    fn kinds(&self) -> Vec<&'static str> {
        LINKED.iter().map(|(kind, _)| *kind).collect()
    }

    fn is_linked(&self, kind: &str) -> KResult<bool> {
        Ok(LINKED.iter().any(|(linked, _)| *linked == kind))
    }

    fn open(&self, kind: &str, text: &str) -> KResult<Box<dyn Opened>> {
        let by_kind = || {
            let word = LINKED.iter().find(|(linked, _)| *linked == kind).map_or("", |(_, word)| word);
            format!("{word}:{text}").parse()
        };
        let link: Link = text
            .parse()
            .or_else(|_| by_kind())
            .map_err(|error: link::ParseError| KError::new(Errno::EINVAL, error.to_string()))?;
        let opened = link
            .open(&self.0)
            .map_err(|error| KError::new(super::errno(&error).unwrap_or(Errno::EIO), error.to_string()))?;
        Ok(Box::new(opened))
    }
}

impl Opened for link::Opened {
    fn device(&self) -> Arc<dyn NetworkDevice> {
        Self::device(self)
    }

    fn begin(&self) {
        Self::begin(self);
    }
}
