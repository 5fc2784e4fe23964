//! Work over the loopback interface: of one stack without system calls, of a rump kernel, of the host.

use crate::Outcome;
use crate::table::Measure;
use crate::transfer::{self, CHUNK};
use rumpkit::kpi::socket::OptionValue;
use rumpkit::sockopt::{SO_LINGER, SOL_SOCKET};
use rumpkit::{
    AddressFamily, Errno, Fd, Kernel, MessageFlags, OpenFlags, PosixHost, Process, SocketAddress, SocketType,
};
use rumpnet_inet::address::Version;
use rumpnet_inet::stack::Stack;
use rumpnet_inet::tcp::TcpId;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const NONE: MessageFlags = MessageFlags::empty();

/// One stack, driven by one thread.
pub struct Pure {
    stack: Stack,
    begin: Instant,
    port: u16,
    listener: TcpId,
}

impl Pure {
    /// A stack that listens at a port.
    pub fn listening() -> Outcome<Self> {
        let (mut stack, port) = (Stack::new(1), 80);
        let listener = stack.tcp_socket(Version::V4);
        stack.tcp_bind(listener, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))?;
        stack.tcp_listen(listener, 1024)?;
        Ok(Self { stack, begin: Instant::now(), port, listener })
    }

    fn now(&self) -> Duration {
        Duration::from_secs(1) + self.begin.elapsed()
    }

    /// Both ends of a new connection.
    pub fn connect(&mut self) -> Outcome<(TcpId, TcpId)> {
        let client = self.stack.tcp_socket(Version::V4);
        let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.port);
        let now = self.now();
        match self.stack.tcp_connect(now, client, to) {
            Err(Errno::EINPROGRESS) | Ok(()) => {}
            Err(error) => return Err(error.into()),
        }
        let server = self.stack.tcp_accept(self.listener)?;
        self.stack.take_changed();
        Ok((client, server))
    }

    /// Bytes from one end to the other.
    pub fn stream(bytes: usize) -> Outcome<Duration> {
        let mut pure = Self::listening()?;
        let (client, server) = pure.connect()?;
        let (content, mut buffer) = (vec![7; CHUNK], vec![0; CHUNK]);
        let (begin, mut written, mut read) = (Instant::now(), 0, 0);
        while read < bytes {
            let now = pure.now();
            match pure.stack.tcp_send(now, client, &[&content[..CHUNK.min(bytes - written)]]) {
                Ok(count) => written += count,
                Err(Errno::EAGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            match pure.stack.tcp_receive(now, server, &mut [&mut buffer], false) {
                Ok(count) => read += count,
                Err(Errno::EAGAIN) => pure.stack.poll(now),
                Err(error) => return Err(error.into()),
            }
            pure.stack.take_changed();
        }
        Ok(begin.elapsed())
    }

    /// Connections that are made, reset and gone.
    pub fn connections(count: usize) -> Outcome<Duration> {
        let mut pure = Self::listening()?;
        let begin = Instant::now();
        for _ in 0..count {
            let (client, server) = pure.connect()?;
            pure.stack.tcp.find_mut(client)?.choices.linger = Some(Duration::ZERO);
            let now = pure.now();
            pure.stack.tcp_close(now, client)?;
            pure.stack.tcp_close(now, server)?;
            pure.stack.take_changed();
        }
        Ok(begin.elapsed())
    }
}

fn at(port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

/// A rump kernel, with a program that listens.
pub struct Rump {
    kernel: Kernel,
    server: Process,
    listener: Fd,
}

impl Rump {
    /// Boots it.
    pub fn boot() -> Outcome<Self> {
        let kernel = Kernel::builder(PosixHost::new()).component(rumpnet_inet::component()).boot()?;
        let server = kernel.process();
        server.set_open_max(300_000)?;
        let listener = server.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty())?;
        server.bind(listener, &at(80))?;
        server.listen(listener, 1024)?;
        Ok(Self { kernel, server, listener })
    }

    fn connect(&self, client: &Process) -> Outcome<(Fd, Fd)> {
        let fd = client.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty())?;
        client.connect(fd, &at(80))?;
        let (other, _) = self.server.accept(self.listener)?;
        Ok((fd, other))
    }

    /// Bytes from a thread to another.
    pub fn stream(bytes: usize) -> Outcome<Duration> {
        let rump = Self::boot()?;
        let client = rump.kernel.process();
        let (fd, other) = rump.connect(&client)?;
        let begin = Instant::now();
        let writer = std::thread::spawn(move || {
            let content = vec![7; CHUNK];
            (0..bytes / CHUNK).try_for_each(|_| client.send(fd, &content, NONE).map(drop))
        });
        let (mut buffer, mut read) = (vec![0; CHUNK], 0);
        while read < bytes {
            read += rump.server.recv(other, &mut buffer, NONE)?;
        }
        let took = begin.elapsed();
        writer.join().map_err(|_| "the writer panicked")??;
        Ok(took)
    }

    /// A byte there and back, so often; mean of one.
    pub fn round_trips(count: u32) -> Outcome<Duration> {
        let rump = Self::boot()?;
        let client = rump.kernel.process();
        let (fd, other) = rump.connect(&client)?;
        let server = rump.server.clone();
        let echo = std::thread::spawn(move || {
            let mut byte = [0];
            while server.recv(other, &mut byte, NONE).is_ok_and(|count| count == 1) {
                if server.send(other, &byte, NONE).is_err() {
                    break;
                }
            }
        });
        let begin = Instant::now();
        let mut byte = [0];
        for _ in 0..count {
            client.send(fd, &byte, NONE)?;
            client.recv(fd, &mut byte, NONE)?;
        }
        let took = begin.elapsed();
        client.close(fd)?;
        echo.join().map_err(|_| "the echo panicked")?;
        Ok(took / count)
    }

    /// A byte there and back by one thread: what the calls alone take.
    pub fn round_trips_alone(count: u32) -> Outcome<Duration> {
        let rump = Self::boot()?;
        let client = rump.kernel.process();
        let (fd, other) = rump.connect(&client)?;
        let begin = Instant::now();
        let mut byte = [0];
        for _ in 0..count {
            client.send(fd, &byte, NONE)?;
            rump.server.recv(other, &mut byte, NONE)?;
            rump.server.send(other, &byte, NONE)?;
            client.recv(fd, &mut byte, NONE)?;
        }
        Ok(begin.elapsed() / count)
    }

    /// Connections that are made, reset and gone.
    pub fn connections(count: usize) -> Outcome<Duration> {
        let rump = Self::boot()?;
        let client = rump.kernel.process();
        let begin = Instant::now();
        for _ in 0..count {
            let (fd, other) = rump.connect(&client)?;
            client.setsockopt(fd, SOL_SOCKET, SO_LINGER, &OptionValue::Linger(Some(Duration::ZERO)))?;
            client.close(fd)?;
            rump.server.close(other)?;
        }
        Ok(begin.elapsed())
    }

    /// Connections that are open at once; the time to make them, and the memory of both ends with their descriptors.
    pub fn open_connections(count: usize) -> Outcome<Measure> {
        let rump = Self::boot()?;
        let before = resident_bytes()?;
        let begin = Instant::now();
        // A process has ports for 16,384 of them to one address.
        let clients: Vec<Process> = (0..count.div_ceil(16_000)).map(|_| rump.kernel.process()).collect();
        for (index, client) in clients.iter().enumerate() {
            client.set_open_max(300_000)?;
            let own = Ipv4Addr::new(127, 0, 0, 2 + index as u8);
            for _ in 0..(count - index * 16_000).min(16_000) {
                let fd = client.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty())?;
                client.bind(fd, &SocketAddress::Inet(SocketAddrV4::new(own, 0)))?;
                client.connect(fd, &at(80))?;
                rump.server.accept(rump.listener)?;
            }
        }
        let (time, after) = (begin.elapsed(), resident_bytes()?);
        Ok(Measure { time, memory: Some(after.saturating_sub(before)) })
    }
}

fn resident_bytes() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = status.split(' ').nth(1).ok_or("no resident pages")?.parse()?;
    Ok(pages * 4096)
}

/// The host's own loopback.
pub struct Host;

impl Host {
    fn connect() -> Outcome<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        Ok((client, listener.accept()?.0))
    }

    /// Bytes from a thread to another.
    pub fn stream(bytes: usize) -> Outcome<Duration> {
        let (client, server) = Self::connect()?;
        transfer::stream(client, server, bytes)
    }

    /// A byte there and back, so often; mean of one.
    pub fn round_trips(count: u32) -> Outcome<Duration> {
        let (client, server) = Self::connect()?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        transfer::round_trips(client, server, count)
    }

    /// Connections that are made and gone.
    pub fn connections(count: usize) -> Outcome<Duration> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let to = listener.local_addr()?;
        let begin = Instant::now();
        for _ in 0..count {
            // Which end closes first does not matter here: the host has ports for these.
            let client = TcpStream::connect(to)?;
            drop(listener.accept()?);
            drop(client);
        }
        Ok(begin.elapsed())
    }
}
