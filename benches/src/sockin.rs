//! A kernel over the host's sockets, which talks to the standard library's on the host's loopback.

use crate::{Outcome, transfer};
use rumpkit::net::{TcpStream, UdpSocket};
use rumpkit::{Kernel, PosixHost};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// Bytes of a datagram, and how many are on their way at most.
const DATAGRAM: usize = 1000;
const BATCH: usize = 50;

/// See the module.
pub struct Sockin;

impl Sockin {
    fn kernel() -> Outcome<Kernel> {
        Ok(rumpkit::kernel_with_sockin(PosixHost::new())?)
    }

    /// The kernel's end, and the host's.
    fn connect() -> Outcome<(TcpStream, std::net::TcpStream)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let client = TcpStream::connect(&Self::kernel()?.process(), listener.local_addr()?)?;
        Ok((client, listener.accept()?.0))
    }

    /// Bytes from a thread in the kernel to one outside.
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

    /// Datagrams of one thread to itself, within the kernel.
    pub fn datagrams(count: usize) -> Outcome<Duration> {
        let process = Self::kernel()?.process();
        let [from, to] = [(); 2].map(|()| UdpSocket::bind(&process, (Ipv4Addr::LOCALHOST, 0)));
        let (from, to) = (from?, to?);
        let at = to.local_addr()?;
        in_batches(count, |content| from.send_to(content, at), |buffer| to.recv(buffer))
    }

    /// The same with the standard library.
    pub fn datagrams_of_std(count: usize) -> Outcome<Duration> {
        let [from, to] = [(); 2].map(|()| std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)));
        let (from, to) = (from?, to?);
        let at = to.local_addr()?;
        in_batches(count, |content| from.send_to(content, at), |buffer| to.recv(buffer))
    }
}

fn in_batches(
    count: usize,
    send: impl Fn(&[u8]) -> io::Result<usize>,
    receive: impl Fn(&mut [u8]) -> io::Result<usize>,
) -> Outcome<Duration> {
    let (content, mut buffer) = ([7; DATAGRAM], [0; DATAGRAM]);
    let begin = Instant::now();
    for _ in 0..count / BATCH {
        (0..BATCH).try_for_each(|_| send(&content).map(drop))?;
        (0..BATCH).try_for_each(|_| receive(&mut buffer).map(drop))?;
    }
    Ok(begin.elapsed())
}
