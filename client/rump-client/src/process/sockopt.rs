//! getsockopt(2), setsockopt(2).

use super::RemoteProcess;
use super::request::{request, told};
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::{GETSOCKOPT, SETSOCKOPT};
use rump_kern::Fd;
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;
use rump_sysproxy::calls::option::{VALUE_MAX, answered, to_bytes};

impl RemoteProcess {
    /// As [`Process::getsockopt`](rump_kern::Process::getsockopt).
    pub fn getsockopt(&self, fd: Fd, level: i32, name: i32) -> KResult<OptionValue> {
        let (mut value, mut length) = (vec![0; VALUE_MAX], (VALUE_MAX as u32).to_bytes());
        let request = request(GETSOCKOPT).with(fd).with(level).with(name);
        self.run(request.write(&mut value).write(&mut length))?;
        let value = value.get(..told::<u32>(&length)? as usize).ok_or_else(malformed)?;
        answered(level, name, value).map_err(|_| malformed())
    }

    /// As [`Process::setsockopt`](rump_kern::Process::setsockopt).
    pub fn setsockopt(&self, fd: Fd, level: i32, name: i32, value: &OptionValue) -> KResult<()> {
        let bytes = to_bytes(level, name, value.clone(), VALUE_MAX);
        let request = request(SETSOCKOPT).with(fd).with(level).with(name);
        self.run(request.read(&bytes).with(bytes.len()))
    }
}
