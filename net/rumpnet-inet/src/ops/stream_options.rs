//! Options of connections, with NetBSD's numbers (setsockopt(2), tcp(4)).

use super::options::{Level, buffer_of};
use crate::stack::Stack;
use crate::tcp::{Choices, CongestionKind, TcpId};
use crate::time::Instant;
use alloc::vec::Vec;
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{
    IP_TOS, IP_TTL, IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_V6ONLY, SO_ACCEPTCONN, SO_ERROR, SO_KEEPALIVE,
    SO_LINGER, SO_OOBINLINE, SO_PROTOCOL, SO_RCVBUF, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, TCP_CONGCTL,
    TCP_INFO, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINIT, TCP_KEEPINTVL, TCP_MAXSEG, TCP_NODELAY, TCP_NOPUSH,
    TCP_USER_TIMEOUT,
};

/// Most seconds of a timer of `TCP_KEEPIDLE` and its like.
const MOST_SECONDS: u64 = 32_767;

/// Changes an option. Errors: ENOPROTOOPT, EINVAL, ENOENT (no such way of congestion control).
pub fn set(
    stack: &mut Stack,
    now: Instant,
    id: TcpId,
    (level, name): (Level, i32),
    value: &OptionValue,
) -> Result<(), Errno> {
    let pcb = stack.tcp.find_mut(id)?;
    match (level, name, value) {
        (Level::Socket, SO_LINGER, OptionValue::Linger(time)) => {
            pcb.choices.linger = *time;
            return Ok(());
        }
        (Level::Tcp, TCP_CONGCTL, OptionValue::Bytes(name)) => {
            let kind = kind_of(name)?;
            pcb.choices.congestion = kind;
            pcb.congestion.choose(kind);
            return Ok(());
        }
        _ => {}
    }
    let OptionValue::Number(number) = *value else { return Err(Errno::EINVAL) };
    match level {
        Level::Tcp => set_tcp(&mut pcb.choices, name, number)?,
        _ => set_common(&mut pcb.choices, (level, name), number)?,
    }
    // What was held back may be sent now; a timer may begin.
    match (level, name) {
        (Level::Tcp, _) | (Level::Socket, SO_KEEPALIVE) => stack.tcp_push(now, id),
        _ => Ok(()),
    }
}

fn set_common(choices: &mut Choices, (level, name): (Level, i32), number: i64) -> Result<(), Errno> {
    let byte = || u8::try_from(number).map_err(|_| Errno::EINVAL);
    match (level, name) {
        (Level::Socket, SO_REUSEADDR) => choices.reuse_address = number != 0,
        (Level::Socket, SO_REUSEPORT) => choices.reuse_port = number != 0,
        (Level::Socket, SO_OOBINLINE) => choices.urgent_inline = number != 0,
        (Level::Socket, SO_KEEPALIVE) => choices.keep_alive = number != 0,
        (Level::Socket, SO_SNDBUF) => {
            (choices.send_bytes, choices.send_is_fixed) = (buffer_of(number)?, true);
        }
        (Level::Socket, SO_RCVBUF) => {
            (choices.receive_bytes, choices.receive_is_fixed) = (buffer_of(number)?, true);
        }
        (Level::Ip, IP_TOS) | (Level::Ipv6, IPV6_TCLASS) => choices.traffic_class = byte()?,
        (Level::Ipv6, IPV6_V6ONLY) => choices.v6_only = number != 0,
        (Level::Ip, IP_TTL) | (Level::Ipv6, IPV6_UNICAST_HOPS) if number == -1 => choices.hop_limit = None,
        (Level::Ipv6, IPV6_UNICAST_HOPS) => choices.hop_limit = Some(byte()?),
        (Level::Ip, IP_TTL) if number != 0 => choices.hop_limit = Some(byte()?),
        (Level::Ip, IP_TTL) => return Err(Errno::EINVAL),
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

fn set_tcp(choices: &mut Choices, name: i32, number: i64) -> Result<(), Errno> {
    let seconds = || {
        let seconds = u64::try_from(number).ok().filter(|seconds| (1..=MOST_SECONDS).contains(seconds));
        seconds.map(Duration::from_secs).ok_or(Errno::EINVAL)
    };
    match name {
        TCP_NODELAY => choices.no_delay = number != 0,
        TCP_NOPUSH => choices.cork = number != 0,
        TCP_MAXSEG => {
            let size = u16::try_from(number).ok().filter(|size| *size >= 64).ok_or(Errno::EINVAL)?;
            choices.most_segment = Some(size);
        }
        TCP_KEEPIDLE => choices.keep.idle = seconds()?,
        TCP_KEEPINTVL => choices.keep.interval = seconds()?,
        TCP_KEEPINIT => choices.keep.begin = seconds()?,
        TCP_KEEPCNT => {
            let count = u32::try_from(number).ok().filter(|count| (1..=127).contains(count));
            choices.keep.count = count.ok_or(Errno::EINVAL)?;
        }
        TCP_USER_TIMEOUT => {
            let millis = u32::try_from(number).map_err(|_| Errno::EINVAL)?;
            choices.user_timeout = (millis > 0).then(|| Duration::from_millis(millis.into()));
        }
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

/// Errors: ENOENT.
fn kind_of(name: &[u8]) -> Result<CongestionKind, Errno> {
    let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
    core::str::from_utf8(&name).ok().and_then(CongestionKind::named).ok_or(Errno::ENOENT)
}

/// What an option is. Errors: ENOPROTOOPT.
pub fn find(
    stack: &mut Stack,
    now: Instant,
    id: TcpId,
    (level, name): (Level, i32),
) -> Result<OptionValue, Errno> {
    let default = stack.settings.hop_limit;
    let pcb = stack.tcp.find_mut(id)?;
    let choices = &pcb.choices;
    let number = match (level, name) {
        (Level::Socket, SO_ERROR) => pcb.error.take().map_or(0, |errno| errno as i64),
        (Level::Socket, SO_PROTOCOL) => 6,
        (Level::Socket, SO_LINGER) => return Ok(OptionValue::Linger(choices.linger)),
        (Level::Socket, SO_ACCEPTCONN) => pcb.listener.is_some().into(),
        (Level::Socket, SO_REUSEADDR) => choices.reuse_address.into(),
        (Level::Socket, SO_REUSEPORT) => choices.reuse_port.into(),
        (Level::Socket, SO_OOBINLINE) => choices.urgent_inline.into(),
        (Level::Socket, SO_KEEPALIVE) => choices.keep_alive.into(),
        (Level::Socket, SO_SNDBUF) => choices.send_bytes as i64,
        (Level::Socket, SO_RCVBUF) => choices.receive_bytes as i64,
        (Level::Ip, IP_TOS) | (Level::Ipv6, IPV6_TCLASS) => choices.traffic_class.into(),
        (Level::Ipv6, IPV6_V6ONLY) => choices.v6_only.into(),
        (Level::Ip, IP_TTL) | (Level::Ipv6, IPV6_UNICAST_HOPS) => choices.hop_limit.unwrap_or(default).into(),
        (Level::Tcp, TCP_INFO) => return Ok(OptionValue::Bytes(pcb.info(now).to_bytes())),
        (Level::Tcp, TCP_CONGCTL) => return Ok(OptionValue::Bytes(choices.congestion.name().into())),
        (Level::Tcp, TCP_MAXSEG) => pcb.segment_bytes().into(),
        (Level::Tcp, _) => find_tcp(choices, name)?,
        _ => return Err(Errno::ENOPROTOOPT),
    };
    Ok(OptionValue::Number(number))
}

fn find_tcp(choices: &Choices, name: i32) -> Result<i64, Errno> {
    let seconds = |time: Duration| time.as_secs() as i64;
    Ok(match name {
        TCP_NODELAY => choices.no_delay.into(),
        TCP_NOPUSH => choices.cork.into(),
        TCP_KEEPIDLE => seconds(choices.keep.idle),
        TCP_KEEPINTVL => seconds(choices.keep.interval),
        TCP_KEEPINIT => seconds(choices.keep.begin),
        TCP_KEEPCNT => choices.keep.count.into(),
        TCP_USER_TIMEOUT => choices.user_timeout.map_or(0, |time| time.as_millis() as i64),
        _ => return Err(Errno::ENOPROTOOPT),
    })
}
