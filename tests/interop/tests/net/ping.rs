//! ICMP both ways.

use crate::site::{NONE, Site, THEIRS, Wiring, at, content, socket};
use core::net::Ipv4Addr;
use interop::{Check, context};
use rumpkit::kpi::socket::OptionValue;
use rumpkit::{Errno, Fd, Process, SocketType, sockopt, tun};

/// Sizes of content: both ends, and both sides of what fits into one, two and three packets.
const SIZES: &[usize] = &[
    0, 1, 7, 8, 55, 56, 57, 1471, 1472, 1473, 2951, 2952, 2953, 4432, 4433, 9000, 20_001, 40_000, 65_506,
    65_507,
];
const ICMP: u8 = 1;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const IDENTIFIER: u16 = 0x7275;

/// What ping printed of one reply: it looks at each byte of it.
fn ping(site: &Site, arguments: &[&str]) -> Check<String> {
    let words = [&["-n", "-c", "1", "-W", "5"], arguments, &["192.0.2.2"]].concat();
    let printed = site.linux.run_ok("ping", &words)?;
    match printed.contains("1 received") && !printed.contains("wrong data") {
        true => Ok(printed),
        false => Err(printed),
    }
}

pub fn of_us() -> Check {
    let site = Site::new(Wiring::plain())?;
    for size in SIZES {
        let printed = ping(&site, &["-s", &size.to_string()])?;
        if !printed.contains(&format!("{} bytes from 192.0.2.2", size + 8)) || !printed.contains("ttl=64") {
            return Err(format!("{size} bytes: {printed}"));
        }
    }
    for time_to_live in ["1", "2", "255"] {
        ping(&site, &["-s", "100", "-t", time_to_live])?;
    }
    site.finish()?;
    // Linux leaves checksums to us, and takes ours.
    let site = Site::new(Wiring::offloaded())?;
    for size in SIZES {
        ping(&site, &["-s", &size.to_string()])?;
    }
    site.finish()
}

pub fn through_a_tunnel() -> Check {
    let options = tun::Options::tun("tun0").without_offload();
    let site = Site::new(Wiring { options, ..Wiring::plain() })?;
    for size in SIZES {
        ping(&site, &["-s", &size.to_string()])?;
    }
    site.finish()
}

pub fn uncut() -> Check {
    let site = Site::new(Wiring::plain())?;
    ping(&site, &["-M", "do", "-s", "1472"])?;
    let finished = site.linux.run("ping", &["-c", "1", "-M", "do", "-s", "1473", "192.0.2.2"])?;
    if finished.status == Some(0) {
        return Err("Linux sent more than its interface takes".into());
    }
    let fd = site.socket(SocketType::Raw, ICMP)?;
    let option = OptionValue::Number(1);
    context(site.process.setsockopt(fd, sockopt::IPPROTO_IP, sockopt::IP_DONTFRAG, &option), "IP_DONTFRAG")?;
    echo(&site.process, fd, THEIRS, 1472, 1)?;
    let refused = site.process.sendto(fd, &request(1473, 2), NONE, &at(THEIRS, 0));
    if refused.as_ref().err().map(|error| error.errno) != Some(Errno::EMSGSIZE) {
        return Err(format!("1473 bytes in one packet: {refused:?}"));
    }
    site.finish()
}

pub fn of_linux() -> Check {
    for wiring in [Wiring::plain(), Wiring::offloaded()] {
        let site = Site::new(wiring)?;
        ask(&site.process, THEIRS, SIZES)?;
        site.finish()?;
    }
    Ok(())
}

/// We ask somebody with messages of these sizes, and compare what comes back.
pub fn ask(process: &Process, to: Ipv4Addr, sizes: &[usize]) -> Check {
    let fd = socket(process, SocketType::Raw, ICMP)?;
    let mut numbered = sizes.iter().enumerate();
    numbered.try_for_each(|(sequence, size)| echo(process, fd, to, *size, sequence as u16))
}

fn request(size: usize, sequence: u16) -> Vec<u8> {
    let mut message = vec![ECHO_REQUEST, 0, 0, 0];
    message.extend(IDENTIFIER.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(content(size as u32, size));
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u32 = message.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    message[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    message
}

/// Asks somebody, and compares what comes back.
fn echo(process: &Process, fd: Fd, to: Ipv4Addr, size: usize, sequence: u16) -> Check {
    let request = request(size, sequence);
    context(process.sendto(fd, &request, NONE, &at(to, 0)), format!("{size} bytes"))?;
    let mut buffer = vec![0; 70_000];
    loop {
        let received = process.recvfrom(fd, &mut buffer, NONE);
        let (count, _) = context(received, format!("the reply to {size} bytes"))?;
        // The header of IP comes with it.
        let reply = &buffer[usize::from(buffer[0] & 0xf) * 4..count];
        if reply[0] != ECHO_REPLY || reply[4..8] != request[4..8] {
            continue;
        }
        return match reply[8..] == request[8..] {
            true => Ok(()),
            false => Err(format!("{size} bytes came back as {} others", reply.len() - 8)),
        };
    }
}
