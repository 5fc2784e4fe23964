//! Many connections at once.

use crate::site::{NONE, OURS, Site, Wiring, there};
use core::time::Duration;
use interop::{Check, context};
use rumpkit::Fd;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

const COUNT: u32 = 5000;
const PATIENCE: Duration = Duration::from_secs(60);
/// What this program has open besides.
const OTHERS: u64 = 500;

/// Linux's ends are descriptors of this program.
fn raise_limit() -> Check {
    let (limit, needed) = (getrlimit(Resource::Nofile), u64::from(COUNT) + OTHERS);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(needed));
    context(setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }), "a higher limit of files")
}

/// All are open before the first says something; each gets back what it said.
pub fn at_once() -> Check {
    raise_limit()?;
    let site = Site::new(Wiring::plain())?;
    context(site.process.set_open_max(COUNT + 100), "a higher limit of files")?;
    let listener = site.listener(7)?;
    let (ours, theirs) = thread::scope(|scope| {
        let connecting = scope.spawn(|| {
            site.linux.enter(|| {
                let connect = |number| {
                    let stream = TcpStream::connect_timeout(&there(OURS, 7), PATIENCE);
                    let stream = context(stream, format!("connection {number}"))?;
                    context(stream.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
                    Ok(stream)
                };
                (0..COUNT).map(connect).collect::<Check<Vec<TcpStream>>>()
            })
        });
        let ours: Check<Vec<Fd>> = (0..COUNT).map(|_| site.accept(listener)).collect();
        let theirs = connecting.join().unwrap()?;
        Ok::<_, String>((ours?, theirs))
    })?;
    for (number, mut stream) in (0..COUNT).zip(&theirs) {
        context(stream.write_all(&number.to_be_bytes()), "Linux writes")?;
    }
    for &fd in &ours {
        let mut buffer = [0; 4];
        let mut count = 0;
        while count < 4 {
            match context(site.process.recv(fd, &mut buffer[count..], NONE), "recv")? {
                0 => return Err("a connection ended".into()),
                more => count += more,
            }
        }
        site.send_all(fd, &buffer)?;
    }
    for (number, mut stream) in (0..COUNT).zip(&theirs) {
        let mut buffer = [0; 4];
        context(stream.read_exact(&mut buffer), format!("Linux reads of connection {number}"))?;
        if buffer != number.to_be_bytes() {
            return Err(format!("connection {number} got the answer of {}", u32::from_be_bytes(buffer)));
        }
    }
    drop(theirs);
    for &fd in &ours {
        if context(site.process.recv(fd, &mut [0; 4], NONE), "recv")? != 0 {
            return Err("more came than was said".into());
        }
        context(site.process.close(fd), "close")?;
    }
    site.finish()
}
