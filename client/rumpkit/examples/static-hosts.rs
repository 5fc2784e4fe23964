//! Two hosts on a bus, each configured by a file, ping each other: `cargo run -p rumpkit --example static-hosts`.
//!
//! Each is a kernel of its own. Here they are in one process; with the same files, `rump net ping --config one.toml` is
//! another one on the bus.

use rumpkit::net::Config;
use rumpkit::{
    AddressFamily, KResult, Kernel, MessageFlags, OpenFlags, PosixHost, Process, SocketAddress, SocketType,
};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Instant;

const ICMP: u8 = 1;
const ECHO_REPLY: u8 = 0;

fn main() -> Result<(), Box<dyn Error>> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/static-hosts");
    // The bus is a file, which the links name from here.
    let folder = std::env::temp_dir().join(format!("static-hosts-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::env::set_current_dir(&folder)?;
    let result = run(&files);
    std::fs::remove_dir_all(&folder)?;
    result
}

fn run(files: &Path) -> Result<(), Box<dyn Error>> {
    let (one, _one) = host(&files.join("one.toml"))?;
    let (two, _two) = host(&files.join("two.toml"))?;
    for (kernel, other) in [(&one, [10, 0, 0, 2]), (&two, [10, 0, 0, 1])] {
        for sequence in 1..=3 {
            let begun = Instant::now();
            let from = ping(&kernel.process(), other.into(), sequence)?;
            println!("answer from {from}: number {sequence}, {:?}", begun.elapsed());
        }
    }
    Ok(())
}

/// A kernel that is configured by a file; what goes on because of the file goes on as long as the second value is there.
fn host(file: &Path) -> Result<(Kernel, rumpkit::net::config::Applied), Box<dyn Error>> {
    let kernel = rumpkit::kernel(PosixHost::new())?;
    let applied = Config::from_file(file)?.apply(&kernel)?;
    Ok((kernel, applied))
}

/// Sends an echo request, and waits for the answer; tells who sent that.
fn ping(process: &Process, to: Ipv4Addr, sequence: u16) -> KResult<Ipv4Addr> {
    let fd = process.socket(AddressFamily::Inet, SocketType::Raw, ICMP, OpenFlags::empty())?;
    let [high, low] = sequence.to_be_bytes();
    let mut request = [8, 0, 0, 0, 0, 7, high, low];
    // The sum of all words, with the carry added, is to be all ones.
    let sum = 0x0800 + 7 + u32::from(sequence);
    request[2..4].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    process.sendto(fd, &request, MessageFlags::empty(), &SocketAddress::Inet(SocketAddrV4::new(to, 0)))?;
    let mut buffer = [0; 100];
    loop {
        // An answer comes with the header of IP.
        let (length, from) = process.recvfrom(fd, &mut buffer, MessageFlags::empty())?;
        let reply = &buffer[usize::from(buffer[0] & 0xf) * 4..length];
        if let (Some(SocketAddress::Inet(from)), ECHO_REPLY, true) =
            (from, reply[0], reply[4..8] == request[4..8])
        {
            process.close(fd)?;
            return Ok(*from.ip());
        }
    }
}
