//! A server, and clients that keep to the protocol or do not.

mod raw;

use raw::{GETPID, Raw, pair};
use rump_abi::Errno;
use rump_abi::netbsd::numbers;
use rump_kern::Kernel;
use rump_sysproxy::frame::{HEADER, Handled, Handshake, Header, Kind, Refusal};
use rump_sysproxy::seal::Key;
use rump_sysproxy::server::{Limits, Server};
use rump_sysproxy::transport::Stream;
use rump_sysproxy::url::Url;
use rumpkit::PosixHost;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A folder for sockets, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("rump-sysproxy-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Running {
    kernel: Kernel,
    server: Server,
    url: Url,
    folder: Folder,
}

fn running() -> Running {
    let kernel = rumpkit::kernel(PosixHost::new()).unwrap();
    let server = Server::new(kernel.clone(), Limits::default()).unwrap();
    let folder = Folder::new();
    let url = server.listen(&Url::parse("unix://sock", &folder.0).unwrap()).unwrap();
    Running { kernel, server, url, folder }
}

/// Waits for what comes soon.
fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_client_is_a_process_as_long_as_its_connection_lasts() {
    let running = running();
    let mut raw = Raw::connect(&running.url);
    assert!(raw.banner.starts_with("RUMPSP-0.4-") && raw.banner.contains('/'), "{}", raw.banner);
    assert_eq!(raw.handshake(Handshake::Guest, b"ls\0").unwrap(), Ok(0));
    let pid = raw.pid();
    assert!(running.kernel.find_process(pid).is_ok());
    let clients = running.server.clients();
    assert_eq!(clients.len(), 1);
    assert_eq!((clients[0].pid, clients[0].name.as_str()), (pid, "ls"));
    let other = Raw::guest(&running.url).pid();
    assert_ne!(other, pid);
    drop(raw);
    soon("both processes end", || [pid, other].iter().all(|pid| running.kernel.find_process(*pid).is_err()));
    soon("both connections end", || running.server.clients().is_empty());
}

#[test]
fn a_server_ends_with_its_kernel() {
    let running = running();
    let mut raw = Raw::guest(&running.url);
    raw.pid();
    running.kernel.init().reboot().unwrap();
    assert!(!running.folder.0.join("sock").exists());
    assert!(raw.call(GETPID, &[]).is_err());
    running.server.wait().unwrap();
    assert!(Server::new(running.kernel.clone(), Limits::default()).is_err());
}

#[test]
fn only_its_user_gets_to_a_socket() {
    use std::os::unix::fs::PermissionsExt;
    let running = running();
    let mode = std::fs::metadata(running.folder.0.join("sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn where_a_server_is_there_is_no_second_but_one_after_it() {
    let running = running();
    let second = Server::new(running.kernel.clone(), Limits::default()).unwrap();
    assert_eq!(second.listen(&running.url).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    // One that was killed leaves its socket.
    let left = running.folder.0.join("left");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    let url = Url::Unix(left.clone());
    second.listen(&url).unwrap();
    Raw::guest(&url).pid();
    drop(second);
    assert!(!left.exists());
    // What is no socket is nobody's to take away.
    std::fs::write(&left, "text").unwrap();
    assert_eq!(running.server.listen(&url).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(std::fs::read(&left).unwrap(), b"text");
}

#[test]
fn servers_are_reached_over_tcp_from_this_machine_alone() {
    let running = running();
    for text in ["tcp://127.0.0.1:0", "tcp6://[::1]:0"] {
        let url = running.server.listen(&Url::parse(text, Path::new("/")).unwrap()).unwrap();
        Raw::guest(&url).pid();
    }
    for text in ["tcp://0:0", "tcp6://*:0", "tcp://192.0.2.1:7"] {
        let refused = running.server.listen(&Url::parse(text, Path::new("/")).unwrap()).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied, "{text}");
    }
}

#[test]
fn over_a_network_come_those_who_know_the_key() {
    use std::os::unix::fs::PermissionsExt;
    let running = running();
    let key = |name: &str, byte: u8, length: usize, mode: u32| {
        let path = running.folder.0.join(name);
        std::fs::write(&path, vec![byte; length]).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Key::from_file(&path)
    };
    let good = key("good", 1, 32, 0o600).unwrap();
    for (name, length, mode) in [("short", 31, 0o600), ("long", 33, 0o600), ("open", 32, 0o644)] {
        assert!(key(name, 1, length, mode).is_err(), "{name}");
    }
    let any = Url::parse("tcp://*:0", Path::new("/")).unwrap();
    let Url::Tcp(address) = running.server.listen_with(&any, Some(good.clone())).unwrap() else { panic!() };
    let url = Url::Tcp((std::net::Ipv4Addr::LOCALHOST, address.port()).into());
    let mut raw = Raw::with_key(&url, &good);
    assert_eq!(raw.handshake(Handshake::Guest, b"far\0").unwrap(), Ok(0));
    for _ in 0..50 {
        assert_eq!(raw.handshake(Handshake::Exec, &[b'x'; 4000]).unwrap(), Ok(0));
    }
    raw.pid();
    // Others hear nothing, not even a banner.
    let bad = key("bad", 2, 32, 0o600).unwrap();
    let denied = Stream::connect(&url).unwrap().to_server(Some(&bad)).err().unwrap();
    assert!(matches!(
        denied.kind(),
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::UnexpectedEof
    ));
    let mut plain = std::net::TcpStream::connect(("127.0.0.1", address.port())).unwrap();
    plain.write_all(&Header::request(Kind::Handshake, 1, 0, 0).emit()).unwrap();
    plain.shutdown(std::net::Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    plain.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = std::io::Read::read_to_end(&mut plain, &mut heard);
    assert!(heard.is_empty(), "{heard:?}");
    raw.pid();
}

#[test]
fn whoever_breaks_the_protocol_ends_alone() {
    let running = running();
    let mut good = Raw::guest(&running.url);
    let pid = good.pid();
    let request = |kind: Kind, code: u32, body: usize| Header::request(kind, 1, code, body).emit().to_vec();
    let with = |mut message: Vec<u8>, body: &[u8]| {
        message.extend_from_slice(body);
        message
    };
    let mut too_long = request(Kind::Prefork, 0, 0);
    too_long[..8].copy_from_slice(&u64::MAX.to_ne_bytes());
    let mut too_short = request(Kind::Prefork, 0, 0);
    too_short[..8].copy_from_slice(&((HEADER - 1) as u64).to_ne_bytes());
    let mut no_class = request(Kind::Prefork, 0, 0);
    no_class[16] = 9;
    let mut no_kind = request(Kind::Prefork, 0, 0);
    no_kind[18] = 9;
    let cases = [
        ("a length of all ones", too_long),
        ("a length below a header's", too_short),
        ("a class of none", no_class),
        ("a kind of none", no_kind),
        ("a handshake of no kind", request(Kind::Handshake, 77, 0)),
        ("a name without end", with(request(Kind::Handshake, 0, 5000), &[b'x'; 5000])),
        ("a fork without a cookie", request(Kind::Handshake, 2, 0)),
        ("a server's request", request(Kind::CopyIn, 0, 0)),
        ("a handler of nobody", with(request(Kind::Raise, 0, 8), &[0; 8])),
        ("an answer to nothing", Header::request(Kind::CopyIn, 1, 0, 0).answer(0).emit().to_vec()),
        ("half a header", vec![0; 7]),
        ("half a body", with(request(Kind::Handshake, 0, 100), b"half")),
    ];
    for (what, bytes) in cases {
        let stream = pair(&running.server);
        let raw = Raw::of(stream.try_clone().unwrap().into());
        (&stream).write_all(&bytes).unwrap();
        if what.starts_with("half") {
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        }
        assert!(raw.ends(), "{what}");
        assert_eq!(good.pid(), pid, "{what}");
    }
    soon("nothing is left of them", || running.server.clients().len() == 1);
    for (code, body) in [(0, 0), (0, 7), (0, 9), (2, 8), (u32::MAX, 8)] {
        let mut raw = Raw::guest(&running.url);
        raw.begin_asking(Kind::Raise, code, &vec![0; body]).unwrap();
        assert!(raw.ends(), "{code}, {body} bytes");
        assert_eq!(good.pid(), pid);
    }
}

#[test]
fn a_handler_ends_the_call_of_its_thread_alone() {
    let running = running();
    let mut raw = Raw::guest(&running.url);
    let (_, socket) = raw.call(numbers::__SOCKET30, &[2, 1, 0]).unwrap();
    assert_eq!(raw.call(numbers::LISTEN, &[socket as u64, 1]).unwrap(), (0, 0));
    let begin = |raw: &mut Raw, number, args: [u64; 3]| {
        let body: Vec<u8> = args.iter().flat_map(|arg| arg.to_ne_bytes()).collect();
        raw.begin_asking(Kind::Syscall, number, &body).unwrap()
    };
    let ended = |raw: &mut Raw| {
        let (header, body) = raw.reader.message().unwrap().unwrap();
        (header.request, i32::from_ne_bytes(body[..4].try_into().unwrap()))
    };
    let eintr = Errno::EINTR as i32;
    let accepting = [(); 2].map(|()| begin(&mut raw, numbers::ACCEPT, [socket as u64, 0, 0]));
    let polling = begin(&mut raw, numbers::POLL, [0, 0, u64::MAX]);
    // What nobody asks, and what is answered, is nothing to end.
    raw.handled(77, Handled::Interrupts);
    raw.handled(1, Handled::Interrupts);
    for request in accepting {
        raw.handled(request, Handled::Restarts);
    }
    raw.handled(polling, Handled::Restarts);
    assert_eq!(ended(&mut raw), (polling, eintr));
    // Nothing else is answered before this is.
    raw.pid();
    for request in accepting {
        raw.handled(request, Handled::Interrupts);
        assert_eq!(ended(&mut raw), (request, eintr));
        raw.pid();
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    let running = running();
    let mut raw = Raw::connect(&running.url);
    let nobody = raw.ask(Kind::Syscall, GETPID, &[]).unwrap().0;
    assert_eq!(nobody.code, Refusal::Auth as u32);
    assert_eq!(raw.ask(Kind::Prefork, 0, &[]).unwrap().0.code, Refusal::Auth as u32);
    assert_eq!(raw.handshake(Handshake::Auth, &[]).unwrap(), Err(Refusal::Auth as u32));
    // A name of nothing is one.
    assert_eq!(raw.handshake(Handshake::Guest, &[]).unwrap(), Ok(0));
    let again = raw.handshake(Handshake::Guest, &[]).unwrap();
    assert_eq!(again, Ok(rump_abi::Errno::EEXIST as i32));
    for number in [9999, u32::MAX] {
        assert_eq!(raw.call(number, &[]).unwrap().0, 78, "{number}");
    }
    assert_eq!(raw.ask(Kind::Syscall, GETPID, &[0; 999]).unwrap().1[..4], 22i32.to_ne_bytes());
}

#[test]
fn children_come_with_the_cookie_that_their_parent_got() {
    let running = running();
    let mut parent = Raw::guest(&running.url);
    let cookie = parent.ask(Kind::Prefork, 0, &[]).unwrap().1;
    assert_eq!(cookie.len(), 16);
    let body = |cookie: &[u8], cancel: i32| [cookie, &cancel.to_ne_bytes()].concat();
    // A forged one is nobody's, whichever bit is another.
    let mut child = Raw::connect(&running.url);
    for bit in 0..128 {
        let mut forged = cookie.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let refused = child.handshake(Handshake::Fork, &body(&forged, 0)).unwrap();
        assert_eq!(refused, Err(Refusal::InvalidPrefork as u32), "{bit}");
    }
    assert_eq!(child.handshake(Handshake::Fork, &body(&cookie, 0)).unwrap(), Ok(0));
    let of_child = running.kernel.find_process(child.pid()).unwrap();
    assert_eq!(of_child.getppid(), parent.pid());
    // It is good for one.
    let mut second = Raw::connect(&running.url);
    let refused = second.handshake(Handshake::Fork, &body(&cookie, 0)).unwrap();
    assert_eq!(refused, Err(Refusal::InvalidPrefork as u32));
    // One that is taken back is good for none.
    let cookie = parent.ask(Kind::Prefork, 0, &[]).unwrap().1;
    assert_eq!(second.handshake(Handshake::Fork, &body(&cookie, 1)).unwrap(), Ok(0));
    let refused = second.handshake(Handshake::Fork, &body(&cookie, 0)).unwrap();
    assert_eq!(refused, Err(Refusal::InvalidPrefork as u32));
    // There are so many, and no more.
    let asked = (0..Limits::default().forks + 1).map(|_| parent.ask(Kind::Prefork, 0, &[]).unwrap().0.code);
    assert_eq!(asked.last(), Some(Refusal::TryAgain as u32));
    // A child may come after its parent has gone.
    let cookie = second_generation(&running);
    let mut orphan = Raw::connect(&running.url);
    assert_eq!(orphan.handshake(Handshake::Fork, &body(&cookie, 0)).unwrap(), Ok(0));
    orphan.pid();
}

/// The cookie of a parent that has gone.
fn second_generation(running: &Running) -> Vec<u8> {
    let mut parent = Raw::guest(&running.url);
    let (pid, cookie) = (parent.pid(), parent.ask(Kind::Prefork, 0, &[]).unwrap().1);
    drop(parent);
    soon("the parent ends", || running.kernel.find_process(pid).is_err());
    cookie
}

#[test]
fn a_program_that_is_executed_has_its_name_and_not_all_descriptors() {
    use rump_abi::{Mode, OpenFlags};
    let running = running();
    let mut raw = Raw::guest(&running.url);
    let process = running.kernel.find_process(raw.pid()).unwrap();
    let open = |flags| process.open("/", flags, Mode::new(0)).unwrap();
    let (stays, goes) = (open(OpenFlags::empty()), open(OpenFlags::CLOEXEC));
    assert_eq!(raw.handshake(Handshake::Exec, b"other\0").unwrap(), Ok(0));
    assert!(process.fstat(stays).is_ok() && process.fstat(goes).is_err());
    assert_eq!(running.server.clients()[0].name, "other");
    raw.pid();
}

#[test]
fn whoever_halts_the_kernel_is_answered() {
    let running = running();
    let mut raw = Raw::guest(&running.url);
    let bystander = Raw::guest(&running.url);
    assert_eq!(raw.call(rump_abi::netbsd::numbers::REBOOT, &[0, 0]).unwrap(), (0, 0));
    assert!(!running.folder.0.join("sock").exists());
    assert!(running.kernel.check_running().is_err());
    assert!(bystander.ends() && raw.ends());
    running.server.wait().unwrap();
}

#[test]
fn many_come_and_go_at_once() {
    let running = running();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut raw = Raw::guest(&running.url);
                    let pid = raw.pid();
                    assert_eq!(raw.pid(), pid);
                }
            });
        }
    });
    soon("all have gone", || running.server.clients().is_empty());
}
