//! The client of NBD against servers that are slow, die, or do not keep to the protocol. That honest ones are understood is seen in
//! `tests/interop`, suite `sources`.

use rump_hyper::Access;
use rump_kpi::{BlockDevice, Errno};
use rump_sources::{Options, open};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const SIZE: u64 = 1 << 20;
const SIMPLE: u32 = 0x6744_6698;
const STRUCTURED: u32 = 0x668e_33ef;
/// Export flags: they are told, and flushes are taken.
const FLAGS: u16 = 5;

/// A request as it comes in.
struct Request {
    kind: u16,
    cookie: u64,
    offset: u64,
    len: u32,
}

/// The server's side of a connection.
struct Peer(TcpStream);

impl Peer {
    fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The handshake, up to an export of [`SIZE`] bytes.
    fn greet(&mut self, structured: bool) {
        self.0.write_all(&[&b"NBDMAGICIHAVEOPT"[..], &[0, 3]].concat()).unwrap();
        self.read::<4>();
        loop {
            let [.., o0, o1, o2, o3, l0, l1, l2, l3] = self.read::<16>();
            let (option, len) = (u32::from_be_bytes([o0, o1, o2, o3]), u32::from_be_bytes([l0, l1, l2, l3]));
            self.0.read_exact(&mut vec![0; len as usize]).unwrap();
            let reply = |kind: u32, data: &[u8]| {
                let numbers = [option, kind, data.len() as u32].map(u32::to_be_bytes).concat();
                [&0x0003_e889_0455_65a9_u64.to_be_bytes()[..], &numbers, data].concat()
            };
            let export = [&[0, 0][..], &SIZE.to_be_bytes(), &FLAGS.to_be_bytes()].concat();
            let answer = match option {
                7 => [reply(3, &export), reply(1, &[])].concat(),
                8 if structured => reply(1, &[]),
                _ => reply(1 << 31 | 1, &[]),
            };
            self.0.write_all(&answer).unwrap();
            if option == 7 {
                return;
            }
        }
    }

    /// `None` once the client says goodbye or is gone.
    fn request(&mut self) -> Option<Request> {
        let mut head = [0; 28];
        self.0.read_exact(&mut head).ok()?;
        let number = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().unwrap());
        let kind = u16::from_be_bytes([head[6], head[7]]);
        let len = u32::from_be_bytes(head[24..].try_into().unwrap());
        if kind == 1 {
            self.0.read_exact(&mut vec![0; len as usize]).ok()?;
        }
        (kind != 2).then_some(Request { kind, cookie: number(8), offset: number(16), len })
    }

    fn answer(&mut self, request: &Request) {
        let data = if request.kind == 0 { content(request.offset, request.len) } else { Vec::new() };
        self.simple(request.cookie, 0, &data);
    }

    fn simple(&mut self, cookie: u64, error: u32, data: &[u8]) {
        let head = [&[SIMPLE, error].map(u32::to_be_bytes).concat()[..], &cookie.to_be_bytes(), data];
        let _ = self.0.write_all(&head.concat());
    }

    fn chunk(&mut self, cookie: u64, flags: u16, kind: u16, data: &[u8]) {
        let begin = [&STRUCTURED.to_be_bytes()[..], &flags.to_be_bytes(), &kind.to_be_bytes()].concat();
        let rest = [&cookie.to_be_bytes()[..], &(data.len() as u32).to_be_bytes(), data].concat();
        let _ = self.0.write_all(&[begin, rest].concat());
    }
}

fn content(offset: u64, len: u32) -> Vec<u8> {
    (offset..offset + u64::from(len)).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Serves so many connections, one after the other, each by the same function; answers the URL.
fn serve(connections: usize, mut one: impl FnMut(usize, Peer) + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nbd://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        for number in 0..connections {
            one(number, Peer(listener.accept().unwrap().0));
        }
    });
    (url, server)
}

fn device(url: &str, access: Access, limit: Duration) -> Arc<dyn BlockDevice> {
    open(url.as_bytes(), access, &Options { limit, ..Options::default() }).unwrap()
}

/// Long enough for any machine.
const PATIENT: Duration = Duration::from_secs(10);
const HASTY: Duration = Duration::from_millis(300);

#[test]
fn requests_of_several_threads_are_in_flight_at_once() {
    const READERS: usize = 8;
    let (url, server) = serve(1, |_, mut peer| {
        peer.greet(false);
        for _ in 0..20 {
            // Nobody gets an answer before all have asked, and the last one gets it first.
            let requests: Vec<Request> = (0..READERS).map_while(|_| peer.request()).collect();
            requests.iter().rev().for_each(|request| peer.answer(request));
        }
        assert!(peer.request().is_none());
    });
    let device = device(&url, Access::Read, PATIENT);
    let together = Barrier::new(READERS);
    thread::scope(|scope| {
        for reader in 0..READERS as u64 {
            let (device, together) = (&device, &together);
            scope.spawn(move || {
                for round in 0..20 {
                    together.wait();
                    let (offset, mut buf) = (reader * 1000 + round, [0; 700]);
                    device.read_at(offset, &mut buf).unwrap();
                    assert_eq!(buf[..], content(offset, 700));
                }
            });
        }
    });
    drop(device);
    server.join().unwrap();
}

#[test]
fn a_connection_that_breaks_while_reading_is_made_once_more() {
    let (url, server) = serve(2, |number, mut peer| {
        peer.greet(false);
        while let Some(request) = peer.request() {
            if number == 0 && request.offset > 0 {
                return;
            }
            peer.answer(&request);
        }
    });
    let device = device(&url, Access::Read, PATIENT);
    for offset in [0, 4096, 8192] {
        let mut buf = [0; 4096];
        device.read_at(offset, &mut buf).unwrap();
        assert_eq!(buf[..], content(offset, 4096));
    }
    drop(device);
    server.join().unwrap();
}

#[test]
fn writes_that_were_not_flushed_are_not_forgotten() {
    let (url, server) = serve(2, |number, mut peer| {
        peer.greet(false);
        while let Some(request) = peer.request() {
            if request.kind == 0 && number == 0 {
                return;
            }
            peer.answer(&request);
        }
    });
    let device = device(&url, Access::ReadWrite, PATIENT);
    device.write_at(0, &[1; 512]).unwrap();
    device.flush().unwrap();
    let mut buf = [0; 512];
    device.read_at(512, &mut buf).unwrap();
    // The second connection stays; a third one is not accepted.
    device.write_at(0, &[2; 512]).unwrap();
    drop(device);
    server.join().unwrap();

    let (url, server) = serve(1, |_, mut peer| {
        peer.greet(false);
        while let Some(request) = peer.request().filter(|request| request.kind == 1) {
            peer.answer(&request);
        }
    });
    let device = self::device(&url, Access::ReadWrite, PATIENT);
    device.write_at(0, &[1; 512]).unwrap();
    for _ in 0..2 {
        let error = device.read_at(0, &mut buf).unwrap_err();
        assert_eq!(error.errno, Errno::EIO);
        assert!(error.what.contains("what was written last may be lost"), "{error}");
    }
    assert_eq!(device.write_at(0, &[1; 512]).unwrap_err().errno, Errno::EIO);
    assert_eq!(device.flush().unwrap_err().errno, Errno::EIO);
    server.join().unwrap();
}

#[test]
fn a_server_that_is_silent_or_slow_is_given_up() {
    // One byte at a time, for ever, and nothing at all.
    for drips in [true, false] {
        let (url, server) = serve(2, move |_, mut peer| {
            peer.greet(false);
            let Some(request) = peer.request() else { return };
            if drips {
                let head = [&[SIMPLE, 0].map(u32::to_be_bytes).concat()[..], &request.cookie.to_be_bytes()];
                let _ = peer.0.write_all(&head.concat());
                while peer.0.write_all(&[0]).is_ok() {
                    thread::sleep(Duration::from_millis(20));
                }
            }
            while peer.request().is_some() {}
        });
        let device = device(&url, Access::Read, HASTY);
        let begin = Instant::now();
        let error = device.read_at(0, &mut [0; 4096]).unwrap_err();
        assert_eq!(error.errno, Errno::EIO, "{error}");
        assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
        drop(device);
        server.join().unwrap();
    }
    let (url, server) = serve(1, |_, mut peer| drop(peer.0.read(&mut [0])));
    let options = Options { limit: HASTY, ..Options::default() };
    let error = open(url.as_bytes(), Access::Read, &options).err().unwrap();
    assert_eq!(error.errno, Errno::ETIMEDOUT, "{error}");
    server.join().unwrap();
}

#[test]
fn answers_that_do_not_fit_are_eio() {
    type Lie = fn(&mut Peer, &Request);
    let lies: [(bool, Lie); 7] = [
        (false, |peer, request| peer.simple(request.cookie + 1, 0, &[0; 512])),
        (false, |peer, request| peer.chunk(request.cookie, 1, 0, &[])),
        (true, |peer, request| peer.simple(request.cookie, 0, &[0; 512])),
        (true, |peer, request| peer.chunk(request.cookie, 1, 0, &[])),
        (true, |peer, request| {
            peer.chunk(request.cookie, 1, 1, &[&512_u64.to_be_bytes()[..], &[0; 512]].concat())
        }),
        (true, |peer, request| peer.chunk(request.cookie, 1, 2, &[&[0; 8][..], &[255; 4]].concat())),
        (true, |peer, _| drop(peer.0.write_all(b"HTTP/1.1 200 OK\r\n\r\n"))),
    ];
    for (index, (structured, lie)) in lies.into_iter().enumerate() {
        let (url, server) = serve(2, move |_, mut peer| {
            peer.greet(structured);
            if let Some(request) = peer.request() {
                lie(&mut peer, &request);
            }
            while peer.request().is_some() {}
        });
        let device = device(&url, Access::Read, PATIENT);
        assert_eq!(device.read_at(0, &mut [0; 512]).unwrap_err().errno, Errno::EIO, "{index}");
        drop(device);
        server.join().unwrap();
    }
}

#[test]
fn errors_of_the_server_leave_the_connection() {
    let (url, server) = serve(1, |_, mut peer| {
        peer.greet(true);
        while let Some(request) = peer.request() {
            let error = [&28_u32.to_be_bytes()[..], &[0, 4], b"full"].concat();
            match request.kind {
                1 => peer.chunk(request.cookie, 1, (1 << 15) | 1, &error),
                3 => peer.chunk(request.cookie, 1, 0, &[]),
                _ => {
                    // In two pieces, the second one first, and the rest of zeros.
                    let at = |offset: u64| (request.offset + offset).to_be_bytes();
                    let data = |offset: u64| content(request.offset + offset, 100);
                    peer.chunk(request.cookie, 0, 1, &[&at(100)[..], &data(100)].concat());
                    peer.chunk(request.cookie, 0, 2, &[&at(200)[..], &312_u32.to_be_bytes()].concat());
                    peer.chunk(request.cookie, 1, 1, &[&at(0)[..], &data(0)].concat());
                }
            }
        }
    });
    let device = device(&url, Access::ReadWrite, PATIENT);
    let error = device.write_at(0, &[1; 512]).unwrap_err();
    assert_eq!(error.errno, Errno::ENOSPC);
    assert!(error.what.contains("full"), "{error}");
    let mut buf = [1; 512];
    device.read_at(4096, &mut buf).unwrap();
    assert_eq!((&buf[..200], &buf[200..]), (&*content(4096, 200), &[0; 312][..]));
    device.flush().unwrap();
    assert_eq!(device.read_at(SIZE, &mut [0]).unwrap_err().errno, Errno::EINVAL);
    drop(device);
    server.join().unwrap();
}

#[test]
fn what_is_not_spoken_is_told() {
    let errno = |url: &str| open(url.as_bytes(), Access::Read, &Options::default()).err().unwrap();
    for (url, number) in [
        ("nbds://localhost/", Errno::ENOTSUP),
        ("nbd+unix:///disk", Errno::EINVAL),
        ("nbd+unix:///?socket=/nowhere/at/all", Errno::ENOENT),
        ("nbd://localhost/%zz", Errno::EINVAL),
    ] {
        assert_eq!(errno(url).errno, number, "{url}");
    }
}
