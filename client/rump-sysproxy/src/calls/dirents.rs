//! getdents(2).

use super::call::{Answer, Call, answer};
use rump_abi::Errno;
use rump_abi::netbsd::dirent;

/// Bytes of records in one answer.
const ROOM: u64 = 1 << 16;

pub(super) fn getdents(call: &mut Call<'_>) -> Answer {
    let (address, room) = (call.slot(1)?, call.slot(2)?.min(ROOM) as usize);
    let (mut records, mut is_short) = (Vec::new(), false);
    call.process.getdents_while(call.fd(0)?, &mut |entry| {
        let fits = records.len() + dirent::record_length(entry.name) <= room;
        if fits {
            dirent::push(&mut records, entry.ino.0, entry.file_type, entry.name);
        }
        is_short |= !fits;
        fits
    })?;
    if records.is_empty() && is_short {
        return Err(Errno::EINVAL.into());
    }
    call.put_bytes(address, &records)?;
    answer(Ok(records.len()))
}
