//! Kernels of two processes on a bus of shared memory: this one's, and one of a program that is this one once more.

use crate::Outcome;
use rumpkit::kpi::socket::OptionValue;
use rumpkit::{
    AddressFamily, Fd, Kernel, MessageFlags, OpenFlags, PosixHost, Process, SocketAddress, SocketType,
    sockopt,
};
use rumpnet_shmif::{Bus, Format, Options};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NONE: MessageFlags = MessageFlags::empty();
const PORT: u16 = 7;
/// Bytes that are written, or read, at once.
const PIECE: usize = 256 << 10;

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

/// What a program does whose words are `peer`, the name of the format and the path of the bus: it sends each connection's first byte back until
/// there is a zero, then takes bytes until their end, and says so by a byte.
pub fn peer(format: &str, path: &Path) -> Outcome {
    let format = if format == LANES { Format::Lanes } else { Format::Compatible };
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

/// The name of the format that is ours.
pub const LANES: &str = "lanes";

/// A path for a bus, in memory where the host has such places.
pub fn place(name: &str) -> PathBuf {
    let folder = Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir());
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    folder.join(format!("rump-bench-{}-{name}.bus", std::process::id()))
}

/// A kernel here, and one in a process of its own.
pub struct Pair {
    _kernel: Kernel,
    process: Process,
    peer: Child,
    path: PathBuf,
}

impl Pair {
    /// Begins the other one, which is told the format by this name.
    pub fn new(name: &str, format: Format) -> Outcome<Self> {
        let path = place(name);
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

    /// A stream of so many bytes, until the other side has all of it.
    pub fn stream(&self, bytes: u64) -> Outcome<Duration> {
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

    /// A byte there and back, so often.
    pub fn round_trips(&self, count: u64) -> Outcome<Duration> {
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
