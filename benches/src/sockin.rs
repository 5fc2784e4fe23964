//! A kernel over the host's sockets, which talks to the standard library's on the host's loopback.

use crate::Outcome;
use rumpkit::net::{TcpStream, UdpSocket};
use rumpkit::{Kernel, PosixHost};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// Bytes that a program writes or reads at once.
const CHUNK: usize = 128 << 10;
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
        let (mut client, mut server) = Self::connect()?;
        let begin = Instant::now();
        let writer = std::thread::spawn(move || {
            let content = vec![7; CHUNK];
            (0..bytes / CHUNK).try_for_each(|_| client.write_all(&content))
        });
        let (mut buffer, mut read) = (vec![0; CHUNK], 0);
        while read < bytes {
            read += server.read(&mut buffer)?;
        }
        let took = begin.elapsed();
        writer.join().map_err(|_| "the writer panicked")??;
        Ok(took)
    }

    /// A byte there and back, so often; mean of one.
    pub fn round_trips(count: u32) -> Outcome<Duration> {
        let (mut client, mut server) = Self::connect()?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let echo = std::thread::spawn(move || {
            let mut byte = [0];
            while server.read(&mut byte).is_ok_and(|count| count == 1) && server.write_all(&byte).is_ok() {}
        });
        let begin = Instant::now();
        let mut byte = [0];
        for _ in 0..count {
            client.write_all(&byte)?;
            client.read_exact(&mut byte)?;
        }
        let took = begin.elapsed();
        drop(client);
        echo.join().map_err(|_| "the echo panicked")?;
        Ok(took / count)
    }

    /// Datagrams of one thread to itself, within the kernel.
    pub fn datagrams(count: usize) -> Outcome<Duration> {
        let process = Self::kernel()?.process();
        let [from, to] = [(); 2].map(|()| UdpSocket::bind(&process, (Ipv4Addr::LOCALHOST, 0)));
        let (from, to) = (from?, to?);
        let at = to.local_addr()?;
        let (content, mut buffer) = ([7; DATAGRAM], [0; DATAGRAM]);
        let begin = Instant::now();
        for _ in 0..count / BATCH {
            (0..BATCH).try_for_each(|_| from.send_to(&content, at).map(drop))?;
            (0..BATCH).try_for_each(|_| to.recv(&mut buffer).map(drop))?;
        }
        Ok(begin.elapsed())
    }

    /// The same with the standard library.
    pub fn datagrams_of_std(count: usize) -> Outcome<Duration> {
        let [from, to] = [(); 2].map(|()| std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)));
        let (from, to) = (from?, to?);
        let at = to.local_addr()?;
        let (content, mut buffer) = ([7; DATAGRAM], [0; DATAGRAM]);
        let begin = Instant::now();
        for _ in 0..count / BATCH {
            (0..BATCH).try_for_each(|_| from.send_to(&content, at).map(drop))?;
            (0..BATCH).try_for_each(|_| to.recv(&mut buffer).map(drop))?;
        }
        Ok(begin.elapsed())
    }
}
