//! Values of socket options as NetBSD has them, both ways.

use super::call::Time;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::route::RO_MSGFILTER;
use rump_abi::netbsd::sockopt::{Linger, Unpcbid};
use rump_abi::netbsd::time::Timeval;
use rump_abi::sockopt::*;
use rump_abi::{AddressFamily, Errno, TimeSpec};
use rump_kpi::KResult;
use rump_kpi::socket::{Caller, OptionValue};
use std::time::Duration;

/// Bytes of a value at most.
pub const VALUE_MAX: usize = 2048;

/// The level of options of routing sockets.
const SOL_ROUTE: i32 = AddressFamily::Route as i32;

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
    /// As many bytes as there are.
    Array,
    /// A name.
    Text,
    /// `struct unpcbid`.
    Credentials,
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
        (SOL_LOCAL, LOCAL_PEEREID) => Form::Credentials,
        (SOL_ROUTE, RO_MSGFILTER) => Form::Array,
        _ => Form::Number,
    }
}

/// The value that some bytes are. Errors: EINVAL (too short), EDOM (no length of time).
pub fn to_kernel(level: i32, name: i32, value: &[u8]) -> KResult<OptionValue> {
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
        Form::Array => OptionValue::Bytes(value.to_vec()),
        Form::Credentials => {
            let Unpcbid { pid, euid, egid } = Unpcbid::read(value).ok_or(short)?;
            OptionValue::Credentials(Caller { pid: pid as u32, uid: euid, gid: egid })
        }
        Form::Text => OptionValue::Bytes(value.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()),
    })
}

/// The bytes of a value, of which there is room for so many.
pub fn to_bytes(level: i32, name: i32, value: OptionValue, room: usize) -> Vec<u8> {
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

/// The value that a server answered. What is longer than a number is a structure that the kernel has as it is. Errors: as
/// [`to_kernel`].
pub fn answered(level: i32, name: i32, value: &[u8]) -> KResult<OptionValue> {
    match form(level, name) {
        Form::Number if value.len() > i32::SIZE => Ok(OptionValue::Bytes(value.to_vec())),
        _ => to_kernel(level, name, value),
    }
}
