//! The calls beneath sem_init(3) and sem_open(3).

use super::RemoteProcess;
use super::request::{request, room, text, told};
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::time::Timespec;
use rump_abi::{Errno, Mode, OpenFlags, TimeSpec};
use rump_kern::{SemaphoreId, Sharing};
use rump_kpi::{KError, KResult};

/// Errors: EIO.
fn semaphore(place: &[u8]) -> KResult<SemaphoreId> {
    u32::try_from(told::<u64>(place)?).map(SemaphoreId).map_err(|_| malformed())
}

macro_rules! of_one {
    ($($(#[$meta:meta])* $name:ident $number:ident,)*) => {
        impl RemoteProcess {$(
            $(#[$meta])*
            pub fn $name(&self, semaphore: SemaphoreId) -> KResult<()> {
                self.run(request($number).with(semaphore.0))
            }
        )*}
    };
}

of_one! {
    /// As [`Process::ksem_close`](rump_kern::Process::ksem_close).
    ksem_close _KSEM_CLOSE,
    /// As [`Process::ksem_post`](rump_kern::Process::ksem_post).
    ksem_post _KSEM_POST,
    /// As [`Process::ksem_wait`](rump_kern::Process::ksem_wait).
    ksem_wait _KSEM_WAIT,
    /// As [`Process::ksem_trywait`](rump_kern::Process::ksem_trywait).
    ksem_trywait _KSEM_TRYWAIT,
    /// As [`Process::ksem_destroy`](rump_kern::Process::ksem_destroy).
    ksem_destroy _KSEM_DESTROY,
}

impl RemoteProcess {
    /// As [`Process::ksem_init`](rump_kern::Process::ksem_init). Errors: EOPNOTSUPP as well (for other processes: no argument
    /// says so).
    pub fn ksem_init(&self, value: u32, sharing: Sharing) -> KResult<SemaphoreId> {
        if let Sharing::Shared = sharing {
            return Err(KError::new(Errno::EOPNOTSUPP, "the server makes semaphores of one process"));
        }
        let mut place = room::<u64>();
        self.run(request(_KSEM_INIT).with(value).write(&mut place))?;
        semaphore(&place)
    }

    /// As [`Process::ksem_open`](rump_kern::Process::ksem_open).
    pub fn ksem_open(
        &self,
        name: impl AsRef<[u8]>,
        flags: OpenFlags,
        mode: Mode,
        value: u32,
    ) -> KResult<SemaphoreId> {
        let (name, mut place) = (text(name)?, room::<u64>());
        let request = request(_KSEM_OPEN).read(&name).with(flags).with(mode);
        self.run(request.with(value).write(&mut place))?;
        semaphore(&place)
    }

    /// As [`Process::ksem_unlink`](rump_kern::Process::ksem_unlink).
    pub fn ksem_unlink(&self, name: impl AsRef<[u8]>) -> KResult<()> {
        let name = text(name)?;
        self.run(request(_KSEM_UNLINK).read(&name))
    }

    /// As [`Process::ksem_timedwait`](rump_kern::Process::ksem_timedwait).
    pub fn ksem_timedwait(&self, semaphore: SemaphoreId, until: TimeSpec) -> KResult<()> {
        let until = Timespec::from(until).to_bytes();
        self.run(request(_KSEM_TIMEDWAIT).with(semaphore.0).read(&until))
    }

    /// As [`Process::ksem_getvalue`](rump_kern::Process::ksem_getvalue).
    pub fn ksem_getvalue(&self, semaphore: SemaphoreId) -> KResult<u32> {
        let mut place = room::<u32>();
        self.run(request(_KSEM_GETVALUE).with(semaphore.0).write(&mut place))?;
        told(&place)
    }
}
