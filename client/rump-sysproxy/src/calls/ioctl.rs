//! ioctl(2). The number of a request says how long its argument is, and in which direction it goes.

use super::call::{Answer, Call, answer};
use super::interface;
use super::list::{BIOCGDLTLIST, LIST_BYTES, LIST_POINTER, has_list};
use rump_abi::netbsd::Layout;
use rump_kern::Fcntl;
use rump_kpi::KResult;
use rump_kpi::character::request::{length, plain, reads, writes};

/// What is read from the argument, and what is written into it.
const IN: u32 = writes(0, 0, 0);
const OUT: u32 = reads(0, 0, 0);

/// Close on exec, and not.
const FIOCLEX: u32 = plain(b'f', 1);
const FIONCLEX: u32 = plain(b'f', 2);

/// Bytes of `struct bpf_insn`.
const INSTRUCTION_BYTES: usize = 8;
/// What a filter has at most (`BPF_MAXINSNS`); of more, the device hears the number alone, and says no.
const MOST_INSTRUCTIONS: u32 = 512;
/// More kinds of links than there are.
const MOST_LINKS: u32 = 256;

pub(super) fn ioctl(call: &mut Call<'_>) -> Answer {
    let (fd, number, address) = (call.fd(0)?, call.uint(1)?, call.slot(2)?);
    if let FIOCLEX | FIONCLEX = number {
        let cloexec = number == FIOCLEX;
        return answer(call.process.fcntl(fd, Fcntl::SetFd { cloexec }).map(drop));
    }
    if interface::is_one(number) {
        return answer(interface::request(call, fd, number, address));
    }
    // No more than 8191.
    let length = length(number);
    let mut argument = if number & IN != 0 { call.bytes(address, length)? } else { vec![0; length] };
    let list = List::of(number, &argument);
    if let Some(list) = &list {
        argument.extend(list.bytes(call)?);
    }
    call.process.ioctl_by_number(fd, number, &mut argument)?;
    if number & OUT != 0 {
        call.put_bytes(address, &argument[..length])?;
        if let Some(list) = list {
            list.give(call, &argument)?;
        }
    }
    answer(Ok(()))
}

/// What the argument of some requests points to, which stands behind it for the device.
struct List {
    number: u32,
    count: u32,
    address: u64,
}

impl List {
    fn of(number: u32, argument: &[u8]) -> Option<Self> {
        if !has_list(number) {
            return None;
        }
        Some(Self { number, count: u32::read(argument)?, address: u64::read(argument.get(LIST_POINTER..)?)? })
    }

    /// The instructions of a filter, or room for kinds of links. Errors: EFAULT.
    fn bytes(&self, call: &mut Call<'_>) -> KResult<Vec<u8>> {
        match self.number {
            BIOCGDLTLIST => Ok(vec![0; self.count.min(MOST_LINKS) as usize * u32::SIZE]),
            _ if self.count > MOST_INSTRUCTIONS => Ok(Vec::new()),
            _ => call.bytes(self.address, self.count as usize * INSTRUCTION_BYTES),
        }
    }

    /// Gives kinds of links, as many as there are and are wanted; without an address, nobody wants them. Errors: EFAULT.
    fn give(&self, call: &mut Call<'_>, argument: &[u8]) -> KResult<()> {
        let links = argument.get(LIST_BYTES as usize..).unwrap_or_default();
        let count = u32::read(argument).unwrap_or(0) as usize * u32::SIZE;
        if self.address == 0 {
            return Ok(());
        }
        call.put_bytes(self.address, &links[..count.min(links.len())])
    }
}
