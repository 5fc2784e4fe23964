//! TCP both ways.

use crate::site::{OURS, Site, THEIRS, Wiring, content, there};
use core::time::Duration;
use interop::suite::is_quick;
use interop::{Check, context};
use rumpkit::lossy::{Both, Chance, Impairment};
use rumpkit::{Fd, Shutdown};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

const PATIENCE: Duration = Duration::from_secs(60);
const MEBIBYTE: usize = 1 << 20;

/// Both ends of a connection.
struct Pair {
    ours: Fd,
    theirs: TcpStream,
}

fn patient(stream: std::io::Result<TcpStream>) -> Check<TcpStream> {
    let stream = context(stream, "Linux's connection")?;
    context(stream.set_read_timeout(Some(PATIENCE)), "a limit of time")?;
    context(stream.set_write_timeout(Some(PATIENCE)), "a limit of time")?;
    Ok(stream)
}

/// Linux connects to us.
fn to_us(site: &Site, port: u16) -> Check<Pair> {
    let listener = site.listener(port)?;
    let theirs = site.linux.enter(|| patient(TcpStream::connect_timeout(&there(OURS, port), PATIENCE)))?;
    let ours = site.accept(listener)?;
    context(site.process.close(listener), "close")?;
    Ok(Pair { ours, theirs })
}

/// We connect to Linux.
fn to_them(site: &Site, port: u16) -> Check<Pair> {
    let listener =
        site.linux.enter(|| context(TcpListener::bind(there(THEIRS, port)), "Linux's listener"))?;
    let ours = site.connect(port)?;
    let theirs = patient(listener.accept().map(|(stream, _)| stream))?;
    Ok(Pair { ours, theirs })
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn compare(what: &str, sent: &[u8], came: &[u8]) -> Check {
    match hash(sent) == hash(came) {
        true => Ok(()),
        false => Err(format!("{what}: {} bytes came of {}, or others", came.len(), sent.len())),
    }
}

fn read_all(mut stream: &TcpStream) -> Check<Vec<u8>> {
    let mut all = Vec::new();
    context(stream.read_to_end(&mut all), "Linux reads")?;
    Ok(all)
}

/// Both ways at once: what one sends the other gets, to the end.
fn exchange(site: &Site, pair: &Pair, seed: u32, length: usize) -> Check {
    let (to_us, to_them) = (content(seed, length), content(seed + 1, length));
    thread::scope(|scope| {
        let their_writer = scope.spawn(|| {
            context((&pair.theirs).write_all(&to_us), "Linux writes")?;
            context(pair.theirs.shutdown(std::net::Shutdown::Write), "Linux ends")
        });
        let their_reader = scope.spawn(|| read_all(&pair.theirs));
        let our_writer = scope.spawn(|| {
            site.send_all(pair.ours, &to_them)?;
            context(site.process.shutdown(pair.ours, Shutdown::Write), "shutdown")
        });
        let came = site.receive_all(pair.ours);
        let theirs = their_reader.join().unwrap();
        our_writer.join().unwrap()?;
        their_writer.join().unwrap()?;
        compare("to us", &to_us, &came?)?;
        compare("to Linux", &to_them, &theirs?)
    })?;
    context(site.process.close(pair.ours), "close")
}

/// One way at a time.
fn one_way(site: &Site, pair: &Pair, seed: u32, length: usize) -> Check {
    let bytes = content(seed, length);
    thread::scope(|scope| {
        let theirs = scope.spawn(|| context((&pair.theirs).write_all(&bytes), "Linux writes"));
        let mut came = vec![0; length];
        let mut count = 0;
        while count < length {
            match context(site.process.recv(pair.ours, &mut came[count..], crate::site::NONE), "recv")? {
                0 => return Err(format!("the end after {count} bytes")),
                more => count += more,
            }
        }
        theirs.join().unwrap()?;
        compare("to us", &bytes, &came)
    })?;
    thread::scope(|scope| {
        let ours = scope.spawn(|| {
            site.send_all(pair.ours, &bytes)?;
            context(site.process.close(pair.ours), "close")
        });
        let came = read_all(&pair.theirs)?;
        ours.join().unwrap()?;
        compare("to Linux", &bytes, &came)
    })
}

fn all_ways(site: &Site, length: usize) -> Check {
    one_way(site, &to_us(site, 7001)?, 1, length)?;
    one_way(site, &to_them(site, 7002)?, 2, length)?;
    exchange(site, &to_us(site, 7003)?, 3, length)?;
    exchange(site, &to_them(site, 7004)?, 5, length)
}

pub fn plain() -> Check {
    let site = Site::new(Wiring::plain())?;
    all_ways(&site, if is_quick() { MEBIBYTE } else { 6 * MEBIBYTE })?;
    site.finish()
}

pub fn offloaded() -> Check {
    let site = Site::new(Wiring::offloaded())?;
    let length = 32 * MEBIBYTE;
    all_ways(&site, length)?;
    // Each way was gone six times; a third of the packets that it would take, at most.
    let statistics = site.device.statistics();
    let most = (6 * length / 1448 / 3) as u64;
    if statistics.sent > most || statistics.received > most || statistics.malformed + statistics.refused > 0 {
        return Err(format!("{statistics:?}, where {most} frames suffice"));
    }
    site.finish()
}

pub fn impaired() -> Check {
    let bad = Impairment {
        loss: Chance::per_million(15_000),
        duplication: Chance::per_million(15_000),
        reordering: Chance::per_million(30_000),
        held_back: Duration::from_millis(4),
        delay: Duration::from_millis(1),
        jitter: Duration::from_millis(1),
        ..Impairment::default()
    };
    for seed in 1..=if is_quick() { 1 } else { 4 } {
        let both = Both { outgoing: bad.clone(), incoming: bad.clone() };
        let site = Site::new(Wiring::impaired(seed, both))?;
        all_ways(&site, MEBIBYTE / 2).map_err(|why| format!("seed {seed}: {why}"))?;
        let statistics = site.lossy.as_ref().map(|lossy| lossy.statistics()).ok_or("no bad wire")?;
        for way in [statistics.outgoing, statistics.incoming] {
            if way.lost == 0 || way.duplicated == 0 || way.reordered == 0 {
                return Err(format!("seed {seed}: the wire was good: {way:?}"));
            }
        }
        site.finish().map_err(|why| format!("seed {seed}: {why}"))?;
    }
    Ok(())
}

pub fn half_closed() -> Check {
    let site = Site::new(Wiring::plain())?;
    let bytes = content(9, MEBIBYTE);
    for (port, make) in [(7001, to_us as fn(&Site, u16) -> Check<Pair>), (7003, to_them)] {
        // Linux has nothing more to say, and listens.
        let pair = make(&site, port)?;
        context(pair.theirs.shutdown(std::net::Shutdown::Write), "Linux ends")?;
        compare("to us", &[], &site.receive_all(pair.ours)?)?;
        thread::scope(|scope| {
            let theirs = scope.spawn(|| read_all(&pair.theirs));
            site.send_all(pair.ours, &bytes)?;
            context(site.process.close(pair.ours), "close")?;
            compare("to Linux", &bytes, &theirs.join().unwrap()?)
        })?;
        // We have nothing more to say, and listen.
        let pair = make(&site, port + 1)?;
        context(site.process.shutdown(pair.ours, Shutdown::Write), "shutdown")?;
        compare("to Linux", &[], &read_all(&pair.theirs)?)?;
        thread::scope(|scope| {
            let theirs = scope.spawn(|| {
                context((&pair.theirs).write_all(&bytes), "Linux writes")?;
                context(pair.theirs.shutdown(std::net::Shutdown::Write), "Linux ends")
            });
            let came = site.receive_all(pair.ours)?;
            theirs.join().unwrap()?;
            compare("to us", &bytes, &came)
        })?;
        context(site.process.close(pair.ours), "close")?;
    }
    site.finish()
}
