//! getsockopt(2), setsockopt(2): values as NetBSD has them.

use super::call::{Answer, Call, Time, answer};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::sockopt::{Linger, Unpcbid};
use rump_abi::netbsd::time::Timeval;
use rump_abi::sockopt::*;
use rump_abi::{Errno, TimeSpec};
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;
use std::time::Duration;

/// Bytes of a value at most.
const VALUE_MAX: usize = 2048;

/// What a value looks like.
enum Form {
    /// An `int`; of options of IP, a byte will do.
    Number,
    /// `struct timeval`, where zero is "for ever".
    Time,
    /// `struct linger`.
    Linger,
    /// A structure that the kernel has as it is: its length.
    Structure(usize),
    /// A name.
    Text,
}

fn form(level: i32, name: i32) -> Form {
    match (level, name) {
        (SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO) => Form::Time,
        (SOL_SOCKET, SO_LINGER) => Form::Linger,
        (IPPROTO_IP, IP_MULTICAST_IF) => Form::Structure(4),
        (IPPROTO_IP, IP_ADD_MEMBERSHIP | IP_DROP_MEMBERSHIP) => Form::Structure(8),
        (IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP | IP_DROP_SOURCE_MEMBERSHIP) => Form::Structure(12),
        (IPPROTO_IP, IP_BLOCK_SOURCE | IP_UNBLOCK_SOURCE) => Form::Structure(12),
        (IPPROTO_IPV6, IPV6_JOIN_GROUP | IPV6_LEAVE_GROUP) => Form::Structure(20),
        (IPPROTO_ICMPV6, ICMP6_FILTER) => Form::Structure(32),
        (IPPROTO_TCP, TCP_CONGCTL) => Form::Text,
        _ => Form::Number,
    }
}

/// Errors: EINVAL (too short), EDOM (no length of time).
fn to_kernel(level: i32, name: i32, value: &[u8]) -> KResult<OptionValue> {
    let short = Errno::EINVAL;
    Ok(match form(level, name) {
        Form::Number if level == IPPROTO_IP && value.len() < i32::SIZE => {
            OptionValue::Number((*value.first().ok_or(short)?).into())
        }
        Form::Number => OptionValue::Number(i32::read(value).ok_or(short)?.into()),
        Form::Time => {
            let time = Timeval::read(value).ok_or(short)?.length().map_err(|_| Errno::EDOM)?;
            OptionValue::Time((time > Duration::ZERO).then_some(time))
        }
        Form::Linger => {
            let Linger { onoff, seconds } = Linger::read(value).ok_or(short)?;
            let seconds = u64::try_from(seconds).map_err(|_| Errno::EDOM)?;
            OptionValue::Linger((onoff != 0).then_some(Duration::from_secs(seconds)))
        }
        Form::Structure(length) => OptionValue::Bytes(value.get(..length).ok_or(short)?.to_vec()),
        Form::Text => OptionValue::Bytes(value.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
    })
}

/// The bytes of a value, of which there is room for so many.
fn to_bytes(level: i32, name: i32, value: OptionValue, room: usize) -> Vec<u8> {
    match value {
        OptionValue::Number(number) if level == IPPROTO_IP && room < i32::SIZE => vec![number as u8],
        OptionValue::Number(number) => (number as i32).to_bytes(),
        OptionValue::Time(limit) => {
            let limit = limit.unwrap_or_default();
            let sec = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
            Timeval::from(TimeSpec { sec, nsec: limit.subsec_nanos() }).to_bytes()
        }
        OptionValue::Linger(limit) => {
            let seconds = limit.unwrap_or_default().as_secs().try_into().unwrap_or(i32::MAX);
            Linger { onoff: limit.is_some().into(), seconds }.to_bytes()
        }
        OptionValue::Credentials(who) => {
            Unpcbid { pid: who.pid as i32, euid: who.uid, egid: who.gid }.to_bytes()
        }
        OptionValue::Bytes(mut bytes) => {
            if let Form::Text = form(level, name) {
                bytes.push(0);
            }
            bytes
        }
    }
}

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
