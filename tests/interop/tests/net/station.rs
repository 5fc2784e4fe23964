//! A kernel of ours over any end of the host's.

use interop::{Check, context};
use rumpkit::hyper::Console;
use rumpkit::hyper::packet::PacketIo;
use rumpkit::net::{
    AddressInfo, AddressState, Interface, TcpListener, TcpStream, UdpSocket, add_default_route,
};
use rumpkit::virtif::VirtIf;
use rumpkit::{Kernel, PosixHost, Process};
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// No call waits longer.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub struct Station {
    kernel: Kernel,
    pub interface: Interface,
    pub device: Arc<VirtIf>,
}

impl Station {
    /// A kernel with one interface, which is up and has these addresses.
    pub fn new(io: Arc<dyn PacketIo>, addresses: &[&str]) -> Check<Self> {
        let host = PosixHost::new();
        let kernel = context(rumpkit::kernel(host.clone()), "boot")?;
        let device = VirtIf::new(host, io);
        let interface = Self::attach(&kernel, "eth0", device.clone(), addresses)?;
        Ok(Self { kernel, interface, device })
    }

    fn attach(kernel: &Kernel, name: &str, device: Arc<VirtIf>, addresses: &[&str]) -> Check<Interface> {
        let interface = context(Interface::attach(kernel, name, device), "attach")?;
        context(interface.up(), "up")?;
        for address in addresses {
            let parsed = context(address.parse(), address)?;
            context(interface.add_address(parsed), address)?;
        }
        Ok(interface)
    }

    /// One more interface.
    pub fn add(&self, name: &str, io: Arc<dyn PacketIo>, addresses: &[&str]) -> Check {
        let device = VirtIf::new(PosixHost::new(), io);
        Self::attach(&self.kernel, name, device, addresses).map(drop)
    }

    pub fn process(&self) -> Process {
        self.kernel.process()
    }

    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    pub fn route(&self, router: &str) -> Check {
        let router: IpAddr = context(router.parse(), router)?;
        context(add_default_route(&self.kernel, router), format!("the route by {router}"))
    }

    /// Waits until an end has somebody at the other side, or nobody.
    pub fn wait_for_carrier(&self, expected: bool) -> Check {
        let begin = Instant::now();
        while context(self.interface.info(), "the interface")?.has_carrier != expected {
            if begin.elapsed() > PATIENCE {
                return Err(format!("the carrier is not {expected} after {PATIENCE:?}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits until others were asked for all addresses, and have none of them.
    pub fn wait_for_addresses(&self) -> Check {
        let begin = Instant::now();
        let is_ours = |address: &AddressInfo| address.state == AddressState::Preferred;
        while !context(self.interface.addresses(), "its addresses")?.iter().all(is_ours) {
            if begin.elapsed() > PATIENCE {
                return Err(format!("addresses are not ours after {PATIENCE:?}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub fn listen(&self, address: &str) -> Check<TcpListener> {
        let bound = patiently(|| TcpListener::bind(&self.process(), address));
        context(bound, format!("a listener at {address}"))
    }

    /// A connection, whose calls end.
    pub fn connect(&self, to: &str) -> Check<TcpStream> {
        let address: SocketAddr = context(to.parse(), to)?;
        let limit = Duration::from_secs(10);
        let stream = patiently(|| TcpStream::connect_timeout(&self.process(), &address, limit));
        let stream = context(stream, format!("connecting to {to}"))?;
        context(stream.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
        context(stream.set_write_timeout(Some(PATIENCE)), "a limit of time")?;
        Ok(stream)
    }

    pub fn udp(&self, address: &str) -> Check<UdpSocket> {
        let bound = patiently(|| UdpSocket::bind(&self.process(), address));
        let socket = context(bound, format!("a socket at {address}"))?;
        context(socket.set_read_timeout(Some(Duration::from_secs(2))), "a limit of time")?;
        Ok(socket)
    }

    /// Asks somebody who sends back what came, by datagrams of several lengths.
    pub fn echo_datagrams(&self, from: &str, to: &str, lengths: &[usize]) -> Check {
        let socket = self.udp(from)?;
        context(socket.connect(to), format!("connecting to {to}"))?;
        for length in lengths {
            let (bytes, mut buffer) = (crate::site::content(*length as u32, *length), vec![0; 70_000]);
            // The other side may not listen yet.
            let answer = (0..10).find_map(|_| {
                let sent = socket.send(&bytes).and_then(|_| socket.recv(&mut buffer));
                sent.inspect_err(|_| thread::sleep(Duration::from_millis(20))).ok()
            });
            let count = answer.ok_or(format!("no answer of {to} to {length} bytes"))?;
            if buffer[..count] != bytes {
                return Err(format!("{length} bytes came back as {count} others"));
            }
        }
        Ok(())
    }
}

/// Tries again for a while: an address of IPv6 is tentative at first, and the other side may not be there yet.
fn patiently<T>(attempt: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
    let begin = Instant::now();
    loop {
        match attempt() {
            Err(_) if begin.elapsed() < PATIENCE / 4 => thread::sleep(Duration::from_millis(50)),
            result => return result,
        }
    }
}

/// A stream of bytes of somebody's.
pub trait Stream: Send {
    fn reader(&self) -> Box<dyn Read + Send + '_>;
    fn writer(&self) -> Box<dyn Write + Send + '_>;
    fn end(&self) -> std::io::Result<()>;
}

impl Stream for TcpStream {
    fn reader(&self) -> Box<dyn Read + Send + '_> {
        Box::new(self)
    }

    fn writer(&self) -> Box<dyn Write + Send + '_> {
        Box::new(self)
    }

    fn end(&self) -> std::io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for std::net::TcpStream {
    fn reader(&self) -> Box<dyn Read + Send + '_> {
        Box::new(self)
    }

    fn writer(&self) -> Box<dyn Write + Send + '_> {
        Box::new(self)
    }

    fn end(&self) -> std::io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Both ways at once, to the end: what one sends the other gets.
pub fn exchange(one: &(dyn Stream + Sync), other: &(dyn Stream + Sync), length: usize) -> Check {
    let [first, second] = &contents(length);
    thread::scope(|scope| {
        let both =
            [scope.spawn(|| converse(one, first, second)), scope.spawn(|| converse(other, second, first))];
        both.into_iter().try_for_each(finished)
    })
}

/// One side of it.
pub fn converse(one: &(dyn Stream + Sync), own: &[u8], others: &[u8]) -> Check {
    thread::scope(|scope| {
        let both = [scope.spawn(|| send(one, own)), scope.spawn(|| receive(one, others))];
        both.into_iter().try_for_each(finished)
    })
}

/// The same, but `one` ends only once all of the other's has come.
pub fn exchange_ending_last(one: &(dyn Stream + Sync), other: &(dyn Stream + Sync), length: usize) -> Check {
    let [first, second] = &contents(length);
    thread::scope(|scope| {
        let own = [
            scope.spawn(|| context(one.writer().write_all(first), "write")),
            scope.spawn(|| receive(one, second)),
        ];
        let others = [scope.spawn(|| receive(other, first)), scope.spawn(|| send(other, second))];
        let done = own.map(finished);
        context(one.end(), "the end")?;
        done.into_iter().chain(others.map(finished)).collect()
    })
}

fn contents(length: usize) -> [Vec<u8>; 2] {
    [crate::site::content(length as u32, length), crate::site::content(7, length)]
}

fn send(stream: &(dyn Stream + Sync), bytes: &[u8]) -> Check {
    context(stream.writer().write_all(bytes), "write")?;
    context(stream.end(), "the end")
}

fn receive(stream: &(dyn Stream + Sync), bytes: &[u8]) -> Check {
    let mut came = Vec::new();
    context(stream.reader().read_to_end(&mut came), format!("read after {} bytes", came.len()))?;
    match came == bytes {
        true => Ok(()),
        false => Err(format!("{} bytes came of {}, or others", came.len(), bytes.len())),
    }
}

fn finished(thread: thread::ScopedJoinHandle<'_, Check>) -> Check {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What a console was told.
#[derive(Default)]
pub struct Lines(Mutex<Vec<String>>);

impl Console for Lines {
    fn write_line(&self, line: &str) {
        self.0.lock().unwrap().push(line.into());
    }
}

impl Lines {
    pub fn expect(&self, text: &str) -> Check {
        let begin = Instant::now();
        loop {
            let all = self.0.lock().unwrap().join("\n");
            if all.contains(text) {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE / 4 {
                return Err(format!("{text:?} was not told, but {all:?}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
