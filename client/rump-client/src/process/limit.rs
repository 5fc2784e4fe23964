//! getrlimit(2), setrlimit(2).

use super::RemoteProcess;
use super::request::{request, room, told};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::limit::Rlimit;
use rump_abi::netbsd::numbers::{GETRLIMIT, SETRLIMIT};
use rump_abi::{Resource, ResourceLimit};
use rump_kpi::KResult;

fn number(resource: Resource) -> usize {
    Resource::ALL.iter().take_while(|known| **known != resource).count()
}

impl RemoteProcess {
    /// As [`Process::getrlimit`](rump_kern::Process::getrlimit).
    pub fn getrlimit(&self, resource: Resource) -> KResult<ResourceLimit> {
        let mut place = room::<Rlimit>();
        self.run(request(GETRLIMIT).with(number(resource)).write(&mut place))?;
        told::<Rlimit>(&place).map(ResourceLimit::from)
    }

    /// As [`Process::setrlimit`](rump_kern::Process::setrlimit).
    pub fn setrlimit(&self, resource: Resource, limit: ResourceLimit) -> KResult<()> {
        let limit = Rlimit::from(limit).to_bytes();
        self.run(request(SETRLIMIT).with(number(resource)).read(&limit))
    }
}
