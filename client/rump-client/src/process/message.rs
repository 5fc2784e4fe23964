//! send(2), recv(2), sendmsg(2), recvmsg(2), sendmmsg(2), recvmmsg(2).

use super::request::{length, list, request, told};
use super::socket::{Name, of_length};
use super::{RemoteProcess, control};
use crate::connection::malformed;
use crate::memory::Region;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::message::{Mmsghdr, Msghdr};
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::sockaddr::{self, LENGTH_MAX};
use rump_abi::{MessageFlags, SocketAddress};
use rump_kern::{Fd, Received, SendMessage};
use rump_kpi::KResult;
use std::time::Duration;

/// Bytes of control data that the server gives at most.
const CONTROL_MAX: usize = 4096;
/// Messages of one call at most.
const BATCH_MAX: usize = 1024;

/// What the header of a message points to.
struct Sent<'a> {
    parts: Vec<Region<'a>>,
    list: Vec<u8>,
    name: Vec<u8>,
    control: Vec<u8>,
}

impl<'a> Sent<'a> {
    fn new(message: &SendMessage<'a>) -> Self {
        let parts: Vec<Region<'a>> = message.parts.iter().map(|part| Region::read(part)).collect();
        Self {
            list: list(&parts),
            parts,
            name: message.to.map(sockaddr::to_bytes).unwrap_or_default(),
            control: control::sent(message.rights, message.control),
        }
    }

    fn header(&self) -> Msghdr {
        let place = |bytes: &[u8]| if bytes.is_empty() { 0 } else { Region::read(bytes).address() };
        Msghdr {
            name: place(&self.name),
            name_length: self.name.len() as u32,
            iov: place(&self.list),
            iov_length: i32::try_from(self.parts.len()).unwrap_or(i32::MAX),
            control: place(&self.control),
            control_length: self.control.len() as u32,
            flags: 0,
        }
    }

    fn regions(&self) -> impl Iterator<Item = Region<'_>> {
        let own = [&self.list, &self.name, &self.control].map(|bytes| Region::read(bytes));
        own.into_iter().chain(self.parts.iter().map(Region::again))
    }
}

/// Where a message goes that comes.
struct Place<'a> {
    parts: Vec<Region<'a>>,
    list: Vec<u8>,
    name: Vec<u8>,
    control: Vec<u8>,
}

impl<'a> Place<'a> {
    fn new(parts: Vec<Region<'a>>) -> Self {
        Self { list: list(&parts), parts, name: vec![0; LENGTH_MAX], control: vec![0; CONTROL_MAX] }
    }

    /// The header, and all that it points to.
    fn lend(&mut self) -> (Msghdr, Vec<Region<'_>>) {
        let iov_length = i32::try_from(self.parts.len()).unwrap_or(i32::MAX);
        let own = [Region::read(&self.list), Region::write(&mut self.name), Region::write(&mut self.control)];
        let header = Msghdr {
            name: own[1].address(),
            name_length: LENGTH_MAX as u32,
            iov: own[0].address(),
            iov_length,
            control: own[2].address(),
            control_length: CONTROL_MAX as u32,
            flags: 0,
        };
        (header, own.into_iter().chain(self.parts.iter().map(Region::again)).collect())
    }

    /// What came, by what the header says now. Errors: EIO.
    fn received(&self, header: &Msghdr, length: usize, asked: MessageFlags) -> KResult<Received> {
        let room = self.parts.iter().fold(0, |all: usize, part| all.saturating_add(part.length()));
        if length > room && !asked.contains(MessageFlags::TRUNC) {
            return Err(malformed());
        }
        let control = self.control.get(..header.control_length as usize).ok_or_else(malformed)?;
        let (rights, control) = control::came(control);
        Ok(Received {
            length,
            from: of_length(&self.name, header.name_length)?,
            rights,
            control,
            flags: MessageFlags::from_bits_truncate(header.flags as u32),
        })
    }
}

impl RemoteProcess {
    /// As [`Process::send`](rump_kern::Process::send).
    pub fn send(&self, fd: Fd, bytes: &[u8], flags: MessageFlags) -> KResult<usize> {
        let request = request(SENDTO).with(fd).read(bytes).with(bytes.len()).with(flags);
        self.count(request.null().null(), bytes.len())
    }

    /// As [`Process::sendto`](rump_kern::Process::sendto).
    pub fn sendto(&self, fd: Fd, bytes: &[u8], flags: MessageFlags, to: &SocketAddress) -> KResult<usize> {
        let to = sockaddr::to_bytes(to);
        let request = request(SENDTO).with(fd).read(bytes).with(bytes.len()).with(flags);
        self.count(request.read(&to).with(to.len()), bytes.len())
    }

    /// As [`Process::sendmsg`](rump_kern::Process::sendmsg).
    pub fn sendmsg(&self, fd: Fd, message: &SendMessage<'_>, flags: MessageFlags) -> KResult<usize> {
        let sent = Sent::new(message);
        let most = message.parts.iter().map(|part| part.len()).sum();
        let header = sent.header().to_bytes();
        self.count(request(SENDMSG).with(fd).read(&header).with(flags).lend(sent.regions()), most)
    }

    /// As [`Process::sendmmsg`](rump_kern::Process::sendmmsg).
    pub fn sendmmsg(&self, fd: Fd, messages: &[SendMessage<'_>], flags: MessageFlags) -> KResult<usize> {
        let sent: Vec<Sent<'_>> = messages.iter().take(BATCH_MAX).map(Sent::new).collect();
        let header = |sent: &Sent<'_>| Mmsghdr { header: sent.header(), length: 0 }.to_bytes();
        let mut headers: Vec<u8> = sent.iter().flat_map(header).collect();
        let request = request(SENDMMSG).with(fd).write(&mut headers).with(sent.len()).with(flags);
        self.count(request.lend(sent.iter().flat_map(Sent::regions)), sent.len())
    }

    /// As [`Process::recv`](rump_kern::Process::recv).
    pub fn recv(&self, fd: Fd, buf: &mut [u8], flags: MessageFlags) -> KResult<usize> {
        self.recvfrom(fd, buf, flags).map(|(count, _)| count)
    }

    /// As [`Process::recvfrom`](rump_kern::Process::recvfrom).
    pub fn recvfrom(
        &self,
        fd: Fd,
        buf: &mut [u8],
        flags: MessageFlags,
    ) -> KResult<(usize, Option<SocketAddress>)> {
        let (mut name, room) = (Name::new(), buf.len());
        let request = request(RECVFROM).with(fd).write(buf).with(room).with(flags);
        // The length of a message may be asked for that is longer.
        let most = if flags.contains(MessageFlags::TRUNC) { usize::MAX } else { room };
        let count = self.count(name.arguments(request), most)?;
        Ok((count, name.address()?))
    }

    /// As [`Process::recvmsg`](rump_kern::Process::recvmsg).
    pub fn recvmsg(
        &self,
        fd: Fd,
        parts: &mut [&mut [u8]],
        rights_max: usize,
        flags: MessageFlags,
    ) -> KResult<Received> {
        let mut place = Place::new(parts.iter_mut().map(|part| Region::write(part)).collect());
        let (header, regions) = place.lend();
        let mut bytes = header.to_bytes();
        let request = request(RECVMSG).with(fd).write(&mut bytes).with(flags).lend(regions);
        let length = self.count(request, usize::MAX)?;
        let received = place.received(&told(&bytes)?, length, flags)?;
        Ok(self.with_rights(received, rights_max))
    }

    /// As [`Process::recvmmsg`](rump_kern::Process::recvmmsg).
    pub fn recvmmsg(
        &self,
        fd: Fd,
        bufs: &mut [&mut [u8]],
        rights_max: usize,
        flags: MessageFlags,
        timeout: Option<Duration>,
    ) -> KResult<Vec<Received>> {
        let bufs = bufs.iter_mut().take(BATCH_MAX);
        let mut places: Vec<Place<'_>> = bufs.map(|buf| Place::new(vec![Region::write(buf)])).collect();
        let (mut headers, mut regions) = (Vec::new(), Vec::new());
        for place in &mut places {
            let (header, lent) = place.lend();
            headers.extend(Mmsghdr { header, length: 0 }.to_bytes());
            regions.extend(lent);
        }
        let (count, timeout) = (headers.len() / Mmsghdr::SIZE, timeout.map(length));
        let request = request(RECVMMSG).with(fd).write(&mut headers).with(count).with(flags);
        let count = self.count(request.read_if(timeout.as_ref()).lend(regions), count)?;
        let headers = headers.chunks_exact(Mmsghdr::SIZE).take(count);
        let received = headers.zip(&places).map(|(header, place)| {
            let message: Mmsghdr = told(header)?;
            let received = place.received(&message.header, message.length as usize, flags)?;
            Ok(self.with_rights(received, rights_max))
        });
        received.collect()
    }

    /// Descriptors that nobody has room for are closed, as a kernel that is here does not make them.
    fn with_rights(&self, mut received: Received, most: usize) -> Received {
        if received.rights.len() > most {
            received.flags |= MessageFlags::CTRUNC;
            // Another thread may have closed it.
            received.rights.drain(most..).for_each(|fd| drop(self.close(fd)));
        }
        received
    }
}
