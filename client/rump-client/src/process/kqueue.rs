//! kqueue(2), kevent(2).

use super::RemoteProcess;
use super::request::{length, request};
use crate::connection::malformed;
use rump_abi::event::Event;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::event::Kevent;
use rump_abi::netbsd::numbers::{__KEVENT50, KQUEUE};
use rump_kern::Fd;
use rump_kpi::KResult;
use std::time::Duration;

/// Events that one call answers at most.
const EVENTS_MAX: usize = 1 << 14;

impl RemoteProcess {
    /// As [`Process::kqueue`](rump_kern::Process::kqueue).
    pub fn kqueue(&self) -> KResult<Fd> {
        self.descriptor(request(KQUEUE))
    }

    /// As [`Process::kevent`](rump_kern::Process::kevent). Errors: EINVAL as well (more than 16384 changes).
    pub fn kevent(
        &self,
        fd: Fd,
        changes: &[Event],
        max: usize,
        timeout: Option<Duration>,
    ) -> KResult<Vec<Event>> {
        let max = max.min(EVENTS_MAX);
        let given: Vec<u8> = changes.iter().flat_map(|event| Kevent::from(*event).to_bytes()).collect();
        let (mut found, timeout) = (vec![0; max * Kevent::SIZE], timeout.map(length));
        let request = request(__KEVENT50).with(fd).read(&given).with(changes.len());
        let request = request.write(&mut found).with(max).read_if(timeout.as_ref());
        let count = self.count(request, max)?;
        let events = found.chunks_exact(Kevent::SIZE).take(count);
        events
            .map(|bytes| Kevent::read(bytes).and_then(|event| event.event()).ok_or_else(malformed))
            .collect()
    }
}
