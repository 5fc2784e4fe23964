//! ioctl(2), by the numbers of NetBSD.

use super::RemoteProcess;
use super::request::request;
use crate::memory::Region;
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::IOCTL;
use rump_kern::{Fcntl, Fd, Ioctl};
use rump_kpi::KResult;
use rump_kpi::character::request::{length, reads, writes};
use rump_sysproxy::calls::list::{LIST_POINTER, has_list};

const FIONREAD: u32 = reads(b'f', 127, 4);
const FIONBIO: u32 = writes(b'f', 126, 4);
const FIONSPACE: u32 = reads(b'f', 120, 4);
const SIOCATMARK: u32 = reads(b's', 7, 4);

impl RemoteProcess {
    /// As [`Process::ioctl`](rump_kern::Process::ioctl).
    pub fn ioctl(&self, fd: Fd, what: Ioctl) -> KResult<usize> {
        let (number, value) = match what {
            Ioctl::Readable => (FIONREAD, 0),
            Ioctl::Space => (FIONSPACE, 0),
            Ioctl::AtMark => (SIOCATMARK, 0),
            Ioctl::SetNonblocking { nonblocking } => (FIONBIO, u32::from(nonblocking)),
        };
        let mut argument = value.to_le_bytes();
        self.ioctl_by_number(fd, number, &mut argument)?;
        let is_told = !matches!(what, Ioctl::SetNonblocking { .. });
        Ok(if is_told { u32::from_le_bytes(argument) as usize } else { 0 })
    }

    /// As [`Process::ioctl_by_number`](rump_kern::Process::ioctl_by_number).
    pub fn ioctl_by_number(&self, fd: Fd, number: u32, argument: &mut [u8]) -> KResult<()> {
        let Some((own, behind)) = argument.split_at_mut_checked(length(number)) else {
            return self.fcntl(fd, Fcntl::GetFd).and(Err(Errno::EINVAL.into()));
        };
        let (mut lent, before) = (None, own.to_vec());
        if has_list(number) {
            let list = Region::write(behind);
            list.address().put(&mut own[LIST_POINTER..]);
            lent = Some(list);
        }
        let is_list = lent.is_some();
        let done = self.run(request(IOCTL).with(fd).with(number).write(own).lend(lent));
        if is_list {
            // The address is nobody's business.
            own[LIST_POINTER..].copy_from_slice(&before[LIST_POINTER..]);
        }
        done
    }
    /// ioctl(2) with an argument that says at `place` where more is, which the call changes as well. Errors: those of the request.
    pub fn ioctl_with_more(
        &self,
        fd: Fd,
        number: u32,
        argument: &mut [u8],
        place: usize,
        more: &mut [u8],
    ) -> KResult<()> {
        let more = Region::write(more);
        more.address().put(argument.get_mut(place..).ok_or(Errno::EINVAL)?);
        self.run(request(IOCTL).with(fd).with(number).write(argument).lend([more]))
    }
}
