//! sysctl(3), modctl(2), ktrace(2).

use super::call;
use crate::caller::{self, Caller};
use crate::errno;
use crate::layout::layout;
use crate::pointer::{Place, Room, Source, Text, Values};
use libc::{c_char, c_int, c_uint, c_void, size_t};
use rump_abi::Errno;
use rump_kern::{ModuleInfo, SysctlError};

/// Most numbers of a name.
const MOST_NUMBERS: usize = 12;

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys___sysctl(
    name: Values<c_int>,
    count: c_uint,
    old: Room,
    old_length: Place<size_t>,
    new: Source,
    new_length: size_t,
) -> c_int {
    call(|process| {
        let count = usize::try_from(count).ok().filter(|count| (1..=MOST_NUMBERS).contains(count));
        let name = name.slice(count.ok_or(Errno::EINVAL)?)?;
        exchange(process, name, old, &old_length, &new, new_length)
    })
}

fn exchange(
    process: &Caller,
    name: &[i32],
    mut old: Room,
    old_length: &Place<size_t>,
    new: &Source,
    new_length: size_t,
) -> rump_kpi::KResult<()> {
    let place = if old.is_null() { None } else { Some(old.bytes(old_length.read()?)?) };
    let new = if new_length == 0 { None } else { Some(new.bytes(new_length)?) };
    let told = |length| if old_length.is_null() { Ok(()) } else { old_length.store(length) };
    match process.sysctl(name, place, new) {
        Ok(length) => told(length),
        Err(SysctlError { error, length }) => {
            if error.errno == Errno::ENOMEM {
                told(length)?;
            }
            Err(error)
        }
    }
}

/// The same by a name with dots.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_sysctlbyname(
    name: Text,
    old: Room,
    old_length: Place<size_t>,
    new: Source,
    new_length: size_t,
) -> c_int {
    call(|process| {
        let name = std::str::from_utf8(name.bytes()?).map_err(|_| Errno::ENOENT)?;
        let numbers = process.sysctl_numbers(name)?;
        exchange(process, &numbers, old, &old_length, &new, new_length)
    })
}

/// A component as `rump_sys_modctl` tells of it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Modstat {
    name: [c_char; 64],
    class: c_int,
    references: c_uint,
}

/// What `MODCTL_STAT` is given: room for so many bytes, which become how many there are.
#[repr(C)]
#[derive(Clone, Copy)]
struct StatRoom {
    base: Place<Modstat>,
    length: size_t,
}

layout!(Modstat, 72, name = 0, class = 64, references = 68);
layout!(StatRoom, 16, base = 0, length = 8);

const MODCTL_LOAD: c_int = 0;
const MODCTL_UNLOAD: c_int = 1;
const MODCTL_STAT: c_int = 2;

/// # Safety
/// The argument is what the operation wants, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_sys_modctl(operation: c_int, argument: *mut c_void) -> c_int {
    call(|process| match operation {
        MODCTL_LOAD | MODCTL_UNLOAD => {
            // SAFETY: the caller's promise.
            let name = unsafe { Text::of(argument.cast()) };
            let name = std::str::from_utf8(name.bytes()?).map_err(|_| Errno::ENOENT)?;
            let refused = match operation {
                MODCTL_LOAD => process.modctl_load(name),
                _ => process.modctl_unload(name),
            };
            refused.map(|never| match never {})
        }
        MODCTL_STAT => {
            // SAFETY: the caller's promise.
            let place = unsafe { Place::<StatRoom>::of(argument.cast()) };
            let mut room = place.read()?;
            let all = process.modctl_stat()?;
            let fits = if room.base.is_null() { 0 } else { room.length / size_of::<Modstat>() };
            room.base.store_all(fits, all.iter().map(modstat))?;
            room.length = all.len() * size_of::<Modstat>();
            place.store(room)
        }
        _ => Err(Errno::EINVAL.into()),
    })
}

fn modstat(module: &ModuleInfo) -> Modstat {
    let mut name = [0; 64];
    put(&mut name, module.name.as_bytes());
    let references = module.references.try_into().unwrap_or(c_uint::MAX);
    Modstat { name, class: module.class as c_int, references }
}

/// Nothing is traced: ENOSYS, as where NetBSD's kernel was built without it.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_ktrace(_path: Text, _operation: c_int, _points: c_int, _pid: c_int) -> c_int {
    call(|_| Err::<c_int, _>(Errno::ENOSYS.into()))
}

/// `struct utsname` of the host.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_uname(to: Place<libc::utsname>) -> c_int {
    let fill = || {
        let known = caller::process()?.uname()?;
        // SAFETY: all zeros is one.
        let mut names: libc::utsname = unsafe { std::mem::zeroed() };
        put(&mut names.sysname, known.sysname.as_bytes());
        put(&mut names.nodename, &known.nodename);
        put(&mut names.release, known.release.as_bytes());
        put(&mut names.version, known.version.as_bytes());
        put(&mut names.machine, known.machine.as_bytes());
        to.store(names)
    };
    errno::answer(fill())
}

/// As much as there is room for, and a zero.
fn put(to: &mut [c_char], text: &[u8]) {
    let most = to.len() - 1;
    for (to, byte) in to[..most].iter_mut().zip(text) {
        *to = *byte as c_char;
    }
}
