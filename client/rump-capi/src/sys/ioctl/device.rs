//! Requests of devices, such as bpf(4) and tap(4), by NetBSD's numbers and with its structures, which are those that a host of 64
//! bits makes of the same members. The number tells how long the argument is, and in which direction it goes.

use crate::caller::Caller;
use crate::layout::layout;
use crate::pointer::{Place, Room, Source};
use libc::{IFNAMSIZ, c_int, c_ulong};
use rump_abi::Errno;
use rump_kern::Fd;
use rump_kpi::KResult;
use rump_kpi::character::request::{exchanges, length, reads, writes};

const BIOCGETIF: u32 = reads(b'B', 107, IFREQ_BYTES);
const BIOCSETIF: u32 = writes(b'B', 108, IFREQ_BYTES);
const TAPGIFNAME: u32 = reads(b'e', 0, IFREQ_BYTES);
const BIOCSETF: u32 = writes(b'B', 103, LIST_BYTES);
const BIOCSETWF: u32 = writes(b'B', 127, LIST_BYTES);
const BIOCGDLTLIST: u32 = exchanges(b'B', 119, LIST_BYTES);
/// `struct ifreq` of NetBSD. The host's is another, but begins with the same name, and that is all of it that is used.
const IFREQ_BYTES: u32 = 144;
/// `struct bpf_program`, `struct bpf_dltlist`: a count, and a pointer.
const LIST_BYTES: u32 = 16;
const COPIED_IN: u32 = writes(0, 0, 0);
const COPIED_OUT: u32 = reads(0, 0, 0);
/// `struct bpf_insn`.
const INSTRUCTION_BYTES: usize = 8;
/// What a filter has at most (`BPF_MAXINSNS`); of more, the device hears the number alone, and says no.
const MOST_INSTRUCTIONS: u32 = 512;
/// More kinds of links than there are.
const MOST_LINKS: u32 = 256;

/// A count, and a pointer to so many.
#[repr(C)]
#[derive(Clone, Copy)]
struct List<P> {
    count: u32,
    items: P,
}

layout!(List<Source>, 16, count = 0, items = 8);

/// Errors: ENOTTY (none that such a file has), EFAULT, EINVAL, those of the device.
pub(super) fn request(process: &Caller, file: Fd, number: c_ulong, argument: &mut Room) -> KResult<()> {
    let number = u32::try_from(number).map_err(|_| Errno::ENOTTY)?;
    if cfg!(not(all(target_pointer_width = "64", target_endian = "little"))) {
        return Err(Errno::ENOTTY.into());
    }
    let mut bytes = vec![0; length(number)];
    match number {
        BIOCSETF | BIOCSETWF => {
            copy_in(argument, &mut bytes)?;
            let program = argument.value::<List<Source>>().read()?;
            if program.count <= MOST_INSTRUCTIONS {
                bytes.extend(program.items.bytes(program.count as usize * INSTRUCTION_BYTES)?);
            }
            process.ioctl_by_number(file, number, &mut bytes)
        }
        BIOCGDLTLIST => links(process, file, argument, bytes),
        BIOCSETIF | BIOCGETIF | TAPGIFNAME => {
            if number == BIOCSETIF {
                copy_in(argument, &mut bytes[..IFNAMSIZ])?;
            }
            process.ioctl_by_number(file, number, &mut bytes)?;
            if number == BIOCSETIF { Ok(()) } else { argument.store(IFNAMSIZ, &bytes) }
        }
        _ => {
            if number & COPIED_IN != 0 {
                copy_in(argument, &mut bytes)?;
            }
            process.ioctl_by_number(file, number, &mut bytes)?;
            if number & COPIED_OUT != 0 { argument.store(bytes.len(), &bytes) } else { Ok(()) }
        }
    }
}

fn copy_in(argument: &mut Room, to: &mut [u8]) -> KResult<()> {
    to.copy_from_slice(argument.bytes(to.len())?);
    Ok(())
}

/// The kinds of links: how many there are, and without a null list, as many as there is room for.
fn links(process: &Caller, file: Fd, argument: &mut Room, mut bytes: Vec<u8>) -> KResult<()> {
    copy_in(argument, &mut bytes)?;
    let list = argument.value::<List<Place<c_int>>>().read()?;
    let (begin, room) = (bytes.len(), list.count.min(MOST_LINKS) as usize);
    bytes.resize(begin + room * size_of::<c_int>(), 0);
    process.ioctl_by_number(file, BIOCGDLTLIST, &mut bytes)?;
    argument.store(size_of::<u32>(), &bytes)?;
    if list.items.is_null() {
        return Ok(());
    }
    let count = argument.value::<u32>().read()? as usize;
    let links = bytes[begin..].chunks_exact(size_of::<c_int>());
    let links = links.map(|link| link.iter().rev().fold(0, |number, byte| number << 8 | c_int::from(*byte)));
    list.items.store_all(count, links).map(drop)
}
