//! getfh(2), fhopen(2), fhstat(2), fhstatvfs(2).

use super::RemoteProcess;
use super::request::{request, room, text, told};
use super::stat::attributes;
use super::statvfs::mounted;
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::mount::MNT_WAIT;
use rump_abi::netbsd::numbers::{__FHOPEN40, __FHSTAT50, __FHSTATVFS140, __GETFH30};
use rump_abi::netbsd::stat::StatBuf;
use rump_abi::netbsd::statvfs::StatVfsBuf;
use rump_abi::{OpenFlags, Stat};
use rump_kern::{Fd, FileHandle, MountedFs};
use rump_kpi::KResult;

impl RemoteProcess {
    /// As [`Process::getfh`](rump_kern::Process::getfh).
    pub fn getfh(&self, path: impl AsRef<[u8]>) -> KResult<FileHandle> {
        let (path, mut handle) = (text(path)?, [0; FileHandle::SIZE]);
        let mut length = (FileHandle::SIZE as u64).to_bytes();
        self.run(request(__GETFH30).read(&path).write(&mut handle).write(&mut length))?;
        let length = usize::try_from(told::<u64>(&length)?).ok();
        let bytes = length.and_then(|length| handle.get(..length)).ok_or_else(malformed)?;
        FileHandle::from_bytes(bytes).map_err(|_| malformed())
    }

    /// As [`Process::fhopen`](rump_kern::Process::fhopen).
    pub fn fhopen(&self, handle: FileHandle, flags: OpenFlags) -> KResult<Fd> {
        let handle = handle.to_bytes();
        self.descriptor(request(__FHOPEN40).read(&handle).with(handle.len()).with(flags))
    }

    /// As [`Process::fhstat`](rump_kern::Process::fhstat).
    pub fn fhstat(&self, handle: FileHandle) -> KResult<Stat> {
        let (handle, mut place) = (handle.to_bytes(), room::<StatBuf>());
        self.run(request(__FHSTAT50).read(&handle).with(handle.len()).write(&mut place))?;
        attributes(&place)
    }

    /// As [`Process::fhstatvfs`](rump_kern::Process::fhstatvfs), with the bounds of [`RemoteProcess::mounted`].
    pub fn fhstatvfs(&self, handle: FileHandle) -> KResult<MountedFs> {
        let (handle, mut place) = (handle.to_bytes(), room::<StatVfsBuf>());
        let request = request(__FHSTATVFS140).read(&handle).with(handle.len());
        self.run(request.write(&mut place).with(MNT_WAIT))?;
        mounted(&place)
    }
}
