//! Messages of routing sockets: changes of routes and neighbours, questions, and news of others' changes.

use super::RemoteNetwork;
use crate::RemoteProcess;
use crate::connection::malformed;
use rump_abi::netbsd::route::*;
use rump_abi::{AddressFamily, Errno, OpenFlags, SocketType};
use rump_kern::Fd;
use rump_kpi::{KError, KResult};
use std::net::IpAddr;

/// Messages of others that are passed over until the answer must have come.
const OTHERS_MAX: usize = 1 << 16;

/// What becomes of a route, or of what is known of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// It is made.
    Add,
    /// It is taken away.
    Delete,
    /// It leads elsewhere.
    Change,
}

/// Where packets go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a router.
    Router(IpAddr),
    /// To who is on the link of an interface.
    Interface(u32),
    /// To a hardware address on the link of an interface: it is about a neighbour.
    Hardware(u32, Vec<u8>),
}

impl Way {
    fn address(&self, zone: u32) -> Address {
        let link = |number: u32, hardware: &[u8]| {
            let index = number as u16;
            Address::Link(LinkAddress { index, hardware: hardware.to_vec(), ..LinkAddress::default() })
        };
        match self {
            Self::Router(address) => Address::of_ip(*address, zone),
            Self::Interface(number) => link(*number, &[]),
            Self::Hardware(number, hardware) => link(*number, hardware),
        }
    }
}

/// A routing socket.
pub struct News {
    process: RemoteProcess,
    fd: Fd,
}

impl News {
    /// Errors: EAFNOSUPPORT (the kernel has none).
    pub fn new(process: &RemoteProcess) -> KResult<Self> {
        let fd = process.socket(AddressFamily::Route, SocketType::Raw, 0, OpenFlags::CLOEXEC)?;
        Ok(Self { process: process.clone(), fd })
    }

    /// What can be polled.
    pub fn fd(&self) -> Fd {
        self.fd
    }

    /// The next message. Errors: EIO, ENOBUFS (some were lost).
    pub fn next(&self) -> KResult<Message> {
        let mut bytes = vec![0; MESSAGE_MAX];
        let count = self.process.read(self.fd, &mut bytes)?;
        Message::parse(&bytes[..count]).map(|(message, _)| message).map_err(|_| malformed())
    }

    fn send(&self, header: RtMsghdr, addresses: &Addresses) -> KResult<()> {
        let bytes = Message::Route(header, addresses.clone()).to_bytes();
        self.process.write(self.fd, &bytes).map(drop)
    }
}

impl Drop for News {
    fn drop(&mut self) {
        // It fails only where the server has gone.
        let _ = self.process.close(self.fd);
    }
}

impl RemoteNetwork {
    /// Changes a route of a prefix. `flags` are those that the way does not say; `zone` is the interface that addresses of a
    /// link are at; `metric` counts if it is not zero. Errors: ESRCH, EEXIST, ENETUNREACH, EINVAL, EPERM.
    pub fn change_route(
        &self,
        ask: Ask,
        (destination, length): (IpAddr, u8),
        way: Option<&Way>,
        flags: u32,
        zone: u32,
        metric: u32,
    ) -> KResult<()> {
        let is_host = length == if destination.is_ipv4() { 32 } else { 128 };
        let kind = match ask {
            Ask::Add => RTM_ADD,
            Ask::Delete => RTM_DELETE,
            Ask::Change => RTM_CHANGE,
        };
        let of_way = match way {
            Some(Way::Router(_)) => RTF_GATEWAY,
            Some(Way::Hardware(..)) => RTF_LLDATA,
            _ => 0,
        };
        let of_host = if is_host { RTF_HOST } else { 0 };
        let mut header = RtMsghdr::new(kind);
        header.flags = RTF_UP | RTF_STATIC | of_way | of_host | flags;
        header.sequence = 1;
        if metric != 0 {
            (header.inits, header.metrics.hop_count) = (RTV_HOPCOUNT, metric.into());
        }
        let addresses = Addresses {
            destination: Some(Address::of_ip(destination, zone)),
            gateway: way.map(|way| way.address(zone)),
            mask: (!is_host).then_some(length),
            ..Addresses::default()
        };
        News::new(&self.process)?.send(header, &addresses)
    }

    /// Forgets who a neighbour is. Errors: ESRCH, EPERM.
    pub fn forget_neighbour(&self, address: IpAddr, interface: u32) -> KResult<()> {
        let length = if address.is_ipv4() { 32 } else { 128 };
        let way = Way::Hardware(interface, Vec::new());
        self.change_route(Ask::Delete, (address, length), Some(&way), 0, interface, 0)
    }

    /// The route by which packets to an address leave. Errors: ESRCH, EIO.
    pub fn route_to(&self, address: IpAddr, zone: u32) -> KResult<(RtMsghdr, Addresses)> {
        let socket = News::new(&self.process)?;
        let pid = i32::try_from(self.process.pid()?).map_err(|_| malformed())?;
        let header = RtMsghdr { flags: RTF_UP | RTF_HOST, sequence: 1, ..RtMsghdr::new(RTM_GET) };
        let nobody = Address::Link(LinkAddress::default());
        let destination = Some(Address::of_ip(address, zone));
        // The interface is told to who asks for it.
        socket.send(header, &Addresses { destination, interface: Some(nobody), ..Addresses::default() })?;
        for _ in 0..OTHERS_MAX {
            match socket.next()? {
                Message::Route(header, addresses)
                    if header.kind == RTM_GET && header.sequence == 1 && header.pid == pid =>
                {
                    crate::connection::check(header.errno)?;
                    return Ok((header, addresses));
                }
                _ => {}
            }
        }
        Err(KError::new(Errno::EIO, "the kernel does not answer"))
    }
}
