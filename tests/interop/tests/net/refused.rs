//! What nobody wants.

use crate::site::{NONE, OURS, Site, THEIRS, Wiring, at, there};
use core::time::Duration;
use interop::{Check, context};
use rumpkit::{Errno, KResult, PollEvents, PollFd, SocketType};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};

const PATIENCE: Duration = Duration::from_secs(20);

fn expect_ours<T: core::fmt::Debug>(result: KResult<T>, expected: Errno, what: &str) -> Check {
    match &result {
        Err(error) if error.errno == expected => Ok(()),
        _ => Err(format!("{what}: {result:?}, not {expected:?}")),
    }
}

fn expect_theirs<T: core::fmt::Debug>(result: std::io::Result<T>, expected: ErrorKind, what: &str) -> Check {
    match &result {
        Err(error) if error.kind() == expected => Ok(()),
        _ => Err(format!("{what}: {result:?}, not {expected:?}")),
    }
}

pub fn streams() -> Check {
    let site = Site::new(Wiring::plain())?;
    let theirs = site.linux.enter(|| Ok(TcpStream::connect_timeout(&there(OURS, 81), PATIENCE)))?;
    expect_theirs(theirs, ErrorKind::ConnectionRefused, "Linux connects to nobody")?;
    let fd = site.socket(SocketType::Stream, 0)?;
    expect_ours(site.process.connect(fd, &at(THEIRS, 81)), Errno::ECONNREFUSED, "we connect to nobody")?;
    site.finish()
}

pub fn datagrams() -> Check {
    let site = Site::new(Wiring::plain())?;
    let theirs = site.linux.enter(|| context(UdpSocket::bind(there(THEIRS, 0)), "Linux's socket"))?;
    context(theirs.connect(there(OURS, 81)), "Linux's connect")?;
    context(theirs.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
    context(theirs.send(b"anybody?"), "Linux sends")?;
    expect_theirs(theirs.recv(&mut [0; 10]), ErrorKind::ConnectionRefused, "Linux sends to nobody")?;
    let fd = site.socket(SocketType::Datagram, 0)?;
    context(site.process.connect(fd, &at(THEIRS, 81)), "connect")?;
    context(site.process.send(fd, b"anybody?", NONE), "send")?;
    expect_ours(site.process.recv(fd, &mut [0; 10], NONE), Errno::ECONNREFUSED, "we send to nobody")?;
    // To somebody they come, and the answer does.
    let bound = context(site.process.getsockname(fd), "getsockname")?;
    let echo = site.linux.enter(|| context(UdpSocket::bind(there(THEIRS, 82)), "Linux's socket"))?;
    context(echo.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
    for length in [0, 1, 1472, 1473, 65_507] {
        let bytes = crate::site::content(length, length as usize);
        context(
            site.process.sendto(site.socket(SocketType::Datagram, 0)?, &bytes, NONE, &at(THEIRS, 82)),
            "sendto",
        )?;
        let mut buffer = vec![0; 70_000];
        let (count, from) = context(echo.recv_from(&mut buffer), format!("Linux receives {length} bytes"))?;
        if buffer[..count] != bytes[..] || from.ip() != OURS {
            return Err(format!("{length} bytes came to Linux as {count} others of {from}, not {bound:?}"));
        }
    }
    site.finish()
}

pub fn unread() -> Check {
    let site = Site::new(Wiring::plain())?;
    let listener = site.linux.enter(|| context(TcpListener::bind(there(THEIRS, 83)), "Linux's listener"))?;
    // Linux closes what it has not read.
    let ours = site.connect(83)?;
    let (theirs, _) = context(listener.accept(), "Linux accepts")?;
    site.send_all(ours, b"unread")?;
    context(theirs.peek(&mut [0; 6]), "Linux peeks")?;
    drop(theirs);
    let mut poll = [PollFd::new(ours, PollEvents::IN)];
    context(site.process.poll(&mut poll, Some(PATIENCE)), "poll")?;
    expect_ours(site.process.recv(ours, &mut [0; 10], NONE), Errno::ECONNRESET, "Linux resets")?;
    expect_ours(site.process.send(ours, b"more", NONE), Errno::EPIPE, "we send after a reset")?;
    // We close what we have not read.
    let ours = site.connect(83)?;
    let (mut theirs, _) = context(listener.accept(), "Linux accepts")?;
    context(theirs.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
    context(theirs.write_all(b"unread"), "Linux writes")?;
    let mut poll = [PollFd::new(ours, PollEvents::IN)];
    context(site.process.poll(&mut poll, Some(PATIENCE)), "poll")?;
    context(site.process.close(ours), "close")?;
    expect_theirs(theirs.read(&mut [0; 10]), ErrorKind::ConnectionReset, "we reset")?;
    site.finish()
}
