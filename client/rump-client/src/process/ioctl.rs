//! ioctl(2), by the numbers of NetBSD.

use super::RemoteProcess;
use super::request::request;
use crate::memory::Region;
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::IOCTL;
use rump_kern::{Fd, Ioctl};
use rump_kpi::KResult;
use rump_kpi::character::request::{exchanges, length, reads, writes};

const FIONREAD: u32 = reads(b'f', 127, 4);
const FIONBIO: u32 = writes(b'f', 126, 4);
const FIONSPACE: u32 = reads(b'f', 120, 4);
const SIOCATMARK: u32 = reads(b's', 7, 4);

/// Bytes of a count and a pointer, and where the pointer is.
const LIST_BYTES: u32 = 16;
const LIST_POINTER: usize = 8;
const BIOCSETF: u32 = writes(b'B', 103, LIST_BYTES);
const BIOCSETWF: u32 = writes(b'B', 127, LIST_BYTES);
const BIOCGDLTLIST: u32 = exchanges(b'B', 119, LIST_BYTES);

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
        let (own, behind) = argument.split_at_mut_checked(length(number)).ok_or(Errno::EINVAL)?;
        let mut lent = None;
        if matches!(number, BIOCSETF | BIOCSETWF | BIOCGDLTLIST) {
            let list = Region::write(behind);
            list.address().put(&mut own[LIST_POINTER..]);
            lent = Some(list);
        }
        self.run(request(IOCTL).with(fd).with(number).write(own).lend(lent))
    }
}
