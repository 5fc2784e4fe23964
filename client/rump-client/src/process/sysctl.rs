//! sysctl(3).

use super::RemoteProcess;
use super::request::{request, told};
use crate::connection::malformed;
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::__SYSCTL;
use rump_kern::SysctlError;

impl RemoteProcess {
    /// As [`Process::sysctl`](rump_kern::Process::sysctl).
    pub fn sysctl(
        &self,
        name: &[i32],
        old: Option<&mut [u8]>,
        new: Option<&[u8]>,
    ) -> Result<usize, SysctlError> {
        let name: Vec<u8> = name.iter().flat_map(|number| number.to_bytes()).collect();
        let room = old.as_ref().map_or(0, |old| old.len());
        let (is_wanted, mut length) = (old.is_some(), (room as u64).to_bytes());
        let request = request(__SYSCTL).read(&name).with(name.len() / i32::SIZE);
        let request = match old {
            Some(old) => request.write(old),
            None => request.null(),
        };
        let request = request.write(&mut length);
        let request = match new {
            Some(new) => request.read(new).with(new.len()),
            None => request.null().null(),
        };
        let done = self.run(request);
        let length = told::<u64>(&length).ok().and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or_else(malformed)?;
        match done {
            Ok(()) if is_wanted && length > room => Err(malformed().into()),
            Ok(()) => Ok(length),
            Err(error) => {
                let is_told = error.errno == Errno::ENOMEM;
                Err(SysctlError { error, length: if is_told { length } else { 0 } })
            }
        }
    }
}
