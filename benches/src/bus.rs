//! Kernels of two processes on a bus of shared memory: a stream of TCP and round trips of a byte, in both formats, the
//! median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::table::{Format as Shown, Table, Target};
use rumpkit::kpi::socket::OptionValue;
use rumpkit::{
    AddressFamily, Fd, Kernel, MessageFlags, OpenFlags, PosixHost, Process, SocketAddress, SocketType,
    sockopt,
};
use rumpnet_shmif::{Bus, Format, Options};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NONE: MessageFlags = MessageFlags::empty();
const PORT: u16 = 7;
/// Bytes that are written, or read, at once.
const PIECE: usize = 256 << 10;
const ROUND_TRIPS: u64 = 20_000;
/// Bytes of a stream, and how many bits of it in a second are promised.
const FORMATS: [(&str, Format, u64, f64); 2] =
    [("compatible", Format::Compatible, 1 << 29, 3e9), ("lanes", Format::Lanes, 2 << 30, 15e9)];

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["peer", format, path] => peer(format, path.as_ref()),
        [] => measure(Shown::Text, None),
        ["--json"] => measure(Shown::Json, None),
        [only] => measure(Shown::Text, Some(only)),
        _ => Err("there are --json, compatible and lanes".into()),
    }
}

fn measure(shown: Shown, only: Option<&str>) -> Outcome {
    let mut table = Table::new(shown);
    for (name, format, bytes, bits_per_second) in FORMATS {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let pair = Pair::new(name, format)?;
        let title = format!("{name}: {} MiB, one TCP stream", bytes >> 20);
        let target = Target::Rate { operations: bytes * 8, per_second: bits_per_second };
        table.beside(&title, target, || pair.stream(bytes), ("memcpy", || Ok(copy(bytes))))?;
        let title = format!("{name}: {ROUND_TRIPS} round trips");
        table.alone(&title, Target::Context, || pair.round_trips(ROUND_TRIPS))?;
    }
    table.finish();
    Ok(())
}

/// Copies so many bytes in memory, in pieces of a segment.
fn copy(bytes: u64) -> Duration {
    const SEGMENT: usize = 64 << 10;
    let (from, mut to) = (vec![1_u8; 64 << 20], vec![0_u8; 64 << 20]);
    let start = Instant::now();
    let mut left = bytes;
    while left > 0 {
        for (from, to) in from.chunks(SEGMENT).zip(to.chunks_mut(SEGMENT)) {
            to.copy_from_slice(black_box(from));
            left = left.saturating_sub(SEGMENT as u64);
        }
        black_box(&mut to);
    }
    start.elapsed()
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number)
}

/// A process of a kernel that has an address on a bus.
fn process(path: &Path, format: Format, number: u8) -> Outcome<(Kernel, Process)> {
    let host = PosixHost::new();
    let options = Options { format, ..Options::default() };
    let bus = Bus::open(host.clone(), path.as_os_str().as_bytes(), &options)?;
    let kernel = rumpkit::kernel(host)?;
    let domain = kernel.protocols(AddressFamily::Inet)?;
    let network = domain.network().ok_or("no network")?;
    let interface = network.attach("shmif0", bus)?;
    network.add_address(interface, IpAddr::V4(address(number)), 24)?;
    network.set_up(interface, true)?;
    let process = kernel.process();
    Ok((kernel, process))
}

fn socket(process: &Process) -> Outcome<Fd> {
    let fd = process.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty())?;
    Ok(fd)
}

/// Sends each connection's first byte back until there is a zero, then counts bytes until there are as many as it is told,
/// and says so by a byte.
fn peer(format: &str, path: &Path) -> Outcome {
    let (_, format, ..) = FORMATS.into_iter().find(|(name, ..)| *name == format).ok_or("no such format")?;
    let (_kernel, process) = process(path, format, 1)?;
    let fd = socket(&process)?;
    process.bind(fd, &SocketAddress::Inet(SocketAddrV4::new(address(1), PORT)))?;
    process.listen(fd, 16)?;
    println!("ready");
    let mut buffer = vec![0; PIECE];
    loop {
        let (connection, _) = process.accept(fd)?;
        no_delay(&process, connection)?;
        while process.recv(connection, &mut buffer[..1], NONE)? == 1 && buffer[0] != 0 {
            process.send(connection, &buffer[..1], NONE)?;
        }
        while process.recv(connection, &mut buffer, NONE)? > 0 {}
        // After round trips nobody waits for it.
        let _ = process.send(connection, &[1], NONE);
        process.close(connection)?;
    }
}

fn no_delay(process: &Process, fd: Fd) -> Outcome {
    Ok(process.setsockopt(fd, sockopt::IPPROTO_TCP, sockopt::TCP_NODELAY, &OptionValue::Number(1))?)
}

/// A kernel here, and one in a process of its own.
struct Pair {
    _kernel: Kernel,
    process: Process,
    peer: Child,
    path: PathBuf,
}

impl Pair {
    fn new(name: &str, format: Format) -> Outcome<Self> {
        let folder = Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir());
        let folder = folder.unwrap_or_else(std::env::temp_dir);
        let path = folder.join(format!("rump-bench-{}-{name}.bus", std::process::id()));
        let (kernel, process) = process(&path, format, 2)?;
        let mut command = Command::new(std::env::current_exe()?);
        let mut peer = command.args(["peer", name]).arg(&path).stdout(Stdio::piped()).spawn()?;
        let mut ready = String::new();
        if let Some(output) = peer.stdout.take() {
            std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut ready)?;
        }
        Ok(Self { _kernel: kernel, process, peer, path })
    }

    fn connect(&self) -> Outcome<Fd> {
        let fd = socket(&self.process)?;
        self.process.connect(fd, &SocketAddress::Inet(SocketAddrV4::new(address(1), PORT)))?;
        no_delay(&self.process, fd)?;
        Ok(fd)
    }

    /// Until the other side has all of it.
    fn stream(&self, bytes: u64) -> Outcome<Duration> {
        let fd = self.connect()?;
        let piece = vec![0; PIECE];
        let start = Instant::now();
        let mut left = bytes;
        while left > 0 {
            let count = piece.len().min(usize::try_from(left)?);
            left -= self.process.send(fd, &piece[..count], NONE)? as u64;
        }
        self.process.shutdown(fd, rumpkit::Shutdown::Write)?;
        self.process.recv(fd, &mut [0], NONE)?;
        let time = start.elapsed();
        self.process.close(fd)?;
        Ok(time)
    }

    fn round_trips(&self, count: u64) -> Outcome<Duration> {
        let fd = self.connect()?;
        let start = Instant::now();
        for _ in 0..count {
            self.process.send(fd, &[1], NONE)?;
            self.process.recv(fd, &mut [0], NONE)?;
        }
        let time = start.elapsed();
        self.process.close(fd)?;
        Ok(time)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = self.peer.kill();
        let _ = self.peer.wait();
        let _ = std::fs::remove_file(&self.path);
    }
}
