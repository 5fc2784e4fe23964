//! sysctl(3).

use super::call::{Answer, Call, answer};
use super::sysctl_tree;
use rump_abi::Errno;
use rump_abi::netbsd::sysctl::CTL_QUERY;
use rump_abi::sysctl::CTL_MAXNAME;
use rump_kern::SysctlError;
use rump_kpi::KResult;

/// Bytes of a value at most.
const VALUE_MAX: u64 = 1 << 16;

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
    let room = call.read_if::<u64>(3)?.unwrap_or(0).min(VALUE_MAX) as usize;
    let mut bytes = vec![0; room];
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

/// The new value. Errors: EINVAL (no value is so long), EFAULT.
fn new(call: &mut Call<'_>) -> KResult<Option<Vec<u8>>> {
    let (address, length) = (call.slot(4)?, call.slot(5)?);
    match (address, length) {
        (0, _) | (_, 0) => Ok(None),
        (_, length) if length > VALUE_MAX => Err(Errno::EINVAL.into()),
        _ => call.bytes(address, length as usize).map(Some),
    }
}
