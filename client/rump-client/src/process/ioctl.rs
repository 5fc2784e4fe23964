//! ioctl(2), by the numbers of NetBSD.

use super::RemoteProcess;
use super::request::request;
use crate::memory::Region;
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::bridge::{BRDGGIFS, BRDGRTS, OBRDGGIFS, OBRDGRTS};
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::numbers::IOCTL;
use rump_kern::{Fcntl, Fd, Ioctl};
use rump_kpi::KResult;
use rump_kpi::character::request::{length, reads, writes};
use rump_sysproxy::calls::list::{LIST_POINTER, has_list};

const FIONREAD: u32 = reads(b'f', 127, 4);
const FIONBIO: u32 = writes(b'f', 126, 4);
const FIONSPACE: u32 = reads(b'f', 120, 4);
const SIOCATMARK: u32 = reads(b's', 7, 4);

/// Bytes of a count and a pointer.
const LIST_BYTES: usize = 16;
/// Where the pointers of an [`Ifreq`](rump_abi::netbsd::interface::Ifreq) and of an [`Ifdrv`] are.
const REQUEST_POINTER: usize = 16;
const DRIVER_POINTER: usize = 32;

/// Where in its structure a request has the address of what stands behind it here.
fn pointer(number: u32) -> Option<usize> {
    match number {
        SIOCGIFCONF | SIOCIFGCLONERS => Some(LIST_POINTER),
        SIOCSETVLAN | SIOCGETVLAN => Some(REQUEST_POINTER),
        SIOCSDRVSPEC | SIOCGDRVSPEC | SIOCSLINKSTR | SIOCGLINKSTR => Some(DRIVER_POINTER),
        _ => has_list(number).then_some(LIST_POINTER),
    }
}

/// Whether a request's argument points to room for a list, by a structure of its own.
fn is_list_of_bridge(number: u32, own: &[u8]) -> bool {
    let command = Ifdrv::read(own).map(|asked| asked.command);
    number == SIOCGDRVSPEC && matches!(command, Some(BRDGGIFS | BRDGRTS | OBRDGGIFS | OBRDGRTS))
}

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

    /// As [`Process::ioctl_by_number`](rump_kern::Process::ioctl_by_number), and besides with the requests of interfaces
    /// (`rump_abi::netbsd::interface`), whose argument's pointer is put in here: what it points to stands behind the structure,
    /// and of lists of bridges a structure of 16 bytes, and behind that the list.
    pub fn ioctl_by_number(&self, fd: Fd, number: u32, argument: &mut [u8]) -> KResult<()> {
        let Some((own, behind)) = argument.split_at_mut_checked(length(number)) else {
            return self.fcntl(fd, Fcntl::GetFd).and(Err(Errno::EINVAL.into()));
        };
        let (mut lent, before) = (None, own.to_vec());
        // Without anything behind it, the program asks how much there would be.
        let is_said = |place: &usize| u64::read(&own[*place..]).is_some_and(|address| address != 0);
        let place =
            pointer(number).filter(|place| !behind.is_empty() || (has_list(number) && is_said(place)));
        if let Some(place) = place {
            let at = behind.as_ptr().addr() as u64;
            if is_list_of_bridge(number, own) && behind.len() > LIST_BYTES {
                (at + LIST_BYTES as u64).put(&mut behind[LIST_POINTER..]);
            }
            let list = Region::write(behind);
            list.address().put(&mut own[place..]);
            lent = Some(list);
        }
        let done = self.run(request(IOCTL).with(fd).with(number).write(own).lend(lent));
        if let Some(place) = place {
            // The address is nobody's business.
            own[place..place + 8].copy_from_slice(&before[place..place + 8]);
        }
        done
    }
}
