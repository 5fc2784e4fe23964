//! The servers that a kernel's `/etc/resolv.conf` names (resolv.conf(5)).

use super::PORT;
use crate::net::Interface;
use crate::{Errno, Kernel, Mode, OpenFlags};
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// Where it is.
pub const PATH: &str = "/etc/resolv.conf";
/// Servers that are asked (`MAXNS`).
const MOST_SERVERS: usize = 3;
/// Bytes of the file that are looked at.
const MOST_BYTES: usize = 65_536;

/// The servers; none if there is no such file. Errors: those of reading it.
pub fn servers(kernel: &Kernel) -> io::Result<Vec<SocketAddr>> {
    let process = kernel.process();
    let fd = match process.open(PATH, OpenFlags::empty(), Mode::new(0)) {
        Ok(fd) => fd,
        Err(error) if matches!(error.errno, Errno::ENOENT | Errno::ENOTDIR) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = vec![0; MOST_BYTES];
    let length = process.read(fd, &mut bytes);
    process.close(fd)?;
    bytes.truncate(length?);
    let scope = |name: &str| Interface::find(kernel, name).ok().map(|interface| interface.number());
    Ok(parse(&String::from_utf8_lossy(&bytes), scope))
}

/// `scope` is the number of an interface. Lines that make no sense are passed over, as everywhere.
fn parse(text: &str, scope: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            return None;
        }
        let word = words.next()?;
        match word.split_once('%') {
            Some((address, zone)) => {
                let scope = zone.parse().ok().or_else(|| scope(zone))?;
                Some(SocketAddrV6::new(address.parse().ok()?, PORT, 0, scope).into())
            }
            None => Some(SocketAddr::new(word.parse::<IpAddr>().ok()?, PORT)),
        }
    };
    text.lines().filter_map(server).take(MOST_SERVERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_servers_count() {
        let text = "# a comment\nsearch example.com\nnameserver 192.0.2.1\nnameserver nonsense\n\
                    nameserver\tfe80::1%eth0 \nnameserver fe80::2%nowhere\nnameserver 2001:db8::1\nnameserver 9.9.9.9\n";
        let scope = |name: &str| (name == "eth0").then_some(2);
        let addresses: Vec<String> = parse(text, scope).iter().map(SocketAddr::to_string).collect();
        assert_eq!(addresses, ["192.0.2.1:53", "[fe80::1%2]:53", "[2001:db8::1]:53"]);
    }
}
