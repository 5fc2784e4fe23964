//! Limits of resources: getrlimit(2), setrlimit(2).
//!
//! Descriptors and the length of files are limited here; the other limits are kept and inherited. Processes that share
//! a table of descriptors share its limit. Who exceeds that of the length of files gets SIGXFSZ.

use crate::{OPEN_MAX, OPEN_MAX_LIMIT, Process};
use core::sync::atomic::{AtomicU64, Ordering};
use rump_abi::{Errno, FileType, Resource, ResourceLimit, Signal};
use rump_kpi::KResult;
use rump_kpi::sync::Mutex;
use rump_vfs::Vnode;

/// The limits of a process.
pub(crate) struct Limits {
    all: Mutex<[ResourceLimit; Resource::ALL.len()]>,
    /// The soft one, for each write.
    file_size: AtomicU64,
}

impl Default for Limits {
    fn default() -> Self {
        let mut all = [ResourceLimit::NONE; Resource::ALL.len()];
        all[Resource::OpenFiles as usize] =
            ResourceLimit { soft: OPEN_MAX.into(), hard: OPEN_MAX_LIMIT.into() };
        Self::new(all)
    }
}

impl Limits {
    fn new(all: [ResourceLimit; Resource::ALL.len()]) -> Self {
        let file_size = AtomicU64::new(all[Resource::FileSize as usize].soft);
        Self { all: Mutex::new(all), file_size }
    }

    /// Those of a child.
    pub(crate) fn inherited(&self) -> Self {
        Self::new(*self.all.lock())
    }
}

impl Process {
    /// How a resource is limited.
    pub fn getrlimit(&self, resource: Resource) -> ResourceLimit {
        let mut limit = self.limits().all.lock()[resource as usize];
        if resource == Resource::OpenFiles {
            limit.soft = self.open_max().into();
        }
        limit
    }

    /// Limits a resource. Descriptors are limited to [`OPEN_MAX_LIMIT`] at most, whatever is asked for; those that are
    /// open stay. Errors: EINVAL (the soft limit above the hard one), EPERM (a higher hard limit, by other than the
    /// superuser).
    pub fn setrlimit(&self, resource: Resource, mut limit: ResourceLimit) -> KResult<()> {
        if limit.soft > limit.hard {
            return Err(Errno::EINVAL.into());
        }
        let mut all = self.limits().all.lock();
        if limit.hard > all[resource as usize].hard && !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        match resource {
            Resource::OpenFiles => {
                let most = |limit: u64| limit.min(OPEN_MAX_LIMIT.into());
                limit = ResourceLimit { soft: most(limit.soft), hard: most(limit.hard) };
                self.descriptors().write().set_limit(limit.soft as u32);
            }
            Resource::FileSize => self.limits().file_size.store(limit.soft, Ordering::Relaxed),
            _ => {}
        }
        all[resource as usize] = limit;
        Ok(())
    }

    /// How many descriptors it may have.
    pub fn open_max(&self) -> u32 {
        self.descriptors().read().limit()
    }

    /// Changes how many descriptors it, and processes that it forks later, may have; those that are open stay. There is
    /// no check: this is the embedder's call. Errors: EINVAL (more than [`OPEN_MAX_LIMIT`]).
    pub fn set_open_max(&self, limit: u32) -> KResult<()> {
        if limit > OPEN_MAX_LIMIT {
            return Err(Errno::EINVAL.into());
        }
        let mut all = self.limits().all.lock();
        let hard = &mut all[Resource::OpenFiles as usize].hard;
        *hard = (*hard).max(limit.into());
        self.descriptors().write().set_limit(limit);
        Ok(())
    }

    /// Where writing to a file ends.
    pub(crate) fn size_limit(&self, vnode: &Vnode) -> u64 {
        match vnode.file_type() {
            FileType::Regular => self.limits().file_size.load(Ordering::Relaxed),
            _ => ResourceLimit::INFINITY,
        }
    }

    /// Checks that a file may get as long as `end`. Errors: EFBIG, those of the driver.
    pub(crate) fn check_size_limit(&self, vnode: &Vnode, end: u64) -> KResult<()> {
        if end > self.size_limit(vnode) && end > vnode.node()?.attr()?.size {
            self.post_to_caller(Signal::SIGXFSZ);
            return Err(Errno::EFBIG.into());
        }
        Ok(())
    }
}
