//! socket(2), bind(2), connect(2), accept(2) and their like.

use super::RemoteProcess;
use super::request::{Request, request, room, told};
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::sockaddr::{self, LENGTH_MAX, SOCK_FLAGS};
use rump_abi::{AddressFamily, Errno, OpenFlags, Shutdown, SignalSet, SocketAddress, SocketType};
use rump_kern::Fd;
use rump_kpi::KResult;

/// Errors: EINVAL (flags that no socket has).
fn bits(flags: OpenFlags) -> KResult<u32> {
    let known = SOCK_FLAGS.into_iter().filter(|(_, flag)| flags.contains(*flag));
    let (all, bits) =
        known.fold((OpenFlags::empty(), 0), |(all, bits), (bit, flag)| (all | flag, bits | bit));
    if all == flags { Ok(bits) } else { Err(Errno::EINVAL.into()) }
}

/// Room for an address, and the number of its bytes, which is that of the room before the call.
pub(super) struct Name {
    pub(super) bytes: Vec<u8>,
    length: Vec<u8>,
}

impl Name {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; LENGTH_MAX], length: (LENGTH_MAX as u32).to_bytes() }
    }

    /// The two arguments that name it.
    pub(super) fn arguments<'a>(&'a mut self, request: Request<'a>) -> Request<'a> {
        request.write(&mut self.bytes).write(&mut self.length)
    }

    /// The address, if there is one. Errors: EIO.
    pub(super) fn address(&self) -> KResult<Option<SocketAddress>> {
        of_length(&self.bytes, told(&self.length)?)
    }
}

/// The address in the front of some bytes, if it has bytes. Errors: EIO.
pub(super) fn of_length(bytes: &[u8], length: u32) -> KResult<Option<SocketAddress>> {
    let bytes = bytes.get(..length as usize).ok_or_else(malformed)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    sockaddr::parse(bytes).map(Some).map_err(|_| malformed())
}

impl RemoteProcess {
    /// As [`Process::socket`](rump_kern::Process::socket).
    pub fn socket(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        flags: OpenFlags,
    ) -> KResult<Fd> {
        let request = request(__SOCKET30).with(family as u32).with(kind as u32 | bits(flags)?);
        self.descriptor(request.with(u32::from(protocol)))
    }

    /// As [`Process::socketpair`](rump_kern::Process::socketpair).
    pub fn socketpair(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        flags: OpenFlags,
    ) -> KResult<[Fd; 2]> {
        let mut ends = room::<[u32; 2]>();
        let request = request(SOCKETPAIR).with(family as u32).with(kind as u32 | bits(flags)?);
        self.run(request.with(u32::from(protocol)).write(&mut ends))?;
        Ok(told::<[u32; 2]>(&ends)?.map(Fd))
    }

    /// As [`Process::bind`](rump_kern::Process::bind).
    pub fn bind(&self, fd: Fd, address: &SocketAddress) -> KResult<()> {
        let bytes = sockaddr::to_bytes(address);
        self.run(request(BIND).with(fd).read(&bytes).with(bytes.len()))
    }

    /// As [`Process::listen`](rump_kern::Process::listen).
    pub fn listen(&self, fd: Fd, backlog: u32) -> KResult<()> {
        // The server takes negative numbers for none.
        self.run(request(LISTEN).with(fd).with(backlog.min(i32::MAX as u32)))
    }

    /// As [`Process::paccept`](rump_kern::Process::paccept), but that no signal ends it.
    pub fn paccept(&self, fd: Fd, flags: OpenFlags, mask: Option<SignalSet>) -> KResult<(Fd, SocketAddress)> {
        let (mut name, mask) = (Name::new(), mask.map(|mask| mask.to_bytes()));
        let request = name.arguments(request(PACCEPT).with(fd)).read_if(mask.as_ref()).with(bits(flags)?);
        let accepted = self.descriptor(request)?;
        Ok((accepted, name.address()?.unwrap_or(SocketAddress::Unspecified)))
    }

    /// As [`Process::connect`](rump_kern::Process::connect).
    pub fn connect(&self, fd: Fd, address: &SocketAddress) -> KResult<()> {
        let bytes = sockaddr::to_bytes(address);
        self.run(request(CONNECT).with(fd).read(&bytes).with(bytes.len()))
    }

    /// As [`Process::shutdown`](rump_kern::Process::shutdown).
    pub fn shutdown(&self, fd: Fd, how: Shutdown) -> KResult<()> {
        let how = match how {
            Shutdown::Read => 0,
            Shutdown::Write => 1,
            Shutdown::Both => 2,
        };
        self.run(request(SHUTDOWN).with(fd).with(how))
    }

    /// As [`Process::getsockname`](rump_kern::Process::getsockname).
    pub fn getsockname(&self, fd: Fd) -> KResult<SocketAddress> {
        self.name(GETSOCKNAME, fd)
    }

    /// As [`Process::getpeername`](rump_kern::Process::getpeername).
    pub fn getpeername(&self, fd: Fd) -> KResult<SocketAddress> {
        self.name(GETPEERNAME, fd)
    }

    fn name(&self, number: u32, fd: Fd) -> KResult<SocketAddress> {
        let mut name = Name::new();
        self.run(name.arguments(request(number).with(fd)))?;
        Ok(name.address()?.unwrap_or(SocketAddress::Unspecified))
    }
}
