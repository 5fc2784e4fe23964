//! `/dev/bpf` in a kernel that is on a wire, as programs use it.

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use rump_abi::event::{Event, EventFlags, Filter};
use rump_abi::{AddressFamily, Errno, MessageFlags, Mode, OpenFlags, PollEvents, SocketAddress, SocketType};
use rump_host_posix::PosixHost;
use rump_kern::{Credentials, Fd, Kernel, PollFd, Process};
use rump_kpi::KResult;
use rump_kpi::device::{NetworkDevice, Receiver};
use rump_kpi::packet::Packet;
use rump_kpi::socket::Domain;
use rumpdev_bpf::request::*;
use rumpdev_bpf::{Instruction, Record, records};
use rumpnet_wire::Wire;
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub const BROADCAST: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 255);
pub const SIZE: usize = 4096;
pub const FIONBIO: u32 = 0x8004_667e;
pub const FIONREAD: u32 = 0x4004_667f;

/// What comes to the other end of the wire.
#[derive(Default)]
pub struct Seen(pub Mutex<Vec<Vec<u8>>>);

impl Receiver for Seen {
    fn receive(&self, packets: Vec<Packet>) {
        self.0.lock().unwrap().extend(packets.iter().map(Packet::to_vec));
    }
}

pub struct Rig {
    pub domain: Arc<dyn Domain>,
    pub process: Process,
    pub number: u32,
    pub other: Arc<dyn NetworkDevice>,
    pub seen: Arc<Seen>,
    socket: Fd,
    _kernel: Kernel,
}

impl Rig {
    pub fn new() -> Self {
        let builder = Kernel::builder(PosixHost::new()).component(rumpfs_tmpfs::component());
        let builder = builder.component(rumpnet_inet::component()).component(rumpdev_bpf::component());
        let kernel = builder.boot().unwrap();
        let domain = kernel.protocols(AddressFamily::Inet).unwrap();
        let network = domain.network().unwrap();
        network.set_setting("net.inet6.ip6.auto_linklocal", 0).unwrap();
        let wire = Wire::new();
        let (other, seen) = (wire.end(), Arc::new(Seen::default()));
        other.start(seen.clone()).unwrap();
        let number = network.attach("wire0", wire.end()).unwrap();
        network.set_up(number, true).unwrap();
        network.add_address(number, OURS.into(), 24).unwrap();
        let process = kernel.process();
        let socket =
            process.socket(AddressFamily::Inet, SocketType::Datagram, 0, OpenFlags::empty()).unwrap();
        let (level, option) = (rump_abi::sockopt::SOL_SOCKET, rump_abi::sockopt::SO_BROADCAST);
        process.setsockopt(socket, level, option, &rump_kpi::socket::OptionValue::Number(1)).unwrap();
        // What address resolution has to say was said.
        seen.0.lock().unwrap().clear();
        Self { domain, process, number, other, seen, socket, _kernel: kernel }
    }

    pub fn open(&self) -> Fd {
        self.process.open("/dev/bpf", OpenFlags::RDWR, Mode::new(0)).unwrap()
    }

    /// One that listens at the wire, with buffers of [`SIZE`].
    pub fn listening(&self) -> Fd {
        let fd = self.open();
        self.set(fd, BIOCSBLEN, SIZE as u32);
        self.set_interface(fd, "wire0").unwrap();
        fd
    }

    pub fn set_interface(&self, fd: Fd, name: &str) -> KResult<()> {
        let mut argument = [0; 144];
        argument[..name.len()].copy_from_slice(name.as_bytes());
        self.process.ioctl_by_number(fd, BIOCSETIF, &mut argument)
    }

    pub fn set(&self, fd: Fd, request: u32, value: u32) {
        self.try_set(fd, request, value).unwrap();
    }

    pub fn try_set(&self, fd: Fd, request: u32, value: u32) -> KResult<()> {
        self.process.ioctl_by_number(fd, request, &mut value.to_le_bytes())
    }

    pub fn value(&self, fd: Fd, request: u32) -> u32 {
        let mut value = [0; 4];
        self.process.ioctl_by_number(fd, request, &mut value).unwrap();
        u32::from_le_bytes(value)
    }

    pub fn set_timeout(&self, fd: Fd, timeout: Duration) {
        let mut argument = [0; 16];
        argument[..8].copy_from_slice(&timeout.as_secs().to_le_bytes());
        argument[8..12].copy_from_slice(&timeout.subsec_micros().to_le_bytes());
        self.process.ioctl_by_number(fd, BIOCSRTIMEOUT, &mut argument).unwrap();
    }

    pub fn set_filter(&self, fd: Fd, request: u32, program: &[(u16, u8, u8, u32)]) -> KResult<()> {
        let mut argument = (program.len() as u64).to_le_bytes().to_vec();
        argument.extend([0; 8]);
        for &(code, jt, jf, k) in program {
            argument.extend(Instruction { code, jt, jf, k }.emit());
        }
        self.process.ioctl_by_number(fd, request, &mut argument)
    }

    /// Frames heard, dropped and wanted.
    pub fn statistics(&self, fd: Fd) -> [u64; 3] {
        let mut argument = [0xff; 128];
        self.process.ioctl_by_number(fd, BIOCGSTATS, &mut argument).unwrap();
        assert_eq!(argument[24..], [0; 104]);
        [0, 8, 16].map(|at| u64::from_le_bytes(argument[at..at + 8].try_into().unwrap()))
    }

    /// Sends a datagram to everybody: no address is to be resolved.
    pub fn send(&self, content: &[u8]) {
        let to = SocketAddress::Inet(SocketAddrV4::new(BROADCAST, 9));
        self.process.sendto(self.socket, content, MessageFlags::empty(), &to).unwrap();
    }

    /// A frame comes from the wire.
    pub fn receive(&self, frame: &[u8]) {
        self.other.send(&mut vec![Packet::received(frame.to_vec().into())]).unwrap();
    }

    pub fn read(&self, fd: Fd) -> KResult<Vec<u8>> {
        let mut buffer = vec![0; SIZE];
        let count = self.process.read(fd, &mut buffer)?;
        buffer.truncate(count);
        Ok(buffer)
    }

    pub fn is_readable(&self, fd: Fd, timeout: Duration) -> bool {
        let mut fds = [PollFd::new(fd, PollEvents::IN)];
        self.process.poll(&mut fds, Some(timeout)).unwrap() == 1
    }
}

pub fn fails<T: std::fmt::Debug>(answer: KResult<T>, errno: Errno) {
    assert_eq!(answer.unwrap_err().errno, errno);
}

/// The end of each frame, which is its content.
fn ends(buffer: &[u8], length: usize) -> Vec<Vec<u8>> {
    let end = |record: Record<'_>| record.bytes[record.bytes.len() - length..].to_vec();
    records(buffer).map(end).collect()
}

/// Frames of IPv4 alone: a load of the type, and a comparison.
pub const IPV4_ONLY: &[(u16, u8, u8, u32)] =
    &[(0x28, 0, 0, 12), (0x15, 0, 1, 0x0800), (0x06, 0, 0, u32::MAX), (0x06, 0, 0, 0)];
pub const STRANGE: &[u8] = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x07\x88\xb5strange";

#[test]
fn both_directions_are_heard_as_they_are_on_the_wire() {
    let rig = Rig::new();
    let fd = rig.listening();
    rig.set(fd, BIOCIMMEDIATE, 1);
    rig.send(b"datagram out");
    rig.receive(STRANGE);
    let buffer = rig.read(fd).unwrap();
    let all: Vec<Record<'_>> = records(&buffer).collect();
    assert_eq!(all.len(), 2);
    assert_eq!((all[1].bytes, all[1].length), (STRANGE, STRANGE.len()));
    // The device at the other end got the same bytes, the checksum among them.
    assert_eq!(*rig.seen.0.lock().unwrap(), [all[0].bytes]);
    assert!(all[0].time.sec > 1_600_000_000);
    // What follows Ethernet's header is aligned.
    let header = usize::from(u16::from_le_bytes([buffer[24], buffer[25]]));
    assert_eq!((header + 14) % 8, 0);
    assert_eq!(rig.statistics(fd), [2, 0, 2]);
    // One direction alone: in, out.
    for (direction, expected) in [(0, STRANGE[14..].to_vec()), (2, b" to you".to_vec())] {
        rig.set(fd, BIOCSDIRECTION, direction);
        assert_eq!(rig.value(fd, BIOCGDIRECTION), direction);
        rig.receive(STRANGE);
        rig.send(b"hello to you");
        assert_eq!(ends(&rig.read(fd).unwrap(), 7), [&expected[expected.len() - 7..]]);
    }
    fails(rig.try_set(fd, BIOCSDIRECTION, 3), Errno::EINVAL);
}

#[test]
fn the_filter_says_which_frames_and_how_much_of_them() {
    let rig = Rig::new();
    let (fd, other) = (rig.listening(), rig.listening());
    rig.set(fd, BIOCIMMEDIATE, 1);
    rig.set_filter(fd, BIOCSETF, IPV4_ONLY).unwrap();
    rig.receive(STRANGE);
    rig.send(b"wanted");
    assert_eq!(ends(&rig.read(fd).unwrap(), 6), [b"wanted"]);
    assert_eq!(rig.statistics(fd), [2, 0, 1]);
    // Each opening is a filter of its own.
    assert_eq!(rig.statistics(other), [2, 0, 2]);
    rig.set_filter(fd, BIOCSETF, &[(0x06, 0, 0, 20)]).unwrap();
    assert_eq!(rig.statistics(fd), [0, 0, 0]);
    rig.send(b"cut");
    let buffer = rig.read(fd).unwrap();
    let record = records(&buffer).next().unwrap();
    assert_eq!((record.bytes.len(), record.length), (20, 45));
    // None at all; and what is no program changes nothing.
    fails(rig.set_filter(fd, BIOCSETF, &[(0x05, 0, 0, 9), (0x06, 0, 0, 0)]), Errno::EINVAL);
    fails(rig.set_filter(fd, BIOCSETF, &[(0x06, 0, 0, 0); 513]), Errno::EINVAL);
    let mut short = [9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    fails(rig.process.ioctl_by_number(fd, BIOCSETF, &mut short), Errno::EINVAL);
    rig.send(b"cut");
    assert_eq!(records(&rig.read(fd).unwrap()).next().unwrap().bytes.len(), 20);
    rig.set_filter(fd, BIOCSETF, &[]).unwrap();
    rig.send(b"whole");
    assert_eq!(ends(&rig.read(fd).unwrap(), 5), [b"whole"]);
}

#[test]
fn a_read_waits_for_a_full_buffer_or_its_timeout() {
    let rig = Rig::new();
    let fd = rig.listening();
    // Nothing at all comes: the read answers nothing.
    let timeout = Duration::from_millis(50);
    rig.set_timeout(fd, timeout);
    let begin = Instant::now();
    assert_eq!(rig.read(fd).unwrap(), b"");
    assert!(begin.elapsed() >= timeout);
    // Something comes: it answers that, but not before.
    rig.send(b"one");
    rig.send(b"two");
    let begin = Instant::now();
    assert_eq!(ends(&rig.read(fd).unwrap(), 3), [b"one", b"two"]);
    assert!(begin.elapsed() >= timeout / 2);
    // poll and kqueue wait as long for what was heard.
    let queue = rig.process.kqueue().unwrap();
    let (ident, filter, flags) = (fd.0.into(), Filter::Read, EventFlags::ADD | EventFlags::CLEAR);
    let add = Event { ident, filter, flags, fflags: 0, data: 0, udata: 0 };
    assert!(rig.process.kevent(queue, &[add], 1, Some(Duration::ZERO)).unwrap().is_empty());
    rig.send(b"three");
    assert!(!rig.is_readable(fd, Duration::ZERO));
    assert_eq!(rig.process.kevent(queue, &[], 1, Some(Duration::from_secs(20))).unwrap().len(), 1);
    assert!(rig.is_readable(fd, Duration::from_secs(20)));
    // It was reported, and is not again.
    assert!(rig.process.kevent(queue, &[], 1, Some(timeout * 2)).unwrap().is_empty());
    assert_eq!(ends(&rig.read(fd).unwrap(), 5), [b"three"]);
    rig.send(b"four");
    assert!(rig.is_readable(fd, Duration::from_secs(20)));
    rig.read(fd).unwrap();
    // Without a timeout, a full buffer ends it.
    rig.set_timeout(fd, Duration::ZERO);
    let reader = rig.process.clone();
    let waiting = std::thread::spawn(move || {
        let mut buffer = [0; SIZE];
        let count = reader.read(fd, &mut buffer).unwrap();
        records(&buffer[..count]).count()
    });
    let each = 32 + 2 + 14 + 28 + 1000;
    (0..8).for_each(|_| rig.send(&[5; 1000]));
    assert_eq!(waiting.join().unwrap(), SIZE / each);
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let rig = Rig::new();
    let fd = rig.listening();
    rig.set(fd, FIONBIO, 1);
    fails(rig.read(fd), Errno::EAGAIN);
    assert!(!rig.is_readable(fd, Duration::ZERO));
    (0..20).for_each(|number| rig.send(&[number; 1000]));
    assert_eq!(rig.statistics(fd), [20, 14, 20]);
    assert!(rig.is_readable(fd, Duration::ZERO));
    assert!(rig.value(fd, FIONREAD) as usize > SIZE);
    // Non-blocking reads answer what there is, the buffer that is not full too.
    let numbers: Vec<u8> = (0..2).flat_map(|_| ends(&rig.read(fd).unwrap(), 1).concat()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    fails(rig.read(fd), Errno::EAGAIN);
    rig.send(b"again");
    rig.process.ioctl_by_number(fd, BIOCFLUSH, &mut []).unwrap();
    fails(rig.read(fd), Errno::EAGAIN);
    assert_eq!(rig.statistics(fd), [0, 0, 0]);
}

#[test]
fn requests_answer_what_they_are_asked() {
    let rig = Rig::new();
    let fd = rig.open();
    assert_eq!(rig.value(fd, BIOCGBLEN), 32 << 10);
    for (asked, answered) in [(1, 32), (u32::MAX, 16 << 20), (SIZE as u32, SIZE as u32)] {
        let mut value = asked.to_le_bytes();
        rig.process.ioctl_by_number(fd, BIOCSBLEN, &mut value).unwrap();
        assert_eq!((u32::from_le_bytes(value), rig.value(fd, BIOCGBLEN)), (answered, answered));
    }
    // Without an interface.
    for request in [BIOCGDLT, BIOCSDLT] {
        fails(rig.try_set(fd, request, 1), Errno::EINVAL);
    }
    fails(rig.process.ioctl_by_number(fd, BIOCGETIF, &mut [0; 144]), Errno::EINVAL);
    fails(rig.read(fd), Errno::ENXIO);
    fails(rig.process.write(fd, STRANGE), Errno::ENXIO);
    fails(rig.set_interface(fd, "wire9"), Errno::ENXIO);
    rig.domain.network().unwrap().create("lo1").unwrap();
    fails(rig.set_interface(fd, "lo1"), Errno::EOPNOTSUPP);
    rig.set_interface(fd, "wire0").unwrap();
    fails(rig.try_set(fd, BIOCSBLEN, 99), Errno::EINVAL);
    fails(rig.process.read(fd, &mut [0; SIZE - 1]), Errno::EINVAL);
    let mut name = [7; 144];
    rig.process.ioctl_by_number(fd, BIOCGETIF, &mut name).unwrap();
    assert_eq!(name[..16], *b"wire0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(rig.value(fd, BIOCGDLT), DLT_EN10MB);
    rig.set(fd, BIOCSDLT, DLT_EN10MB);
    fails(rig.try_set(fd, BIOCSDLT, DLT_RAW), Errno::EINVAL);
    assert_eq!(rig.value(fd, BIOCVERSION).to_le_bytes(), [1, 0, 1, 0]);
    rig.process.ioctl_by_number(fd, BIOCPROMISC, &mut []).unwrap();
    // The list of links: how many there are, no room, and room.
    let mut list = [0; 24];
    rig.process.ioctl_by_number(fd, BIOCGDLTLIST, &mut list).unwrap();
    assert_eq!(list[0], 1);
    list[8] = 1;
    list[0] = 0;
    fails(rig.process.ioctl_by_number(fd, BIOCGDLTLIST, &mut list), Errno::ENOMEM);
    list[0] = 2;
    rig.process.ioctl_by_number(fd, BIOCGDLTLIST, &mut list).unwrap();
    assert_eq!((list[0], list[16]), (1, 1));
    rig.set_timeout(fd, Duration::new(3, 4000));
    let mut timeout = [0; 16];
    rig.process.ioctl_by_number(fd, BIOCGRTIMEOUT, &mut timeout).unwrap();
    assert_eq!((timeout[0], timeout[8]), (3, 4));
    timeout[7] = 0x80;
    fails(rig.process.ioctl_by_number(fd, BIOCSRTIMEOUT, &mut timeout), Errno::EINVAL);
    fails(rig.process.ioctl_by_number(fd, 0x2000_42ff, &mut []), Errno::ENOTTY);
    let user = rig.process.fork();
    user.set_credentials(Credentials { uid: 7, gid: 7, ..Credentials::root() });
    fails(user.open("/dev/bpf0", OpenFlags::empty(), Mode::new(0)), Errno::EACCES);
}

#[test]
fn an_interface_that_goes_away_is_told_of() {
    let rig = Rig::new();
    let fd = rig.listening();
    rig.send(b"last words");
    let reader = rig.process.clone();
    let waiting = std::thread::spawn(move || {
        let mut buffer = [0; SIZE];
        let count = reader.read(fd, &mut buffer).unwrap();
        ends(&buffer[..count], 10)
    });
    std::thread::sleep(Duration::from_millis(20));
    rig.domain.network().unwrap().detach(rig.number).unwrap();
    assert_eq!(waiting.join().unwrap(), [b"last words"]);
    fails(rig.read(fd), Errno::ENXIO);
    fails(rig.process.write(fd, STRANGE), Errno::ENXIO);
    let mut fds = [PollFd::new(fd, PollEvents::IN)];
    rig.process.poll(&mut fds, Some(Duration::ZERO)).unwrap();
    assert_eq!(fds[0].revents, PollEvents::IN | PollEvents::HUP);
}

#[test]
fn a_filter_that_is_closed_hears_no_more() {
    let rig = Rig::new();
    let port = rig.domain.network().unwrap().port(rig.number).unwrap();
    let count = Arc::strong_count(&port);
    let fds = [rig.listening(), rig.listening()];
    rig.set_interface(fds[0], "wire0").unwrap();
    assert_eq!(Arc::strong_count(&port), count + 2);
    fds.iter().for_each(|fd| rig.process.close(*fd).unwrap());
    assert_eq!(Arc::strong_count(&port), count);
    rig.send(b"to nobody");
}
