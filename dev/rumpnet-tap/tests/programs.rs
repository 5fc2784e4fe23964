//! Programs in the kernel that are the network of its interfaces.
#![forbid(unsafe_code)]

use core::net::{Ipv4Addr, SocketAddrV4};
use core::time::Duration;
use rump_abi::event::{Event, EventFlags, Filter};
use rump_abi::{
    AddressFamily, DevNumber, Errno, FileType, MessageFlags, Mode, OpenFlags, PollEvents, SocketAddress,
    SocketType,
};
use rump_host_posix::PosixHost;
use rump_kern::{Credentials, Fd, Kernel, PollFd, Process};
use rump_kpi::KResult;
use rump_kpi::device::Medium;
use rump_kpi::socket::Domain;
use rumpnet_tap::request::*;
use std::sync::Arc;

const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const THEIRS: [u8; 4] = [192, 0, 2, 2];
const THEIR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];
const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));
const ICMP: u8 = 1;

struct Rig {
    kernel: Kernel,
    domain: Arc<dyn Domain>,
    process: Process,
}

impl Rig {
    fn new() -> Self {
        let builder = Kernel::builder(PosixHost::new());
        let builder = builder.component(rumpfs_tmpfs::component()).component(rumpnet_inet::component());
        let builder = rumpnet_tap::components().into_iter().fold(builder, |b, it| b.component(it));
        let kernel = builder.boot().unwrap();
        let domain = kernel.protocols(AddressFamily::Inet).unwrap();
        domain.network().unwrap().set_setting("net.inet6.ip6.auto_linklocal", 0).unwrap();
        Self { process: kernel.process(), domain, kernel }
    }

    fn open(&self, path: &str) -> Fd {
        self.process.open(path, OpenFlags::RDWR, Mode::new(0)).unwrap()
    }

    fn number(&self, name: &str) -> Option<u32> {
        let all = self.domain.network().unwrap().interfaces();
        all.iter().find(|info| info.name == name).map(|info| info.number)
    }

    /// Gives the interface our address, and lets packets pass.
    fn configure(&self, name: &str) {
        let (network, number) = (self.domain.network().unwrap(), self.number(name).unwrap());
        network.set_up(number, true).unwrap();
        network.add_address(number, OURS.into(), 24).unwrap();
    }

    /// The next frame that passes `is_it`; others are passed over.
    fn read(&self, fd: Fd, is_it: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let mut frame = [0; 2000];
        loop {
            let mut fds = [PollFd::new(fd, PollEvents::IN)];
            assert_eq!(self.process.poll(&mut fds, PATIENCE).unwrap(), 1, "no frame came");
            let mut length = [0; 4];
            self.process.ioctl_by_number(fd, 0x4004_667f, &mut length).unwrap();
            let count = self.process.read(fd, &mut frame).unwrap();
            assert_eq!(u32::from_le_bytes(length) as usize, count);
            if is_it(&frame[..count]) {
                return frame[..count].to_vec();
            }
        }
    }

    /// Sends an echo request.
    fn ping(&self, content: &[u8]) -> Fd {
        let socket =
            self.process.socket(AddressFamily::Inet, SocketType::Raw, ICMP, OpenFlags::empty()).unwrap();
        let mut message = [&[8, 0, 0, 0, 0, 5, 0, 1], content].concat();
        let sum = sum(&message);
        message[2..4].copy_from_slice(&sum);
        let to = SocketAddress::Inet(SocketAddrV4::new(THEIRS.into(), 0));
        self.process.sendto(socket, &message, MessageFlags::empty(), &to).unwrap();
        socket
    }

    fn expect_reply(&self, socket: Fd, content: &[u8]) {
        let mut fds = [PollFd::new(socket, PollEvents::IN)];
        assert_eq!(self.process.poll(&mut fds, PATIENCE).unwrap(), 1, "no reply came");
        let mut reply = [0; 2000];
        let count = self.process.recv(socket, &mut reply, MessageFlags::empty()).unwrap();
        assert_eq!((reply[20], &reply[28..count]), (0, content));
    }
}

fn sum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (!(sum + (sum >> 16)) as u16).to_be_bytes()
}

/// Makes a packet of IP with an echo request its answer.
fn answer_echo(packet: &mut [u8]) {
    assert_eq!((sum(&packet[..20]), sum(&packet[20..])), ([0; 2], [0; 2]), "a checksum is wrong");
    let (from, to) = packet[12..20].split_at_mut(4);
    from.swap_with_slice(to);
    packet[20] = 0;
    packet[22..24].fill(0);
    let sum = sum(&packet[20..]);
    packet[22..24].copy_from_slice(&sum);
}

fn fails<T: std::fmt::Debug>(answer: KResult<T>, errno: Errno) {
    assert_eq!(answer.unwrap_err().errno, errno);
}

#[test]
fn a_program_answers_arp_and_ping_by_frames() {
    let rig = Rig::new();
    let tap = rig.open("/dev/tap");
    let mut name = [0; 144];
    rig.process.ioctl_by_number(tap, TAPGIFNAME, &mut name).unwrap();
    assert_eq!(name[..5], *b"tap0\0");
    rig.configure("tap0");
    let socket = rig.ping(b"hello tap");
    // Who has 192.0.2.2?
    let mut frame = rig.read(tap, |frame| frame[12..14] == [0x08, 0x06] && frame[38..42] == THEIRS);
    let asker: [u8; 6] = frame[6..12].try_into().unwrap();
    let network = rig.domain.network().unwrap();
    assert_eq!(network.interfaces()[1].device.medium, Medium::Ethernet { address: asker });
    let ours = frame[22..32].to_vec();
    frame[..6].copy_from_slice(&asker);
    frame[6..12].copy_from_slice(&THEIR_MAC);
    frame[21] = 2;
    frame[22..28].copy_from_slice(&THEIR_MAC);
    frame[28..32].copy_from_slice(&THEIRS);
    frame[32..42].copy_from_slice(&ours);
    rig.process.write(tap, &frame).unwrap();
    let mut frame = rig.read(tap, |frame| frame[12..14] == [0x08, 0x00]);
    assert_eq!(frame[..12], [THEIR_MAC, asker].concat());
    answer_echo(&mut frame[14..]);
    let (to, from) = frame[..12].split_at_mut(6);
    to.swap_with_slice(from);
    // In parts, as one frame.
    rig.process.writev(tap, &[&frame[..9], &frame[9..]]).unwrap();
    rig.expect_reply(socket, b"hello tap");
    // A tunnel's requests are none of a tap's.
    fails(rig.process.ioctl_by_number(tap, TUNSIFHEAD, &mut [0; 4]), Errno::ENOTTY);
    fails(rig.process.write(tap, &[0; 14]), Errno::EINVAL);
    fails(rig.process.write(tap, &vec![0; 65_550]), Errno::EMSGSIZE);
}

#[test]
fn a_program_answers_ping_by_packets() {
    let rig = Rig::new();
    let tun = rig.open("/dev/tun0");
    rig.configure("tun0");
    let is_echo = |at: usize| move |packet: &[u8]| packet[at] >> 4 == 4 && packet[at + 9] == ICMP;
    let socket = rig.ping(b"plain");
    let mut packet = rig.read(tun, is_echo(0));
    answer_echo(&mut packet);
    rig.process.write(tun, &packet).unwrap();
    rig.expect_reply(socket, b"plain");
    // With the family before each packet.
    rig.process.ioctl_by_number(tun, TUNSIFHEAD, &mut 1_u32.to_le_bytes()).unwrap();
    let mut has_head = [0; 4];
    rig.process.ioctl_by_number(tun, TUNGIFHEAD, &mut has_head).unwrap();
    assert_eq!(has_head, [1, 0, 0, 0]);
    let socket = rig.ping(b"headed");
    let mut packet = rig.read(tun, is_echo(4));
    assert_eq!(packet[..4], [0, 0, 0, 2]);
    answer_echo(&mut packet[4..]);
    rig.process.write(tun, &packet).unwrap();
    rig.expect_reply(socket, b"headed");
    packet[3] = 24;
    fails(rig.process.write(tun, &packet), Errno::EAFNOSUPPORT);
    fails(rig.process.write(tun, &packet[..3]), Errno::EINVAL);
    let mode = |mode: u32| rig.process.ioctl_by_number(tun, TUNSIFMODE, &mut mode.to_le_bytes());
    mode(IFF_POINTOPOINT | IFF_MULTICAST).unwrap();
    fails(mode(1), Errno::EINVAL);
    fails(rig.process.ioctl_by_number(tun, TAPGIFNAME, &mut [0; 144]), Errno::ENOTTY);
}

#[test]
fn closing_takes_away_what_opening_the_cloner_made() {
    let rig = Rig::new();
    let [one, two] = [(); 2].map(|()| rig.open("/dev/tap"));
    assert!(rig.number("tap0").is_some() && rig.number("tap1").is_some());
    rig.process.close(one).unwrap();
    assert!(rig.number("tap0").is_none() && rig.number("tap1").is_some());
    // The number is free again; another descriptor keeps it.
    let again = rig.open("/dev/tap");
    let kept = rig.process.dup(again).unwrap();
    rig.process.close(again).unwrap();
    assert!(rig.number("tap0").is_some());
    rig.process.close(kept).unwrap();
    assert!(rig.number("tap0").is_none());
    // The interface goes away first: who reads learns it.
    rig.domain.network().unwrap().detach(rig.number("tap1").unwrap()).unwrap();
    fails(rig.process.read(two, &mut [0; 100]), Errno::ENXIO);
    fails(rig.process.write(two, &[0; 100]), Errno::ENXIO);
    rig.process.close(two).unwrap();
    // One that has a name of its own stays.
    let named = rig.open("/dev/tap0");
    rig.process.close(named).unwrap();
    assert!(rig.number("tap0").is_some());
}

#[test]
fn interfaces_are_made_by_name_and_belong_to_one_program() {
    let rig = Rig::new();
    let number = rig.kernel.create_interface("tap7").unwrap();
    assert_eq!(rig.number("tap7"), Some(number));
    fails(rig.kernel.create_interface("tap7"), Errno::EEXIST);
    let node = DevNumber { major: 169, minor: 7 };
    rig.process.mknod("/tap7", FileType::CharDevice, Mode::new(0o600), node).unwrap();
    let fd = rig.open("/tap7");
    fails(rig.process.open("/tap7", OpenFlags::RDWR, Mode::new(0)), Errno::EBUSY);
    rig.process.close(fd).unwrap();
    rig.open("/tap7");
    // A name that another interface has, and a unit that cannot be.
    rig.kernel.create_interface("lo1").unwrap();
    let node = DevNumber { major: 169, minor: 99_999 };
    rig.process.mknod("/far", FileType::CharDevice, Mode::new(0o600), node).unwrap();
    fails(rig.process.open("/far", OpenFlags::RDWR, Mode::new(0)), Errno::ENXIO);
    let user = rig.process.fork();
    user.set_credentials(Credentials { uid: 7, gid: 7, ..Credentials::root() });
    for path in ["/dev/tap", "/dev/tun0"] {
        fails(user.open(path, OpenFlags::RDWR, Mode::new(0)), Errno::EACCES);
    }
}

#[test]
fn who_waits_for_frames_is_woken() {
    let rig = Rig::new();
    let tun = rig.open("/dev/tun0");
    rig.configure("tun0");
    let queue = rig.process.kqueue().unwrap();
    let add = Event {
        ident: tun.0.into(),
        filter: Filter::Read,
        flags: EventFlags::ADD,
        fflags: 0,
        data: 0,
        udata: 0,
    };
    assert!(rig.process.kevent(queue, &[add], 1, Some(Duration::ZERO)).unwrap().is_empty());
    rig.process.ioctl_by_number(tun, 0x8004_667e, &mut 1_u32.to_le_bytes()).unwrap();
    fails(rig.process.read(tun, &mut [0; 9]), Errno::EAGAIN);
    rig.process.ioctl_by_number(tun, 0x8004_667e, &mut [0; 4]).unwrap();
    let reader = rig.process.clone();
    let waiting = std::thread::spawn(move || {
        let mut packet = [0; 2000];
        let count = reader.read(tun, &mut packet).unwrap();
        packet[..count].to_vec()
    });
    rig.ping(b"one");
    assert_eq!(waiting.join().unwrap()[28..], *b"one");
    rig.ping(b"more");
    let events = rig.process.kevent(queue, &[], 1, PATIENCE).unwrap();
    assert_eq!((events.len(), events[0].data), (1, 32));
    // A buffer that is too small gets the beginning; the rest is lost.
    let mut begin = [0; 20];
    assert_eq!(rig.process.read(tun, &mut begin).unwrap(), 20);
    assert_eq!(begin[0], 0x45);
    // Without a reader there is an end: what is sent then is lost.
    (0..400).for_each(|_| rig.process.close(rig.ping(b"many")).unwrap());
    let mut count = 0;
    rig.process.ioctl_by_number(tun, 0x8004_667e, &mut 1_u32.to_le_bytes()).unwrap();
    while rig.process.read(tun, &mut [0; 100]).is_ok() {
        count += 1;
    }
    assert_eq!(count, 256);
}
