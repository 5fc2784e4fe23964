//! getsockopt(2), setsockopt(2).

use super::call::{Answer, Call, answer};
use super::option::{VALUE_MAX, to_bytes, to_kernel};
use rump_abi::Errno;

pub(super) fn setsockopt(call: &mut Call<'_>) -> Answer {
    let (level, name, at) = (call.int(1)?, call.int(2)?, call.slot(3)?);
    let length = usize::try_from(call.uint(4)?).ok().filter(|length| *length <= VALUE_MAX);
    let value = call.bytes(at, length.ok_or(Errno::EINVAL)?)?;
    let value = to_kernel(level, name, &value)?;
    answer(call.process.setsockopt(call.fd(0)?, level, name, &value))
}

pub(super) fn getsockopt(call: &mut Call<'_>) -> Answer {
    let (level, name, at) = (call.int(1)?, call.int(2)?, call.slot(3)?);
    if at == 0 {
        call.process.getsockopt(call.fd(0)?, level, name)?;
        return answer(Ok(()));
    }
    let room = call.read::<u32>(4)? as usize;
    let value = call.process.getsockopt(call.fd(0)?, level, name)?;
    let bytes = to_bytes(level, name, value, room);
    let count = bytes.len().min(room);
    call.put_bytes(at, &bytes[..count])?;
    answer(call.put(4, &(count as u32)))
}
