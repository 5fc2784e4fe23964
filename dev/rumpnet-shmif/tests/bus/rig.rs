//! Files that are gone at the end, receivers that keep what comes, and kernels on a bus.

use rump_host_posix::PosixHost;
use rump_hyper::Hypervisor;
use rump_kern::{Fd, Kernel, Process};
use rump_kpi::device::{NetworkDevice, Receiver};
use rump_kpi::packet::Packet;
use rump_kpi::socket::OptionValue;
use rump_kpi::{AddressFamily, Errno, MessageFlags, OpenFlags, Shutdown, SocketAddress, SocketType, sockopt};
use rumpnet_shmif::{Bus, Format, Options};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub const NONE: MessageFlags = MessageFlags::empty();
/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const FORMATS: [Format; 2] = [Format::Compatible, Format::Lanes];

/// A path of its own, where nothing is.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bus-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    pub fn holding(bytes: &[u8]) -> Self {
        let scratch = Self::new();
        std::fs::write(&scratch.0, bytes).unwrap();
        scratch
    }

    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub fn options(format: Format) -> Options {
    Options { format, ..Options::default() }
}

pub fn open(path: &Path, options: &Options) -> Arc<Bus> {
    Bus::open(PosixHost::new(), path.as_os_str().as_bytes(), options).unwrap()
}

/// Keeps the frames that come.
#[derive(Default)]
pub struct Inbox {
    frames: Mutex<Vec<Vec<u8>>>,
    changed: Condvar,
}

impl Inbox {
    /// Of a device, which it starts.
    pub fn of(device: &dyn NetworkDevice) -> Arc<Self> {
        let inbox = Arc::new(Self::default());
        device.start(inbox.clone()).unwrap();
        inbox
    }

    /// Waits for so many frames, and takes all there are.
    pub fn take(&self, count: usize) -> Vec<Vec<u8>> {
        let frames = self.frames.lock().unwrap();
        let is_short = |frames: &mut Vec<Vec<u8>>| frames.len() < count;
        let (mut frames, timeout) = self.changed.wait_timeout_while(frames, PATIENCE, is_short).unwrap();
        assert!(!timeout.timed_out(), "{} of {count} frames came", frames.len());
        std::mem::take(&mut *frames)
    }

    /// Whether a frame comes that begins so, within some time; all others are dropped.
    pub fn sees(&self, frame: &[u8], within: Duration) -> bool {
        let end = Instant::now() + within;
        let mut frames = self.frames.lock().unwrap();
        loop {
            if frames.drain(..).any(|seen| seen.starts_with(frame)) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            frames = self.changed.wait_timeout(frames, left).unwrap().0;
        }
    }

    pub fn taken(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.frames.lock().unwrap())
    }
}

impl Receiver for Inbox {
    fn receive(&self, packets: Vec<Packet>) {
        assert!(!packets.is_empty());
        self.frames.lock().unwrap().extend(packets.iter().map(Packet::to_vec));
        self.changed.notify_all();
    }
}

/// A frame of a length, which tells a number.
pub fn frame(number: u32, length: usize) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([0xb2, 0xa0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame.extend(number.to_le_bytes());
    frame.extend((frame.len()..length).map(|at| (at as u32).wrapping_mul(number | 1) as u8));
    frame
}

/// Sends frames; all are taken.
pub fn send(device: &dyn NetworkDevice, frames: impl IntoIterator<Item = Vec<u8>>) {
    let mut packets: Vec<Packet> = frames.into_iter().map(|frame| Packet::received(frame.into())).collect();
    let end = Instant::now() + PATIENCE;
    while !packets.is_empty() {
        device.send(&mut packets).unwrap();
        assert!(Instant::now() < end, "{} packets are not taken", packets.len());
    }
}

/// The address of the nth kernel.
pub fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number)
}

pub fn at(number: u8, port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(address(number), port))
}

/// A kernel with an address on a bus.
pub fn kernel_on(host: Arc<dyn Hypervisor>, bus: Arc<Bus>, number: u8) -> Kernel {
    let kernel = Kernel::builder(host).component(rumpnet_inet::component()).boot().unwrap();
    let domain = kernel.protocols(AddressFamily::Inet).unwrap();
    let network = domain.network().unwrap();
    let interface = network.attach("shmif0", bus).unwrap();
    network.add_address(interface, IpAddr::V4(address(number)), 24).unwrap();
    network.set_up(interface, true).unwrap();
    kernel
}

pub fn kernel(path: &Path, format: Format, number: u8) -> Kernel {
    kernel_on(PosixHost::new(), open(path, &options(format)), number)
}

pub fn socket(process: &Process, kind: SocketType) -> Fd {
    process.socket(AddressFamily::Inet, kind, 0, OpenFlags::empty()).unwrap()
}

/// Connects, as often as it takes until somebody listens.
pub fn connect(process: &Process, to: &SocketAddress) -> Fd {
    let end = Instant::now() + PATIENCE;
    loop {
        let fd = socket(process, SocketType::Stream);
        match process.connect(fd, to) {
            Ok(()) => return fd,
            Err(error) => {
                assert!(Instant::now() < end, "{error}");
                process.close(fd).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

pub fn listen(process: &Process, port: u16) -> Fd {
    let fd = socket(process, SocketType::Stream);
    process.bind(fd, &SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))).unwrap();
    process.listen(fd, 16).unwrap();
    fd
}

pub fn content(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(seed * 2 + 1) >> 5) as u8).collect()
}

/// Sends all, and that there is no more.
pub fn send_all(process: &Process, fd: Fd, bytes: &[u8]) {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += process.send(fd, &bytes[sent..], NONE).unwrap();
    }
    process.shutdown(fd, Shutdown::Write).unwrap();
}

pub fn receive_all(process: &Process, fd: Fd) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 50_000]);
    loop {
        match process.recv(fd, &mut buffer, NONE).unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Accepts one connection, and sends back what comes.
pub fn echo_once(process: &Process, listener: Fd) {
    let (fd, _) = process.accept(listener).unwrap();
    let mut buffer = vec![0; 50_000];
    loop {
        let count = process.recv(fd, &mut buffer, NONE).unwrap();
        if count == 0 {
            break;
        }
        let mut sent = 0;
        while sent < count {
            sent += process.send(fd, &buffer[sent..count], NONE).unwrap();
        }
    }
    process.close(fd).unwrap();
}

/// Sends bytes to a kernel that sends them back.
pub fn check_echo(process: &Process, to: &SocketAddress, seed: usize, length: usize) {
    let fd = connect(process, to);
    let sent = content(seed, length);
    let (writer, bytes) = (process.clone(), sent.clone());
    let writing = std::thread::spawn(move || send_all(&writer, fd, &bytes));
    let back = receive_all(process, fd);
    writing.join().unwrap();
    assert!(back == sent, "{} of {length} bytes came back", back.len());
    process.close(fd).unwrap();
}

/// Asks another kernel for an echo of ICMP with so many bytes; answers whether it came.
pub fn ping(process: &Process, number: u8, length: usize) -> bool {
    let fd = process.socket(AddressFamily::Inet, SocketType::Raw, 1, OpenFlags::empty()).unwrap();
    let mut message = vec![8, 0, 0, 0, 0, 7, 0, number];
    message.extend(content(number.into(), length));
    let words =
        message.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let sum = words.fold(0_u32, |sum, word| ((sum + word) & 0xffff) + ((sum + word) >> 16));
    message[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    let timeout = OptionValue::Time(Some(Duration::from_secs(5)));
    process.setsockopt(fd, sockopt::SOL_SOCKET, sockopt::SO_RCVTIMEO, &timeout).unwrap();
    process.sendto(fd, &message, NONE, &at(number, 0)).unwrap();
    let mut buffer = vec![0; length + 100];
    let is_echo = loop {
        match process.recv(fd, &mut buffer, NONE) {
            // An IP header of 20 bytes comes first.
            Ok(count) if buffer[20] == 0 && buffer[24..count] == message[4..] => break true,
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.errno, Errno::EAGAIN);
                break false;
            }
        }
    };
    process.close(fd).unwrap();
    is_echo
}
