//! Between the client, which is pure, and a kernel: sockets, the clock, and what the stack says of an address.
//!
//! One socket is at the port of clients for whatever goes to all, a second one at the leased address, so that the answers
//! of servers to renewals come to the client of this interface and to no other.

use super::apply::Applied;
use super::file::LeaseFile;
use super::{Check, METRIC, Options};
use crate::Interface;
use crate::hyper::Hypervisor;
use crate::interface::network;
use crate::kpi::device::{AddressState, Medium, Network};
use crate::kpi::socket::{Control, Domain, OptionValue};
use crate::kpi::{Registration, WaitQueue};
use crate::resolv_conf;
use crate::sockopt::{IP_RECVPKTINFO, IPPROTO_IP, SO_BROADCAST, SO_REUSEPORT, SOL_SOCKET};
use crate::task::Work;
use crate::{
    AddressFamily, Errno, Fd, KError, KResult, Kernel, MessageFlags, OpenFlags, Process, SendMessage,
    SocketAddress, SocketType, Watch,
};
use rumpnet_dhcp::{
    Action, CLIENT_PORT, Client, ClientIdentifier, Config, Information, Lease, Phase, SERVER_PORT,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// Datagrams that are received, and rounds of actions that are done, before others have their turn.
const MOST_DATAGRAMS: usize = 64;
const MOST_ROUNDS: usize = 16;
/// The longest message that is read.
const MOST_BYTES: usize = 4096;

/// See the module.
pub(super) struct Driver {
    client: Client,
    file: Option<LeaseFile>,
    host: Arc<dyn Hypervisor>,
    process: Process,
    domain: Arc<dyn Domain>,
    number: u32,
    options: Options,
    waker: Waker,
    all: Socket,
    leased: Option<Socket>,
    /// An address that the stack asks for.
    claimed: Option<Lease>,
    applied: Option<Applied>,
    information: Option<Information>,
    failure: Option<KError>,
    progress: Arc<WaitQueue>,
    last: Option<(Phase, bool)>,
    /// How often the interface was connected, when that was last looked at.
    connections: u64,
    _changes: Registration,
}

struct Socket {
    process: Process,
    fd: Fd,
    _watch: Watch,
}

impl Socket {
    /// A socket that many may have.
    fn bind(process: &Process, address: Ipv4Addr, waker: &Waker) -> KResult<Self> {
        let flags = OpenFlags::NONBLOCK | OpenFlags::CLOEXEC;
        let fd = process.socket(AddressFamily::Inet, SocketType::Datagram, 0, flags)?;
        let bound = || {
            for (level, name) in
                [(SOL_SOCKET, SO_REUSEPORT), (SOL_SOCKET, SO_BROADCAST), (IPPROTO_IP, IP_RECVPKTINFO)]
            {
                process.setsockopt(fd, level, name, &OptionValue::Number(1))?;
            }
            process.bind(fd, &at(address, CLIENT_PORT))?;
            process.watch(fd, waker)
        };
        match bound() {
            Ok(watch) => Ok(Self { process: process.clone(), fd, _watch: watch }),
            Err(error) => {
                process.close(fd)?;
                Err(error)
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Fails where the kernel was halted: it is gone either way.
        let _ = self.process.close(self.fd);
    }
}

fn at(address: Ipv4Addr, port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(address, port))
}

impl Driver {
    pub(super) fn new(
        kernel: &Kernel,
        interface: &Interface,
        options: Options,
        waker: Waker,
    ) -> io::Result<Self> {
        Self::make(kernel, interface, options, waker, |_, config, seed| Ok(Client::new(config, seed)))
    }

    pub(super) fn informing(
        kernel: &Kernel,
        interface: &Interface,
        options: Options,
        waker: Waker,
    ) -> io::Result<Self> {
        let options = Options { lease: None, ..options };
        Self::make(kernel, interface, options, waker, |network, config, seed| {
            let addresses = network.addresses(interface.number())?;
            let first = addresses.iter().find_map(|own| match own.address {
                IpAddr::V4(address) if own.state == AddressState::Preferred => Some(address),
                _ => None,
            });
            let missing = || KError::new(Errno::EADDRNOTAVAIL, "the interface has no address of IPv4");
            Ok(Client::inform(config, seed, first.ok_or_else(missing)?))
        })
    }

    fn make(
        kernel: &Kernel,
        interface: &Interface,
        options: Options,
        waker: Waker,
        client: impl FnOnce(&dyn Network, Config, u64) -> KResult<Client>,
    ) -> io::Result<Self> {
        let domain = kernel.protocols(AddressFamily::Inet)?;
        let (number, info) = (interface.number(), interface.info()?);
        let Medium::Ethernet { address: hardware } = info.device.medium else {
            let text = format!("{}: DHCP is for interfaces of Ethernet", info.name);
            return Err(KError::new(Errno::EINVAL, text).into());
        };
        let identifier = options.identifier.clone();
        let identifier = identifier.unwrap_or_else(|| ClientIdentifier::host(number, hardware));
        let file =
            options.lease.clone().map(|path| LeaseFile::new(path, info.name, hardware, identifier.clone()));
        let mut config = Config::new(hardware, identifier);
        config.kept = file.as_ref().and_then(|file| file.read(&**kernel.host()));
        config.host_name.clone_from(&options.host_name);
        config.remembered = options.remembered;
        let mut seed = [0; 8];
        kernel.host().fill(&mut seed).map_err(|error| KError::new(error.errno, error.what))?;
        let client = client(network(&*domain)?, config, u64::from_le_bytes(seed))?;
        let process = kernel.process();
        let all = Socket::bind(&process, Ipv4Addr::UNSPECIFIED, &waker)?;
        let changes = network(&*domain)?.changes().register(&waker);
        Ok(Self {
            client,
            file,
            host: kernel.host().clone(),
            process,
            domain,
            number,
            options,
            waker,
            all,
            leased: None,
            claimed: None,
            applied: None,
            information: None,
            failure: None,
            progress: Arc::default(),
            last: None,
            connections: info.connections,
            _changes: changes,
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn information(&self) -> Option<&Information> {
        self.information.as_ref()
    }

    /// Why it can do nothing any more.
    pub(super) fn failure(&self) -> Option<KError> {
        self.failure.clone()
    }

    /// Where to wait for another phase.
    pub(super) fn progress(&self) -> &Arc<WaitQueue> {
        &self.progress
    }

    /// Ends the client in one of its ways, and does what that asks for.
    pub(super) fn end(&mut self, end: impl FnOnce(&mut Client)) {
        end(&mut self.client);
        self.act_all();
        self.leased = None;
        self.progress.wake();
    }

    /// Ends without taking away anything.
    pub(super) fn leave(&mut self) {
        self.client.stop();
        self.client.take_actions();
        (self.applied, self.claimed, self.leased) = (None, None, None);
    }

    fn metric(&self) -> u32 {
        self.options.metric.unwrap_or(METRIC + self.number)
    }

    fn receive(&mut self) {
        let now = self.host.monotonic();
        let mut buffer = vec![0; MOST_BYTES];
        let fds: Vec<Fd> =
            [Some(&self.all), self.leased.as_ref()].into_iter().flatten().map(|it| it.fd).collect();
        for fd in fds {
            for _ in 0..MOST_DATAGRAMS {
                let came = self.process.recvmsg(fd, &mut [&mut buffer], 0, MessageFlags::DONTWAIT);
                let received = match came {
                    Ok(received) => received,
                    Err(error) if error.errno == Errno::EAGAIN => break,
                    Err(error) => return self.fail(error),
                };
                let is_ours = |control: &Control| matches!(control, Control::PacketInfo { interface, .. } if *interface == self.number);
                if received.control.iter().any(is_ours) && !received.flags.contains(MessageFlags::TRUNC) {
                    self.client.receive(now, &buffer[..received.length]);
                }
            }
        }
    }

    /// The kernel was halted, or the interface is gone.
    fn fail(&mut self, error: KError) {
        if matches!(error.errno, Errno::ENXIO | Errno::EBADF) {
            self.failure = Some(error);
            self.leave();
            if let Ok(network) = network(&*self.domain) {
                // What this interface's network told is no more; where the kernel is, nobody reads it.
                let _ = resolv_conf::update(&self.process, network);
            }
        }
    }

    fn check_interface(&mut self) {
        let found = network(&*self.domain).and_then(|network| {
            let all = network.interfaces();
            let own = all.iter().find(|info| info.number == self.number);
            Ok(own.ok_or(Errno::ENXIO)?.connections)
        });
        match found {
            Ok(connections) => {
                if core::mem::replace(&mut self.connections, connections) != connections {
                    self.client.reconnected(self.host.monotonic());
                }
            }
            Err(error) => self.fail(KError::new(error.errno, "the interface was taken away")),
        }
    }

    /// What the stack says of an address that it asks for.
    fn look_at_claim(&mut self) {
        let Some(address) = self.claimed.as_ref().map(|lease| lease.address) else { return };
        let found = network(&*self.domain).and_then(|network| network.addresses(self.number));
        let state = match found {
            Ok(all) => all.iter().find(|own| own.address == IpAddr::V4(address)).map(|own| own.state),
            Err(error) => return self.fail(error),
        };
        match state {
            Some(AddressState::Tentative) => {}
            Some(_) => self.client.claimed(),
            None => {
                self.claimed = None;
                self.client.conflicted(self.host.monotonic());
            }
        }
    }

    fn act_all(&mut self) {
        for _ in 0..MOST_ROUNDS {
            let actions = self.client.take_actions();
            if actions.is_empty() {
                return;
            }
            actions.into_iter().for_each(|action| self.act(action));
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send { from, to, message } => self.send(from, to, &message),
            Action::Claim(lease) => self.claim(lease),
            Action::Apply(lease) => self.apply(lease),
            Action::Withdraw(lease) => self.withdraw(&lease),
            Action::Forget => self.keep(LeaseFile::remove),
            Action::Inform(information) => {
                self.told_names(&information);
                self.information = Some(information);
            }
            Action::Tell(told) => {
                if let Some(observer) = &self.options.observer {
                    observer(&told);
                }
            }
        }
    }

    /// What cannot be sent now is sent again later, as if it had been lost.
    fn send(&mut self, from: Ipv4Addr, to: Ipv4Addr, bytes: &[u8]) {
        let socket = self.leased.as_ref().filter(|_| !from.is_unspecified()).unwrap_or(&self.all);
        let control = [Control::PacketInfo { to: from.into(), interface: self.number }];
        let to = at(to, SERVER_PORT);
        let message =
            SendMessage { parts: &[bytes], to: Some(&to), control: &control, ..SendMessage::default() };
        let _ = self.process.sendmsg(socket.fd, &message, MessageFlags::DONTWAIT);
    }

    fn claim(&mut self, lease: Lease) {
        let claimed = network(&*self.domain).and_then(|network| match self.options.check {
            Check::Ask => network.claim_address(self.number, lease.address, lease.prefix_length()),
            Check::Trust => network.add_address(self.number, lease.address.into(), lease.prefix_length()),
        });
        match claimed {
            Ok(()) => self.claimed = Some(lease),
            // It was left there.
            Err(error) if error.errno == Errno::EEXIST => self.claimed = Some(lease),
            Err(error) if error.errno == Errno::ENXIO => self.fail(error),
            // It cannot be used: a server that gives the address of the network itself, for example.
            Err(_) => self.client.conflicted(self.host.monotonic()),
        }
    }

    fn apply(&mut self, lease: Lease) {
        self.claimed = None;
        let metric = self.metric();
        let Ok(network) = network(&*self.domain) else { return };
        let before = self.applied.take();
        self.applied = Some(Applied::apply(network, self.number, metric, &lease, before));
        if self.leased.is_none() {
            self.leased = Socket::bind(&self.process, lease.address, &self.waker).ok();
        }
        self.told_names(&lease.information);
        self.keep(|file, host| file.write(&lease, host));
    }

    fn keep(&self, change: impl FnOnce(&LeaseFile, &dyn Hypervisor)) {
        if let Some(file) = &self.file {
            change(file, &*self.host);
        }
    }

    fn withdraw(&mut self, lease: &Lease) {
        self.leased = None;
        self.claimed = None;
        let Ok(network) = network(&*self.domain) else { return };
        if let Some(applied) = self.applied.take() {
            applied.withdraw(network, self.number);
        }
        // Of one that was only asked for nothing else is there.
        let _ = network.remove_address(self.number, lease.address.into());
        self.told_names(&Information::default());
    }

    fn told_names(&self, information: &Information) {
        let Ok(network) = network(&*self.domain) else { return };
        let resolver = crate::kpi::device::ResolverInfo {
            interface: self.number,
            servers: information.name_servers.iter().copied().map(IpAddr::V4).collect(),
            domains: information.search_domains(),
        };
        if network.set_resolver(&resolver).is_ok() {
            if let Err(error) = resolv_conf::update(&self.process, network) {
                self.host.write_line(&format!("{}: {error}", resolv_conf::PATH));
            }
        }
    }
}

impl Work for Driver {
    fn work(&mut self) -> Option<Duration> {
        if self.failure.is_none() {
            self.check_interface();
            self.receive();
            self.look_at_claim();
            self.client.poll(self.host.monotonic());
            self.act_all();
            // An address that is not asked for is there at once.
            self.look_at_claim();
            self.act_all();
        }
        let now = Some((self.client.phase(), self.failure.is_some() || self.information.is_some()));
        if core::mem::replace(&mut self.last, now) != now {
            self.progress.wake();
        }
        self.client.next_deadline()
    }
}
