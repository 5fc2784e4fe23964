//! Options of sockets: getsockopt(2), setsockopt(2). What is the same for all families is done here.

use crate::{Fd, Process};
use rump_abi::Errno;
use rump_abi::sockopt::{SO_ERROR, SO_RCVTIMEO, SO_SNDTIMEO, SO_TYPE, SOL_SOCKET};
use rump_kpi::KResult;
use rump_kpi::socket::OptionValue;

impl Process {
    /// An option of a socket; levels and names have NetBSD's numbers (`rump_abi::sockopt`). Errors: EBADF, ENOTSOCK,
    /// ENOPROTOOPT.
    pub fn getsockopt(&self, fd: Fd, level: i32, name: i32) -> KResult<OptionValue> {
        let file = self.file(fd)?;
        let file = file.socket()?;
        match (level, name) {
            (SOL_SOCKET, SO_TYPE) => Ok(OptionValue::Number(file.socket.kind() as i64)),
            (SOL_SOCKET, SO_RCVTIMEO) => Ok(OptionValue::Time(file.receive_timeout.value())),
            (SOL_SOCKET, SO_SNDTIMEO) => Ok(OptionValue::Time(file.send_timeout.value())),
            _ => file.socket.option(level, name),
        }
    }

    /// Changes an option of a socket. Errors: EBADF, ENOTSOCK, ENOPROTOOPT (none, or one that cannot be changed), EINVAL
    /// (such a value), EPERM.
    pub fn setsockopt(&self, fd: Fd, level: i32, name: i32, value: &OptionValue) -> KResult<()> {
        let file = self.file(fd)?;
        let file = file.socket()?;
        let timeout = match (level, name) {
            (SOL_SOCKET, SO_TYPE | SO_ERROR) => return Err(Errno::ENOPROTOOPT.into()),
            (SOL_SOCKET, SO_RCVTIMEO) => &file.receive_timeout,
            (SOL_SOCKET, SO_SNDTIMEO) => &file.send_timeout,
            _ => return file.socket.set_option(level, name, value),
        };
        let OptionValue::Time(value) = value else { return Err(Errno::EINVAL.into()) };
        timeout.set(*value);
        Ok(())
    }
}
