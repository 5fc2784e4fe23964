//! sysctl(3).

use super::call::{Answer, Call, answer};
use super::sysctl_tree;
use rump_abi::Errno;
use rump_abi::netbsd::sysctl::CTL_QUERY;
use rump_abi::sysctl::CTL_MAXNAME;
use rump_kern::SysctlError;
use rump_kpi::KResult;

/// Bytes of a value at most, and of a table.
const VALUE_MAX: u64 = 1 << 16;
const TABLE_MAX: u64 = 16 << 20;

pub(super) fn sysctl(call: &mut Call<'_>) -> Answer {
    let (at, count) = (call.slot(0)?, call.uint(1)? as usize);
    if !(1..=CTL_MAXNAME).contains(&count) {
        return Err(Errno::EINVAL.into());
    }
    let name: Vec<i32> = call.read_all(at, count)?;
    if let [folder @ .., CTL_QUERY] = name.as_slice() {
        return sysctl_tree::query(call, folder);
    }
    let (old, new) = (call.slot(2)?, new(call)?);
    let room = call.read_if::<u64>(3)?.unwrap_or(0);
    let mut bytes = vec![0; kept(call, &name, room)];
    let place = if old == 0 { None } else { Some(&mut bytes[..]) };
    match call.process.sysctl(&name, place, new.as_deref()) {
        Ok(length) => {
            if old != 0 {
                call.put_bytes(old, &bytes[..length])?;
            }
            answer(call.put_if(3, &(length as u64)))
        }
        Err(SysctlError { error, length }) => {
            if error.errno == Errno::ENOMEM {
                call.put_bytes(old, &bytes)?;
                call.put_if(3, &(length as u64))?;
            }
            Err(error)
        }
    }
}

/// How much of the client's room there has to be here: no more than a table takes now, and what may be added to it meanwhile.
fn kept(call: &Call<'_>, name: &[i32], room: u64) -> usize {
    if room <= VALUE_MAX {
        return room as usize;
    }
    let now = call.process.sysctl(name, None, None).unwrap_or(0) as u64;
    room.min(now + VALUE_MAX).min(TABLE_MAX) as usize
}

/// The new value. Errors: EINVAL (no value is so long), EFAULT.
fn new(call: &mut Call<'_>) -> KResult<Option<Vec<u8>>> {
    let (address, length) = (call.slot(4)?, call.slot(5)?);
    match (address, length) {
        (0, _) | (_, 0) => Ok(None),
        (_, length) if length > VALUE_MAX => Err(Errno::EINVAL.into()),
        _ => call.bytes(address, length as usize).map(Some),
    }
}
