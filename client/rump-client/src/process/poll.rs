//! poll(2), select(2), and with a mask of signals, which the server does not look at, `ppoll` and `pselect`.

use super::RemoteProcess;
use super::request::{length, request};
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::{__POLLTS50, __PSELECT50};
use rump_abi::netbsd::poll::{Pollfd, fd_set, fd_set_members};
use rump_abi::{PollEvents, SignalSet};
use rump_kern::{Fd, FdSet, PollFd};
use rump_kpi::KResult;
use std::time::Duration;

impl RemoteProcess {
    /// As [`Process::poll`](rump_kern::Process::poll).
    pub fn poll(&self, fds: &mut [PollFd], timeout: Option<Duration>) -> KResult<usize> {
        self.ppoll(fds, timeout, None)
    }

    /// As [`Process::ppoll`](rump_kern::Process::ppoll), but that no signal ends it.
    pub fn ppoll(
        &self,
        fds: &mut [PollFd],
        timeout: Option<Duration>,
        mask: Option<SignalSet>,
    ) -> KResult<usize> {
        let entry = |fd: &PollFd| Pollfd {
            fd: fd.fd.and_then(|fd| i32::try_from(fd.0).ok()).unwrap_or(-1),
            events: fd.events.bits(),
            revents: 0,
        };
        let mut bytes: Vec<u8> = fds.iter().flat_map(|fd| entry(fd).to_bytes()).collect();
        let (timeout, mask) = (timeout.map(length), mask.map(|mask| mask.to_bytes()));
        let request = request(__POLLTS50).write(&mut bytes).with(fds.len());
        let count = self.count(request.read_if(timeout.as_ref()).read_if(mask.as_ref()), fds.len())?;
        for (fd, bytes) in fds.iter_mut().zip(bytes.chunks_exact(Pollfd::SIZE)) {
            let found = Pollfd::read(bytes).ok_or_else(malformed)?;
            fd.revents = PollEvents::from_bits_truncate(found.revents);
        }
        Ok(count)
    }

    /// As [`Process::select`](rump_kern::Process::select).
    pub fn select(
        &self,
        read: &mut FdSet,
        write: &mut FdSet,
        except: &mut FdSet,
        timeout: Option<Duration>,
    ) -> KResult<usize> {
        self.pselect([read, write, except], timeout, None)
    }

    /// As [`Process::pselect`](rump_kern::Process::pselect), but that no signal ends it.
    pub fn pselect(
        &self,
        sets: [&mut FdSet; 3],
        timeout: Option<Duration>,
        mask: Option<SignalSet>,
    ) -> KResult<usize> {
        let last = sets.iter().flat_map(|set| set.iter()).map(|fd| fd.0).max();
        let room = last.map_or(0, |last| last as usize + 1);
        let [mut read, mut write, mut except] =
            sets.each_ref().map(|set| fd_set(set.iter().map(|fd| fd.0), room));
        let (timeout, mask) = (timeout.map(length), mask.map(|mask| mask.to_bytes()));
        let request = request(__PSELECT50).with(room).write(&mut read).write(&mut write).write(&mut except);
        let request = request.read_if(timeout.as_ref()).read_if(mask.as_ref());
        let count = self.count(request, room.saturating_mul(sets.len()))?;
        for (set, bytes) in sets.into_iter().zip([read, write, except]) {
            *set = fd_set_members(&bytes, room).map(Fd).collect();
        }
        Ok(count)
    }
}
