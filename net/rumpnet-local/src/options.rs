//! Options (unix(4) of NetBSD, socket(7) of Linux).

use crate::end::Link;
use crate::socket::LocalSocket;
use core::sync::atomic::Ordering;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::*;
use rump_kpi::{Errno, KResult};

/// Bytes that a buffer may be set to.
const BUFFER_RANGE: [usize; 2] = [2048, 16 << 20];

/// Switches that any socket has, and that mean nothing here: names are not taken over, and there are no routes.
const SWITCHES: [i32; 4] = [SO_REUSEADDR, SO_KEEPALIVE, SO_DONTROUTE, SO_BROADCAST];

impl LocalSocket {
    /// Errors: ENOPROTOOPT (none, or one that cannot be changed), EINVAL (such a value).
    pub(crate) fn change_option(&self, level: i32, name: i32, value: &OptionValue) -> KResult<()> {
        match (level, name, value) {
            (SOL_SOCKET, SO_SNDBUF, OptionValue::Number(size)) => {
                self.end.send_limit.store(buffer(*size)?, Ordering::Relaxed);
            }
            (SOL_SOCKET, SO_RCVBUF, OptionValue::Number(size)) => {
                self.end.receive_limit.store(buffer(*size)?, Ordering::Relaxed);
            }
            (SOL_SOCKET, SO_LINGER, OptionValue::Linger(time)) => *self.end.linger.lock() = *time,
            (SOL_SOCKET, name, OptionValue::Number(on)) if SWITCHES.contains(&name) => {
                let bit = name as usize;
                if *on == 0 {
                    self.end.switches.fetch_and(!bit, Ordering::Relaxed);
                } else {
                    self.end.switches.fetch_or(bit, Ordering::Relaxed);
                }
            }
            (SOL_LOCAL, LOCAL_CREDS, OptionValue::Number(on)) => {
                self.end.wants_credentials.store(*on != 0, Ordering::Relaxed);
            }
            (SOL_SOCKET, SO_SNDBUF | SO_RCVBUF | SO_LINGER, _) | (SOL_LOCAL, LOCAL_CREDS, _) => {
                return Err(Errno::EINVAL.into());
            }
            _ => return Err(Errno::ENOPROTOOPT.into()),
        }
        Ok(())
    }

    /// Errors: ENOPROTOOPT, ENOTCONN (`LOCAL_PEEREID` without a connection).
    pub(crate) fn find_option(&self, level: i32, name: i32) -> KResult<OptionValue> {
        let number = match (level, name) {
            (SOL_SOCKET, SO_SNDBUF) => self.end.send_limit.load(Ordering::Relaxed) as i64,
            (SOL_SOCKET, SO_RCVBUF) => self.end.receive_limit.load(Ordering::Relaxed) as i64,
            (SOL_SOCKET, SO_LINGER) => return Ok(OptionValue::Linger(*self.end.linger.lock())),
            (SOL_SOCKET, SO_ERROR) => self.end.inbox.lock().error.take().map_or(0, |errno| errno as i64),
            (SOL_SOCKET, SO_ACCEPTCONN) => i64::from(matches!(*self.end.link.lock(), Link::Listening(_))),
            (SOL_SOCKET, name) if SWITCHES.contains(&name) => {
                i64::from(self.end.switches.load(Ordering::Relaxed) & name as usize != 0)
            }
            (SOL_LOCAL, LOCAL_CREDS) => i64::from(self.end.wants_credentials.load(Ordering::Relaxed)),
            (SOL_LOCAL, LOCAL_PEEREID) => {
                let Link::Connected { credentials, .. } = &*self.end.link.lock() else {
                    return Err(Errno::ENOTCONN.into());
                };
                return Ok(OptionValue::Credentials(*credentials));
            }
            _ => return Err(Errno::ENOPROTOOPT.into()),
        };
        Ok(OptionValue::Number(number))
    }
}

/// Errors: EINVAL (negative).
fn buffer(size: i64) -> KResult<usize> {
    let size = usize::try_from(size).map_err(|_| Errno::EINVAL)?;
    let [least, most] = BUFFER_RANGE;
    Ok(size.clamp(least, most))
}
