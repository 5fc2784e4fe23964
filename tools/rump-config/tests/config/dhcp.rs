//! An address by DHCP, of a server as small as one can be, which is a kernel of the test's on the same bus.

use crate::rig::{Kernel, words};
use rump_server_rig::Scratch;
use rumpkit::kpi::socket::{Control, OptionValue};
use rumpkit::net::{Config, Interface};
use rumpkit::sockopt::{SO_BROADCAST, SOL_SOCKET};
use rumpkit::{
    AddressFamily, Fd, MessageFlags, OpenFlags, PollEvents, PollFd, PosixHost, Process, SendMessage,
    SocketAddress, SocketType,
};
use rumpnet_dhcp::{Kind, Message, code};
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const GIVES: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 77);

/// Ends with this.
struct Server {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Kind>>>,
}

impl Server {
    fn on(bus: &Path) -> Self {
        let kernel = rumpkit::kernel(PosixHost::new()).unwrap();
        let text = format!(
            "[[interface]]\nname = 'eth0'\nlink = 'shmif:{}'\naddresses = ['{OWN}/24']\n",
            bus.display()
        );
        let applied = Config::parse("net.toml", &text).unwrap().apply(&kernel).unwrap();
        let number = Interface::find(&kernel, "eth0").unwrap().number();
        let process = kernel.process();
        let fd = process.socket(AddressFamily::Inet, SocketType::Datagram, 0, OpenFlags::NONBLOCK).unwrap();
        process.setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &OptionValue::Number(1)).unwrap();
        process.bind(fd, &SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67))).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        let serve = move || {
            let (_applied, mut heard) = (applied, Vec::new());
            while !ends.load(Ordering::Relaxed) {
                let mut fds = [PollFd::new(fd, PollEvents::IN)];
                process.poll(&mut fds, Some(Duration::from_millis(20))).unwrap();
                heard.extend(answer(&process, fd, number));
            }
            heard
        };
        Self { is_over, thread: Some(std::thread::spawn(serve)) }
    }

    /// What it heard.
    fn end(mut self) -> Vec<Kind> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

fn answer(process: &Process, fd: Fd, number: u32) -> Option<Kind> {
    let mut buffer = [0; 2000];
    let length = process.recv(fd, &mut buffer, MessageFlags::DONTWAIT).ok()?;
    let message = Message::parse(&buffer[..length]).unwrap();
    let kind = match message.kind {
        Kind::Discover => Kind::Offer,
        Kind::Request => Kind::Ack,
        other => return Some(other),
    };
    let mut reply = message.reply(kind, OWN, GIVES);
    reply.options.set(code::LEASE_TIME, &600_u32.to_be_bytes());
    reply.options.set(code::SUBNET_MASK, &[255, 255, 255, 0]);
    reply.options.set(code::ROUTERS, &[10, 0, 0, 254]);
    reply.options.set(code::NAME_SERVERS, &[10, 0, 0, 53]);
    reply.options.set(code::MTU, &1400_u16.to_be_bytes());
    let to = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::BROADCAST, 68));
    let (bytes, control) = (reply.emit(), [Control::PacketInfo { to: OWN.into(), interface: number }]);
    let parts = [&bytes[..]];
    let sent = SendMessage { parts: &parts, to: Some(&to), control: &control, ..SendMessage::default() };
    process.sendmsg(fd, &sent, MessageFlags::empty()).unwrap();
    Some(message.kind)
}

#[test]
fn an_interface_gets_what_a_server_gives() {
    let scratch = Scratch::new();
    let server = Server::on(&scratch.path("bus"));
    std::fs::write(
        scratch.path("net.toml"),
        "[[interface]]\nname = 'shmif0'\nlink = 'shmif:bus'\nup = false\n",
    )
    .unwrap();
    let kernel = Kernel::in_folder(scratch, &["--net", "net.toml"]);
    let told: Value = serde_json::from_str(&kernel.ok("dhcpclient", &["--json", "shmif0"])).unwrap();
    assert_eq!(
        (&told["address"], &told["prefix_length"], &told["seconds"]),
        (&"10.0.0.77".into(), &24.into(), &600.into())
    );
    assert_eq!(told["name_servers"][0], "10.0.0.53");
    let shown = kernel.ok("ifconfig", &["shmif0"]);
    assert!(shown.contains("<UP,") && shown.contains(" mtu 1400\n"), "{shown}");
    assert!(shown.contains("\tinet 10.0.0.77/24 broadcast 10.0.0.255\n"), "{shown}");
    let routes = kernel.ok("route", &["show"]);
    let default = routes.lines().map(words).find(|words| words.first() == Some(&"default")).unwrap();
    assert_eq!(default[1..3], ["10.0.0.254", "UG"]);
    assert!(kernel.run("ping", &["-c", "1", "10.0.0.1"]).code == Some(0));
    let heard = server.end();
    assert!(heard.starts_with(&[Kind::Discover, Kind::Request]), "{heard:?}");
}

#[test]
fn where_nobody_gives_anything_that_is_said() {
    let scratch = Scratch::new();
    std::fs::write(scratch.path("net.toml"), "[[interface]]\nname = 'shmif0'\nlink = 'shmif:bus'\n").unwrap();
    let kernel = Kernel::in_folder(scratch, &["--net", "net.toml"]);
    let err = kernel.fails("dhcpclient", &["-t", "0.2", "shmif0"]);
    assert!(err.contains("shmif0: no server of DHCP gave an address in 0.2 s"), "{err}");
    assert!(kernel.fails("dhcpclient", &["nothing0"]).contains("nothing0: there is no such interface"));
    assert!(kernel.fails("dhcpclient", &["lo0"]).contains("lo0: DHCP is for interfaces of Ethernet"));
}
