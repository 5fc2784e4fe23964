//! This kernel.

use crate::system::*;
use rump_host_posix::PosixHost;
use rump_kern::{Process, SendMessage};
use rump_kpi::socket::{Control, OptionValue};
use rump_kpi::sockopt::{IPPROTO_UDP, SO_ERROR, SO_RCVTIMEO, SOL_SOCKET, UDP_GRO, UDP_SEGMENT};
use rump_kpi::{AddressFamily, Component, KResult, MessageFlags, OpenFlags, SocketAddress, SocketType};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

pub struct Kernel {
    _kernel: rump_kern::Kernel,
    process: Process,
}

impl Kernel {
    /// One with a stack of its own.
    pub fn boot() -> Self {
        Self::with(PosixHost::new(), rumpnet_inet::component())
    }

    /// One over the host's sockets.
    pub fn boot_over_host() -> Self {
        let host = PosixHost::new();
        Self::with(host.clone(), rumpnet_sockin::component(host))
    }

    fn with(host: Arc<PosixHost>, component: Component) -> Self {
        let kernel = rump_kern::Kernel::builder(host).component(component).boot().unwrap();
        Self { process: kernel.process(), _kernel: kernel }
    }

    fn number(&self, at: Fd, level: i32, name: i32) -> i64 {
        match self.process.getsockopt(fd(at), level, name).unwrap() {
            OptionValue::Number(number) => number,
            other => panic!("{other:?}"),
        }
    }

    fn set(&self, at: Fd, name: i32, number: i64) -> Answer<()> {
        answer(self.process.setsockopt(fd(at), IPPROTO_UDP, name, &OptionValue::Number(number)))
    }
}

fn fd(fd: Fd) -> rump_kern::Fd {
    rump_kern::Fd(fd as u32)
}

fn answer<T>(result: KResult<T>) -> Answer<T> {
    result.map_err(|error| error.errno)
}

fn at(port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn inet(address: SocketAddress) -> SocketAddrV4 {
    let SocketAddress::Inet(address) = address else { panic!("{address:?}") };
    address
}

impl System for Kernel {
    fn socket(&self, kind: SocketType) -> Fd {
        self.process.socket(AddressFamily::Inet, kind, 0, OpenFlags::empty()).unwrap().0 as usize
    }

    fn bind(&self, at: Fd, port: u16) -> Answer<()> {
        let ip = if port == 0 { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        answer(self.process.bind(fd(at), &SocketAddress::Inet(SocketAddrV4::new(ip, port))))
    }

    fn listen(&self, at: Fd) {
        self.process.listen(fd(at), 5).unwrap();
    }

    fn accept(&self, at: Fd) -> Answer<Fd> {
        answer(self.process.accept(fd(at)).map(|(fd, _)| fd.0 as usize))
    }

    fn connect(&self, own: Fd, port: u16) -> Answer<()> {
        answer(self.process.connect(fd(own), &at(port)))
    }

    fn dissolve(&self, at: Fd) -> Answer<()> {
        answer(self.process.connect(fd(at), &SocketAddress::Unspecified))
    }

    fn own(&self, at: Fd) -> (bool, u16) {
        let own = inet(self.process.getsockname(fd(at)).unwrap());
        (own.ip().is_unspecified(), own.port())
    }

    fn peer(&self, at: Fd) -> Answer<u16> {
        answer(self.process.getpeername(fd(at)).map(|peer| inet(peer).port()))
    }

    fn send_batch(
        &self,
        own: Fd,
        messages: &[(&[u8], Option<u16>)],
        segment: Option<u16>,
        flags: MessageFlags,
    ) -> Answer<usize> {
        let control: Vec<Control> = segment.map(Control::SegmentBytes).into_iter().collect();
        let with_addresses: Vec<_> = messages.iter().map(|(bytes, to)| ([*bytes], (*to).map(at))).collect();
        let messages: Vec<SendMessage<'_>> = with_addresses
            .iter()
            .map(|(parts, to)| SendMessage { parts, to: to.as_ref(), rights: &[], control: &control })
            .collect();
        answer(self.process.sendmmsg(fd(own), &messages, flags))
    }

    fn receive_batch(
        &self,
        at: Fd,
        lengths: &[usize],
        flags: MessageFlags,
        timeout: Option<Duration>,
    ) -> Answer<Vec<Came>> {
        let mut buffers: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0; *length]).collect();
        let mut parts: Vec<&mut [u8]> = buffers.iter_mut().map(|buffer| &mut buffer[..]).collect();
        let all = answer(self.process.recvmmsg(fd(at), &mut parts, 0, flags, timeout))?;
        let came = |(message, mut bytes): (rump_kern::Received, Vec<u8>)| {
            bytes.truncate(message.length);
            let segment = message.control.iter().find_map(|control| match control {
                Control::SegmentBytes(size) => Some(*size),
                _ => None,
            });
            Came { bytes, segment, is_cut: message.flags.contains(MessageFlags::TRUNC) }
        };
        Ok(all.into_iter().zip(buffers).map(came).collect())
    }

    fn set_segment(&self, at: Fd, bytes: i32) -> Answer<()> {
        self.set(at, UDP_SEGMENT, bytes.into())
    }

    fn segment(&self, at: Fd) -> i32 {
        self.number(at, IPPROTO_UDP, UDP_SEGMENT) as i32
    }

    fn set_coalescing(&self, at: Fd, on: bool) -> Answer<()> {
        self.set(at, UDP_GRO, on.into())
    }

    fn set_receive_timeout(&self, at: Fd, timeout: Duration) {
        let value = OptionValue::Time(Some(timeout));
        self.process.setsockopt(fd(at), SOL_SOCKET, SO_RCVTIMEO, &value).unwrap();
    }

    fn error(&self, at: Fd) -> Option<i32> {
        let number = self.number(at, SOL_SOCKET, SO_ERROR);
        let errno = rump_kpi::Errno::ALL.iter().find(|errno| **errno as i64 == number);
        errno.map(|errno| *errno as i32)
    }

    fn close(&self, at: Fd) {
        self.process.close(fd(at)).unwrap();
    }
}
