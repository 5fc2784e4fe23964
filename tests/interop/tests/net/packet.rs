//! Interfaces of Linux that we share: one end of a veth has an address of Linux, at the other we are.

use crate::namespace::Namespace;
use crate::opening::{expect, without_privilege};
use crate::station::{Station, exchange};
use interop::{Check, context};
use rumpkit::Errno;
use rumpkit::hyper::packet::{HEADER_BYTES, Outgoing, PacketIo};
use rumpkit::packet::{self, Options, Queueing, Reception};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const MEBIBYTE: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// A namespace with both ends.
pub fn site() -> Check<Namespace> {
    let linux = Namespace::new()?;
    linux.ip("link add theirs type veth peer name ours")?;
    for words in ["addr add 192.0.2.1/24 dev theirs", "addr add 2001:db8::1/64 dev theirs nodad"] {
        linux.ip(words)?;
    }
    linux.ip("link set theirs up")?;
    linux.ip("link set ours up")?;
    Ok(linux)
}

fn open(linux: &Namespace, options: &Options) -> Check<Arc<dyn PacketIo>> {
    linux.enter(|| packet::open(options).map_err(|error| error.what))
}

pub fn shared() -> Check {
    for (reception, queueing) in [(Reception::Ours, Queueing::Host), (Reception::All, Queueing::Bypass)] {
        let linux = site()?;
        let io = open(&linux, &Options { reception, queueing, ..Options::new("ours") })?;
        let station = Station::new(io, &["192.0.2.2/24", "2001:db8::2/64"])?;
        station.wait_for_carrier(true)?;
        for size in ["0", "56", "1472", "1473", "20001", "65507"] {
            let printed = linux.run_ok("ping", &["-n", "-c", "1", "-W", "5", "-s", size, "192.0.2.2"])?;
            if !printed.contains("1 received") || printed.contains("wrong data") {
                return Err(printed);
            }
        }
        for (ours, theirs) in [("192.0.2.2:80", "192.0.2.1:81"), ("[2001:db8::2]:80", "[2001:db8::1]:81")] {
            let listener = station.listen(ours)?;
            let client = linux.enter(|| context(TcpStream::connect(ours), ours))?;
            let (server, _) = context(listener.accept(), "accept")?;
            exchange(&client, &server, 32 * MEBIBYTE).map_err(|why| format!("{ours}: {why}"))?;
            let listener = linux.enter(|| context(TcpListener::bind(theirs), theirs))?;
            let client = station.connect(theirs)?;
            let (server, _) = context(listener.accept(), "accept")?;
            exchange(&client, &server, 32 * MEBIBYTE).map_err(|why| format!("{theirs}: {why}"))?;
        }
        // 256 MiB went through; segments of more than an MTU, both ways, or it would be 180,000 frames.
        let statistics = station.device.statistics();
        if statistics.malformed > 0 || statistics.sent > 60_000 || statistics.received > 60_000 {
            return Err(format!("{statistics:?}"));
        }
    }
    Ok(())
}

/// Frames that one end sends the other gets as they were, though Linux takes tags out on the way.
pub fn tagged() -> Check {
    let linux = site()?;
    let (one, other) = (open(&linux, &Options::new("theirs"))?, open(&linux, &Options::new("ours"))?);
    let frame = |between: &[u8], number: u8| {
        [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1], between, &[0x88, 0xb5], &[number; 100]].concat()
    };
    let frames = [
        frame(&[], 1),
        frame(&[0x81, 0, 0x20, 5], 2),
        frame(&[0x88, 0xa8, 0, 7], 3),
        frame(&[0x88, 0xa8, 0, 7, 0x81, 0, 0xe0, 9], 4),
    ];
    for frame in &frames {
        let sent = one.send(&[Outgoing { header: [0; HEADER_BYTES], parts: vec![&frame[..]].into() }]);
        context(sent.map_err(|error| error.what), "send")?;
    }
    let (mut came, begin) = (Vec::new(), Instant::now());
    let is_ours =
        |bytes: &[u8]| bytes.windows(4).any(|window| window[..2] == [0x88, 0xb5] && window[2] == window[3]);
    loop {
        other.receive(&mut came, Some(Duration::from_millis(200))).map_err(|error| error.what)?;
        // Linux has frames of its own to send.
        came.retain(|frame| is_ours(&frame.bytes));
        if came.len() >= frames.len() {
            break;
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("{} of {} frames came: {came:02x?}", came.len(), frames.len()));
        }
    }
    for (came, sent) in came.iter().zip(&frames) {
        if came.bytes != sent[..] {
            return Err(format!("{sent:02x?} came as {came:02x?}"));
        }
    }
    // Nobody gets what he sent himself.
    let mut back = Vec::new();
    one.receive(&mut back, Some(Duration::from_millis(100))).map_err(|error| error.what)?;
    match back.iter().any(|frame| is_ours(&frame.bytes)) {
        true => Err("what was sent came back".into()),
        false => Ok(()),
    }
}

pub fn gone() -> Check {
    let linux = site()?;
    let io = open(&linux, &Options::new("ours"))?;
    let station = Station::new(io.clone(), &["192.0.2.2/24"])?;
    for _ in 0..2 {
        station.wait_for_carrier(true)?;
        let printed = linux.run_ok("ping", &["-n", "-c", "1", "-W", "5", "192.0.2.2"])?;
        if !printed.contains("1 received") {
            return Err(printed);
        }
        linux.ip("link set ours down")?;
        station.wait_for_carrier(false)?;
        linux.ip("link set ours up")?;
    }
    linux.ip("link del ours")?;
    let begin = Instant::now();
    let frame = [0xff; 60];
    loop {
        match io.send(&[Outgoing { header: [0; HEADER_BYTES], parts: vec![&frame[..]].into() }]) {
            Err(error) if error.errno == Errno::ENETDOWN && error.what.contains("deleted") => break,
            outcome if begin.elapsed() > PATIENCE => {
                return Err(format!("sending by what is gone: {outcome:?}"));
            }
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
    loop {
        match io.receive(&mut Vec::new(), Some(Duration::from_millis(100))) {
            Err(error) if error.errno == Errno::ENETDOWN => return Ok(()),
            Ok(()) if begin.elapsed() < PATIENCE => {}
            outcome => return Err(format!("receiving from what is gone: {outcome:?}")),
        }
    }
}

pub fn refused() -> Check {
    let linux = site()?;
    let open = |name: &str| packet::open(&Options::new(name)).map(drop);
    let without = without_privilege(&linux, || open("ours"))?;
    expect(without, Errno::EPERM, &["packet ours", "CAP_NET_RAW"])?;
    linux.enter(|| {
        expect(open("none"), Errno::ENODEV, &["packet none"])?;
        expect(open("lo"), Errno::EINVAL, &["packet lo", "no Ethernet"])?;
        expect(open("a/b"), Errno::EINVAL, &["a/b", "1 to 15 bytes"])
    })
}
