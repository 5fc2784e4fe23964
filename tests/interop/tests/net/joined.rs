//! Streams of frames: two kernels of ours, and a program in another language that knows the format by its description alone.

use crate::namespace::Namespace;
use crate::station::{Lines, Station, exchange, exchange_ending_last};
use interop::image::Scratch;
use interop::program::run_within;
use interop::{Check, context};
use rumpkit::Errno;
use rumpkit::hyper::packet::PacketIo;
use rumpkit::stream::{self, Options, Role};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long who served before may take to go.
const PATIENCE: Duration = Duration::from_secs(20);
const MEBIBYTE: usize = 1 << 20;

/// One that has an address of its own, which the next that serves has too: neighbours remember it. Who served before may
/// still be on its way out.
fn open(lines: &Arc<Lines>, text: &str) -> Check<Arc<dyn PacketIo>> {
    let mut options = Options::parse(text.as_bytes()).map_err(|error| error.what)?;
    options.hardware = Some([2, 0, 0, 0, 1, u8::from(options.role == Role::Listen)]);
    open_with(lines, &options)
}

/// One that has an address that none had before it.
pub fn open_as_another(lines: &Arc<Lines>, text: &str) -> Check<Arc<dyn PacketIo>> {
    open_with(lines, &Options::parse(text.as_bytes()).map_err(|error| error.what)?)
}

fn open_with(lines: &Arc<Lines>, options: &Options) -> Check<Arc<dyn PacketIo>> {
    let begin = Instant::now();
    loop {
        match stream::open(lines.clone(), options) {
            Err(error) if error.errno == Errno::EADDRINUSE && begin.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(5));
            }
            result => return result.map_err(|error| error.what),
        }
    }
}

/// Somebody at `address` who sends datagrams back, until one says that it is over.
fn echo(station: &Station, address: &str) -> Check {
    let socket = station.udp(address)?;
    let mut buffer = vec![0; 70_000];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((4, _)) if &buffer[..4] == b"over" => return Ok(()),
            Ok((count, from)) => drop(context(socket.send_to(&buffer[..count], from), "sending back")?),
            Err(_) => return Err("nothing came".into()),
        }
    }
}

/// All that two kernels may have to say to each other; `one` is 10.0.0.1 and fd00::1.
pub fn converse(one: &Station, other: &Station) -> Check {
    for (address, bound) in [("10.0.0.1:80", "10.0.0.1:80"), ("[fd00::1]:81", "[fd00::1]:81")] {
        let listener = one.listen(bound)?;
        let client = other.connect(address)?;
        let (server, _) = context(listener.accept(), "accept")?;
        exchange(&client, &server, 4 * MEBIBYTE)?;
    }
    thread::scope(|scope| {
        let echo = scope.spawn(|| echo(one, "10.0.0.1:7"));
        other.echo_datagrams("0.0.0.0:0", "10.0.0.1:7", &[0, 1, 1472, 1473, 9000, 65_507])?;
        let socket = other.udp("0.0.0.0:0")?;
        context(socket.send_to(b"over", "10.0.0.1:7"), "the end")?;
        echo.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub fn kernels() -> Check {
    let scratch = Scratch::new("net-kernels")?;
    let unix = format!("unix:{}", scratch.path("wire").display());
    for (place, mtu) in [(&unix[..], 1500), (&unix, 65_520), ("tcp:127.0.0.1:40923", 9000)] {
        let lines = Arc::new(Lines::default());
        let server = open(&lines, &format!("listen:mtu={mtu}:{place}"))?;
        let server = Station::new(server, &["10.0.0.1/24", "fd00::1/64"])?;
        // One after the other: the next is served when the first has gone.
        for _ in 0..2 {
            server.wait_for_carrier(false)?;
            let client = open(&lines, &format!("mtu={mtu}:{place}"))?;
            let client = Station::new(client, &["10.0.0.2/24", "fd00::2/64"])?;
            server.wait_for_carrier(true)?;
            converse(&server, &client).map_err(|why| format!("{place}, MTU {mtu}: {why}"))?;
            let statistics = client.device.statistics();
            if statistics.malformed + statistics.refused > 0 {
                return Err(format!("{place}, MTU {mtu}: {statistics:?}"));
            }
            drop(client);
            lines.expect("the other side ended the connection")?;
        }
    }
    Ok(())
}

pub fn reconnected() -> Check {
    let scratch = Scratch::new("net-again")?;
    let place = format!("unix:{}", scratch.path("wire").display());
    let lines = Arc::new(Lines::default());
    let client = Station::new(open(&lines, &format!("reconnect:{place}"))?, &["10.0.0.2/24", "fd00::2/64"])?;
    lines.expect("trying again")?;
    // Who comes back has another address each time, which is known at once: before the old one would be forgotten.
    for _ in 0..2 {
        client.wait_for_carrier(false)?;
        let server = open_as_another(&lines, &format!("listen:{place}"))?;
        let server = Station::new(server, &["10.0.0.1/24", "fd00::1/64"])?;
        client.wait_for_carrier(true)?;
        converse(&server, &client)?;
    }
    Ok(())
}

/// Asks for the hardware address of 10.0.0.1 with the frame in many pieces, then by two frames in one; sends what is no
/// frame, upon which we hang up; and then asks as somebody else.
const PEER: &str = r#"
import socket, struct, sys, time
def ask(target, sender):
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, sender, bytes([10, 0, 0, 9]), bytes(6), bytes([10, 0, 0, target]))
    frame = b"\xff" * 6 + sender + b"\x08\x06" + arp
    return struct.pack("!I", len(frame)) + frame
def answer(s):
    def exactly(n):
        data = b""
        while len(data) < n:
            more = s.recv(n - len(data))
            if not more: sys.exit("the end")
            data += more
        return data
    while True:
        frame = exactly(struct.unpack("!I", exactly(4))[0])
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x02":
            return frame
for number, wrong in enumerate([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\1\0\x0f"]):
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1])
    me = bytes([2, 0, 0, 0, 0, number])
    for byte in ask(1, me):
        s.send(bytes([byte])); time.sleep(0.001)
    first = answer(s)
    s.send(ask(7, me) + ask(1, me))
    second = answer(s)
    for frame in (first, second):
        assert frame[:6] == me and frame[28:32] == bytes([10, 0, 0, 1]) and frame[22:28] == frame[6:12], frame
    s.send(ask(7, me) + wrong + ask(1, me))
    try:
        while s.recv(4096): pass
    except ConnectionResetError: pass
print("well")
"#;

pub fn foreign() -> Check {
    let scratch = Scratch::new("net-foreign")?;
    let path = scratch.path("wire");
    let lines = Arc::new(Lines::default());
    let station = Station::new(open(&lines, &format!("listen:unix:{}", path.display()))?, &["10.0.0.1/24"])?;
    let finished =
        run_within(Command::new("python3").args(["-c", PEER]).arg(&path), Duration::from_secs(60))?;
    if finished.status != Some(0) || !finished.stdout.starts_with(b"well") {
        return Err(finished.verdict());
    }
    for length in ["0", "4294967295", "65551"] {
        lines.expect(&format!("a frame of {length} bytes"))?;
    }
    drop(station);
    Ok(())
}

/// The ports that passt has for us.
const SOCKETS: &[&str] = &["-t", "8080", "-u", "8053"];

/// A namespace with an address and default routes, and passt in it.
pub struct Passt {
    pub linux: Namespace,
    /// Its socket.
    pub path: PathBuf,
    program: std::process::Child,
}

impl Passt {
    /// With its socket in a folder, where passt, which goes on as nobody, may make one then.
    pub fn new(scratch: &Scratch) -> Check<Self> {
        let open_to_all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        context(std::fs::set_permissions(scratch.path("."), open_to_all), "permissions")?;
        let path = scratch.path("passt");
        let linux = Namespace::new()?;
        linux.ip("link add world type veth peer name beyond")?;
        linux.ip("link set beyond up")?;
        linux.ip("link set world up")?;
        linux.ip("addr add 198.51.100.1/24 dev world")?;
        linux.ip("addr add 2001:db8::1/64 dev world nodad")?;
        linux.ip("route add default via 198.51.100.254")?;
        linux.ip("-6 route add default via 2001:db8::fe")?;
        let socket = path.to_str().ok_or("a path that is no text")?;
        let words =
            ["--foreground", "--quiet", "--socket", socket, "-a", "10.9.0.2", "-n", "24", "-g", "10.9.0.1"];
        let words = [&words[..], &["-a", "2001:db8:9::2", "-g", "2001:db8:9::1"], SOCKETS].concat();
        let passt = Self { program: linux.spawn("passt", &words)?, linux, path };
        let begin = Instant::now();
        while !passt.path.exists() {
            if begin.elapsed() > PATIENCE {
                return Err("passt makes no socket".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(passt)
    }
}

impl Drop for Passt {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

pub fn through_passt() -> Check {
    let scratch = Scratch::new("net-passt")?;
    let passt = Passt::new(&scratch)?;
    let lines = Arc::new(Lines::default());
    let io = open(&lines, &format!("reconnect:mtu=65520:unix:{}", passt.path.display()))?;
    let station = Station::new(io, &["10.9.0.2/24", "2001:db8:9::2/64"])?;
    station.route("10.9.0.1")?;
    station.route("2001:db8:9::1")?;
    station.wait_for_carrier(true)?;
    // Passt of 2023 lets connections in to whom it heard last, which is nobody while we ask whether an address is free. So
    // all questions are over before, and no router tells of further addresses.
    context(station.interface.set_autoconf(false), "autoconf")?;
    station.wait_for_addresses()?;
    outwards(&passt.linux, &station)?;
    inwards(&passt.linux, &station)
}

fn outwards(linux: &Namespace, station: &Station) -> Check {
    for place in ["198.51.100.1:8000", "[2001:db8::1]:8000"] {
        let listener = linux.enter(|| context(std::net::TcpListener::bind(place), place))?;
        let ours = station.connect(place)?;
        let (theirs, _) = context(listener.accept(), "accept")?;
        // Where we end first, passt of 2023 sends what it has sent again, as if it were new.
        exchange_ending_last(&ours, &theirs, 8 * MEBIBYTE).map_err(|why| format!("{place}: {why}"))?;
    }
    for (from, place) in [("10.9.0.2:0", "198.51.100.1:7"), ("[2001:db8:9::2]:0", "[2001:db8::1]:7")] {
        let socket = linux.enter(|| context(std::net::UdpSocket::bind(place), place))?;
        context(socket.set_read_timeout(Some(Duration::from_secs(20))), "a limit of time")?;
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut buffer = vec![0; 70_000];
                while let Ok((count, whence)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(&buffer[..count], whence);
                    if &buffer[..count] == b"over" {
                        return;
                    }
                }
            });
            let echoed = station.echo_datagrams(from, place, &[1, 512, 1400, 9000]);
            let socket = station.udp(from)?;
            context(socket.send_to(b"over", place), "the end")?;
            echoed
        })
        .map_err(|why| format!("{place}: {why}"))?;
    }
    Ok(())
}

/// To the ports that passt has for us.
fn inwards(linux: &Namespace, station: &Station) -> Check {
    for (place, bound) in
        [("198.51.100.1:8080", "10.9.0.2:8080"), ("[2001:db8::1]:8080", "[2001:db8:9::2]:8080")]
    {
        let listener = station.listen(bound)?;
        let mut theirs = linux.enter(|| context(std::net::TcpStream::connect(place), place))?;
        // Versions of passt acknowledge a SYN of ours only with the first bytes that they have to send.
        context(theirs.write_all(b"first"), "write")?;
        let (ours, _) = context(listener.accept(), "accept")?;
        context(ours.set_read_timeout(Some(Duration::from_secs(20))), "a limit of time")?;
        let mut first = [0; 5];
        context((&ours).read_exact(&mut first), "read")?;
        exchange_ending_last(&ours, &theirs, 8 * MEBIBYTE).map_err(|why| format!("to {place}: {why}"))?;
    }
    for (place, from, bound) in [
        ("198.51.100.1:8053", "198.51.100.1:0", "10.9.0.2:8053"),
        ("[2001:db8::1]:8053", "[2001:db8::1]:0", "[2001:db8:9::2]:8053"),
    ] {
        let ours = station.udp(bound)?;
        let theirs = linux.enter(|| context(std::net::UdpSocket::bind(from), from))?;
        context(theirs.set_read_timeout(Some(Duration::from_secs(20))), "a limit of time")?;
        let mut buffer = [0; 2000];
        context(theirs.send_to(b"to you", place), "Linux sends")?;
        let (count, whence) = context(ours.recv_from(&mut buffer), format!("what came to {place}"))?;
        context(ours.send_to(&[&buffer[..count], b" and back"].concat(), whence), "sending back")?;
        let (count, whence) = context(theirs.recv_from(&mut buffer), format!("the answer of {place}"))?;
        if &buffer[..count] != b"to you and back" || whence.to_string() != place {
            return Err(format!("{place}: {count} bytes of {whence}"));
        }
    }
    Ok(())
}
