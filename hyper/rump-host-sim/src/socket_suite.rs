//! What every host with sockets must do: the contract of [`HostSockets`] as checks that run against any of them.
//!
//! Only addresses of the host itself are used. A check waits as a kernel does, by being told; what takes longer than ten
//! seconds never comes.

use rump_abi::sockopt::{
    IPPROTO_TCP, SO_ACCEPTCONN, SO_ERROR, SO_LINGER, SO_REUSEADDR, SOL_SOCKET, TCP_KEEPINIT,
};
use rump_abi::{AddressFamily, Errno, MessageFlags, PollEvents, Shutdown, SocketType};
use rump_hyper::socket::{HostSocket, HostSockets, Incoming, OptionValue, Outgoing};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

type Check = fn(&Host<'_>);

macro_rules! checks {
    ($($name:ident,)*) => { &[$((stringify!($name), $name),)*] };
}

const CHECKS: &[(&str, Check)] = checks![
    a_stream_carries_bytes_both_ways_and_ends,
    both_sides_of_a_stream_know_each_other,
    what_is_not_there_does_not_block,
    nobody_there_refuses,
    a_name_is_had_once,
    a_stream_takes_what_there_is_room_for,
    a_side_that_is_gone_is_told_of,
    one_that_listens_counts_who_waits,
    datagrams_keep_their_borders_and_senders,
    a_datagram_too_long_is_cut_and_said_so,
    a_peeked_message_stays,
    a_refusal_waits_to_be_asked_for,
    who_asked_is_told_once,
    who_asks_for_what_is_so_is_told,
    being_told_of_one_thing_is_not_of_another,
    who_asks_for_all_is_told_of_more,
    an_option_that_is_not_there_is_named,
    lingering_is_remembered_and_does_not_block,
    unknown_kinds_are_refused,
    whoever_waits_in_many_threads_is_told,
];

/// Runs every check; panics at the first that fails, after printing its name.
pub fn run(host: &dyn HostSockets) {
    for (name, check) in CHECKS {
        eprintln!("checking that {}", name.replace('_', " "));
        check(&Host(host));
    }
}

struct Host<'a>(&'a dyn HostSockets);

/// A socket, and what tells of it.
struct Told {
    socket: Arc<dyn HostSocket>,
    heard: Receiver<()>,
}

struct Bell(Mutex<Sender<()>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // Nobody listens any more.
        let _ = self.0.lock().unwrap().send(());
    }
}

fn bell() -> (Waker, Receiver<()>) {
    let (sender, heard) = channel();
    (Arc::new(Bell(Mutex::new(sender))).into(), heard)
}

const PATIENCE: Duration = Duration::from_secs(10);
const NONE: MessageFlags = MessageFlags::empty();

impl Told {
    fn hears(&self) -> bool {
        self.heard.recv_timeout(PATIENCE).is_ok()
    }

    fn hears_nothing(&self) -> bool {
        self.heard.recv_timeout(Duration::from_millis(30)).is_err()
    }

    /// Tries until it is another answer than EAGAIN.
    fn until<T>(
        &self,
        events: PollEvents,
        mut attempt: impl FnMut(&dyn HostSocket) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        loop {
            match attempt(&*self.socket) {
                Err(Errno::EAGAIN) => {
                    self.socket.notify(events).unwrap();
                    assert!(self.hears(), "nobody tells of {events:?}");
                }
                answer => return answer,
            }
        }
    }

    fn send(&self, content: &[u8]) -> Result<usize, Errno> {
        self.until(PollEvents::OUT, |socket| {
            socket.send(&Outgoing { parts: &[content], to: None, control: &[], flags: NONE })
        })
    }

    fn send_to(&self, content: &[u8], to: SocketAddr) -> Result<usize, Errno> {
        self.socket.send(&Outgoing { parts: &[content], to: Some(to), control: &[], flags: NONE })
    }

    fn receive(&self, length: usize, flags: MessageFlags) -> Result<(Vec<u8>, Incoming), Errno> {
        let mut buffer = vec![0; length];
        let incoming = self.until(PollEvents::IN, |socket| socket.receive(&mut [&mut buffer], flags))?;
        buffer.truncate(incoming.length);
        Ok((buffer, incoming))
    }

    fn local(&self) -> SocketAddr {
        self.socket.local_address().unwrap()
    }
}

impl Host<'_> {
    fn socket(&self, like: SocketAddr, kind: SocketType) -> Told {
        let family = if like.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let (waker, heard) = bell();
        Told { socket: self.0.socket(family, kind, 0, waker).unwrap(), heard }
    }

    fn listener(&self, at: SocketAddr) -> Told {
        let listener = self.socket(at, SocketType::Stream);
        listener.socket.bind(at).unwrap();
        listener.socket.listen(16).unwrap();
        listener
    }

    fn connect(&self, to: SocketAddr) -> Result<Told, Errno> {
        let client = self.socket(to, SocketType::Stream);
        match client.socket.connect(to) {
            Err(Errno::EINPROGRESS) => {
                client.socket.notify(PollEvents::OUT).unwrap();
                assert!(client.hears(), "nobody tells of the connection");
            }
            done => done?,
        }
        match client.socket.option(SOL_SOCKET, SO_ERROR)? {
            OptionValue::Number(0) => Ok(client),
            OptionValue::Number(number) => {
                Err(*Errno::ALL.iter().find(|errno| **errno as i64 == number).expect("a known error"))
            }
            other => panic!("{other:?} is no number"),
        }
    }

    fn pair(&self, at: SocketAddr) -> [Told; 2] {
        let listener = self.listener(at);
        let client = self.connect(listener.local()).unwrap();
        [client, accept(&listener).0]
    }

    fn datagrams(&self, at: SocketAddr) -> Told {
        let socket = self.socket(at, SocketType::Datagram);
        socket.socket.bind(at).unwrap();
        socket
    }
}

fn accept(listener: &Told) -> (Told, SocketAddr) {
    let (waker, heard) = bell();
    let (socket, from) = listener.until(PollEvents::IN, |socket| socket.accept(waker.clone())).unwrap();
    (Told { socket, heard }, from)
}

fn v4() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn v6() -> SocketAddr {
    (Ipv6Addr::LOCALHOST, 0).into()
}

fn a_stream_carries_bytes_both_ways_and_ends(host: &Host<'_>) {
    for at in [v4(), v6()] {
        let [client, server] = host.pair(at);
        let parts: [&[u8]; 3] = [b"one ", b"", b"two"];
        let message = Outgoing { parts: &parts, to: None, control: &[], flags: NONE };
        assert_eq!(client.socket.send(&message), Ok(7));
        let (mut first, mut second) = ([0; 3], [0; 9]);
        let received =
            server.until(PollEvents::IN, |socket| socket.receive(&mut [&mut first, &mut second], NONE));
        assert_eq!(received.unwrap(), Incoming { length: 7, ..Incoming::default() });
        assert_eq!((&first, &second[..4]), (b"one", &b" two"[..]));
        assert_eq!(server.send(b"back"), Ok(4));
        assert_eq!(client.receive(9, NONE).unwrap().0, b"back");
        client.socket.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.receive(9, NONE).unwrap().0, b"");
        assert_eq!(client.send(b"more"), Err(Errno::EPIPE));
        assert_eq!(server.send(b"still"), Ok(5));
        assert_eq!(client.receive(9, NONE).unwrap().0, b"still");
    }
}

fn both_sides_of_a_stream_know_each_other(host: &Host<'_>) {
    let listener = host.listener(v4());
    let client = host.connect(listener.local()).unwrap();
    let (server, from) = accept(&listener);
    assert_eq!((from, from.ip()), (client.local(), Ipv4Addr::LOCALHOST.into()));
    assert_eq!(server.local(), listener.local());
    assert_eq!(client.socket.peer_address(), Ok(listener.local()));
    assert_eq!(server.socket.peer_address(), Ok(client.local()));
    assert_eq!(listener.socket.peer_address(), Err(Errno::ENOTCONN));
}

fn what_is_not_there_does_not_block(host: &Host<'_>) {
    let [client, _server] = host.pair(v4());
    assert_eq!(client.socket.receive(&mut [&mut [0; 9]], NONE), Err(Errno::EAGAIN));
    assert_eq!(client.socket.ready(), PollEvents::OUT);
    let listener = host.listener(v4());
    assert_eq!(listener.socket.accept(bell().0).err(), Some(Errno::EAGAIN));
    let datagrams = host.datagrams(v4());
    assert_eq!(datagrams.socket.receive(&mut [&mut [0; 9]], NONE), Err(Errno::EAGAIN));
    assert_eq!(datagrams.socket.ready(), PollEvents::OUT);
}

fn nobody_there_refuses(host: &Host<'_>) {
    let nobody = host.listener(v4()).local();
    assert_eq!(host.connect(nobody).err(), Some(Errno::ECONNREFUSED));
}

fn a_name_is_had_once(host: &Host<'_>) {
    let listener = host.listener(v4());
    let other = host.socket(v4(), SocketType::Stream);
    assert_eq!(other.socket.bind(listener.local()), Err(Errno::EADDRINUSE));
    drop(listener);
    let datagrams = host.datagrams(v4());
    let other = host.socket(v4(), SocketType::Datagram);
    assert_eq!(other.socket.bind(datagrams.local()), Err(Errno::EADDRINUSE));
    assert_eq!(datagrams.socket.bind(v4()), Err(Errno::EINVAL));
    assert_eq!(datagrams.socket.listen(1), Err(Errno::EOPNOTSUPP));
}

fn a_stream_takes_what_there_is_room_for(host: &Host<'_>) {
    let [client, server] = host.pair(v4());
    let content = vec![7; 1 << 20];
    let message = Outgoing { parts: &[&content], to: None, control: &[], flags: NONE };
    let mut sent = 0;
    while let Ok(count) = client.socket.send(&message) {
        sent += count;
        assert!(sent < 1 << 30, "it takes any amount");
    }
    assert_eq!(client.socket.send(&message), Err(Errno::EAGAIN));
    assert!(!client.socket.ready().contains(PollEvents::OUT));
    client.socket.notify(PollEvents::OUT).unwrap();
    assert!(client.hears_nothing());
    let mut received = 0;
    while received < sent {
        received += server.receive(1 << 16, NONE).unwrap().0.len();
    }
    assert!(client.hears(), "nobody tells of the room");
    assert!(client.socket.ready().contains(PollEvents::OUT));
}

fn a_side_that_is_gone_is_told_of(host: &Host<'_>) {
    let [client, server] = host.pair(v4());
    client.socket.notify(PollEvents::IN).unwrap();
    drop(server);
    assert!(client.hears());
    assert_eq!(client.receive(9, NONE).unwrap().0, b"");
}

fn one_that_listens_counts_who_waits(host: &Host<'_>) {
    let listener = host.listener(v4());
    assert_eq!(listener.socket.ready(), PollEvents::empty());
    assert_eq!(listener.socket.option(SOL_SOCKET, SO_ACCEPTCONN), Ok(OptionValue::Number(1)));
    let clients = [(); 3].map(|()| host.connect(listener.local()).unwrap());
    // The last one's acknowledgement may be on its way.
    listener.socket.notify(PollEvents::IN).unwrap();
    assert!(listener.hears());
    while listener.socket.amounts().to_receive < clients.len() {
        std::thread::yield_now();
    }
    assert_eq!(listener.socket.ready(), PollEvents::IN);
    accept(&listener);
    assert_eq!(listener.socket.amounts().to_receive, 2);
}

fn datagrams_keep_their_borders_and_senders(host: &Host<'_>) {
    for at in [v4(), v6()] {
        let (one, other) = (host.datagrams(at), host.datagrams(at));
        for content in [&b"first"[..], b"", b"third"] {
            assert_eq!(one.send_to(content, other.local()), Ok(content.len()));
        }
        for content in [&b"first"[..], b"", b"third"] {
            let (bytes, incoming) = other.receive(99, NONE).unwrap();
            assert_eq!((&bytes[..], incoming.from, incoming.flags), (content, Some(one.local()), NONE));
        }
    }
    assert_eq!(host.datagrams(v4()).send(b"to whom?"), Err(Errno::EDESTADDRREQ));
}

fn a_datagram_too_long_is_cut_and_said_so(host: &Host<'_>) {
    let (one, other) = (host.datagrams(v4()), host.datagrams(v4()));
    assert_eq!(one.send_to(&[0; 70_000], other.local()), Err(Errno::EMSGSIZE));
    for _ in 0..2 {
        one.send_to(b"too long", other.local()).unwrap();
    }
    let (bytes, incoming) = other.receive(3, NONE).unwrap();
    assert_eq!((&bytes[..], incoming.flags), (&b"too"[..], MessageFlags::TRUNC));
    let (_, incoming) = other.receive(3, MessageFlags::TRUNC).unwrap();
    assert_eq!((incoming.length, incoming.flags), (8, MessageFlags::TRUNC));
}

fn a_peeked_message_stays(host: &Host<'_>) {
    let (one, other) = (host.datagrams(v4()), host.datagrams(v4()));
    one.send_to(b"message", other.local()).unwrap();
    assert_eq!(other.receive(9, MessageFlags::PEEK).unwrap().0, b"message");
    assert_eq!(other.socket.amounts().to_receive, 7);
    assert_eq!(other.receive(9, NONE).unwrap().0, b"message");
    let [client, server] = host.pair(v4());
    client.send(b"stream").unwrap();
    assert_eq!(server.receive(3, MessageFlags::PEEK).unwrap().0, b"str");
    // A stream has no messages to be cut.
    assert_eq!(server.receive(3, MessageFlags::TRUNC).unwrap().0, b"str");
    assert_eq!(server.receive(9, NONE).unwrap().0, b"eam");
}

fn a_refusal_waits_to_be_asked_for(host: &Host<'_>) {
    let nobody = host.datagrams(v4()).local();
    let one = host.datagrams(v4());
    one.socket.connect(nobody).unwrap();
    one.socket.notify(PollEvents::IN).unwrap();
    one.send(b"anyone?").unwrap();
    assert!(one.hears(), "nobody tells of the error");
    assert!(one.socket.ready().contains(PollEvents::ERR));
    let refused = OptionValue::Number(Errno::ECONNREFUSED as i64);
    assert_eq!(one.socket.option(SOL_SOCKET, SO_ERROR), Ok(refused));
    assert_eq!(one.socket.option(SOL_SOCKET, SO_ERROR), Ok(OptionValue::Number(0)));
}

fn who_asked_is_told_once(host: &Host<'_>) {
    let (one, other) = (host.datagrams(v4()), host.datagrams(v4()));
    other.socket.notify(PollEvents::IN).unwrap();
    assert!(other.hears_nothing());
    for _ in 0..3 {
        one.send_to(b"message", other.local()).unwrap();
    }
    assert!(other.hears());
    assert!(other.hears_nothing());
}

fn who_asks_for_what_is_so_is_told(host: &Host<'_>) {
    let (one, other) = (host.datagrams(v4()), host.datagrams(v4()));
    one.send_to(b"message", other.local()).unwrap();
    for _ in 0..3 {
        other.socket.notify(PollEvents::IN).unwrap();
        assert!(other.hears());
    }
}

fn being_told_of_one_thing_is_not_of_another(host: &Host<'_>) {
    let [client, server] = host.pair(v4());
    // There is room: it is not asked for.
    client.socket.notify(PollEvents::IN).unwrap();
    assert!(client.hears_nothing());
    client.socket.notify(PollEvents::OUT).unwrap();
    assert!(client.hears());
    client.socket.notify(PollEvents::PRI).unwrap();
    assert!(client.hears_nothing());
    client.socket.notify(PollEvents::IN).unwrap();
    server.send(b"bytes").unwrap();
    assert!(client.hears());
}

fn who_asks_for_all_is_told_of_more(host: &Host<'_>) {
    let [client, server] = host.pair(v4());
    server.socket.notify_always().unwrap();
    for length in 1..4 {
        while server.heard.try_recv().is_ok() {}
        client.send(b"x").unwrap();
        // Nothing is read: there is more each time.
        while server.socket.amounts().to_receive < length {
            assert!(server.hears(), "nobody tells of more");
        }
        server.socket.notify_always().unwrap();
    }
    // What is on its way comes; then nothing happens, and nothing is told.
    assert!((0..10).any(|_| server.hears_nothing()), "it is told of nothing, for ever");
}

fn an_option_that_is_not_there_is_named(host: &Host<'_>) {
    let socket = host.socket(v4(), SocketType::Stream).socket;
    assert_eq!(socket.option(SOL_SOCKET, 0x7abc), Err(Errno::ENOPROTOOPT));
    assert_eq!(socket.set_option(99, 1, &OptionValue::Number(1)), Err(Errno::ENOPROTOOPT));
    assert_eq!(socket.option(IPPROTO_TCP, TCP_KEEPINIT), Err(Errno::ENOPROTOOPT));
    assert_eq!(socket.option(SOL_SOCKET, SO_REUSEADDR), Ok(OptionValue::Number(0)));
    socket.set_option(SOL_SOCKET, SO_REUSEADDR, &OptionValue::Number(1)).unwrap();
    assert_eq!(socket.option(SOL_SOCKET, SO_REUSEADDR), Ok(OptionValue::Number(1)));
    assert_eq!(socket.set_option(SOL_SOCKET, SO_REUSEADDR, &OptionValue::Linger(None)), Err(Errno::EINVAL));
}

fn lingering_is_remembered_and_does_not_block(host: &Host<'_>) {
    let linger = OptionValue::Linger(Some(Duration::from_secs(3600)));
    let listener = host.listener(v4());
    listener.socket.set_option(SOL_SOCKET, SO_LINGER, &linger).unwrap();
    let client = host.connect(listener.local()).unwrap();
    let (server, _) = accept(&listener);
    assert_eq!(server.socket.option(SOL_SOCKET, SO_LINGER), Ok(linger));
    let content = vec![7; 1 << 16];
    let message = Outgoing { parts: &[&content], to: None, control: &[], flags: NONE };
    let mut sent = 0;
    while let Ok(count) = server.socket.send(&message) {
        sent += count;
    }
    let finished = server.socket.finish();
    assert!(matches!(finished, Ok(()) | Err(Errno::EAGAIN)), "{finished:?}");
    let reading = std::thread::spawn(move || {
        let mut received = 0;
        while let count @ 1.. = client.receive(1 << 16, NONE).unwrap().0.len() {
            received += count;
        }
        received
    });
    while server.socket.finish() == Err(Errno::EAGAIN) {
        assert!(server.hears(), "nobody tells of the end");
    }
    drop(server);
    assert_eq!(reading.join().unwrap(), sent);
}

fn unknown_kinds_are_refused(host: &Host<'_>) {
    let make = |family, kind, protocol| host.0.socket(family, kind, protocol, bell().0).err();
    assert_eq!(make(AddressFamily::Local, SocketType::Stream, 0), Some(Errno::EAFNOSUPPORT));
    assert_eq!(make(AddressFamily::Inet, SocketType::Stream, 17), Some(Errno::EPROTONOSUPPORT));
    assert_eq!(make(AddressFamily::Inet, SocketType::Datagram, 6), Some(Errno::EPROTONOSUPPORT));
    assert_eq!(make(AddressFamily::Inet6, SocketType::SeqPacket, 0), Some(Errno::ESOCKTNOSUPPORT));
}

/// Pairs whose sides answer each other one byte at a time: each waits for each byte.
fn whoever_waits_in_many_threads_is_told(host: &Host<'_>) {
    const PAIRS: usize = 8;
    const TURNS: usize = 500;
    std::thread::scope(|scope| {
        for _ in 0..PAIRS {
            for (number, side) in host.pair(v4()).into_iter().enumerate() {
                scope.spawn(move || {
                    for turn in 0..TURNS {
                        if turn % 2 == number {
                            assert_eq!(side.send(&[turn as u8]), Ok(1));
                        } else {
                            assert_eq!(side.receive(1, NONE).unwrap().0, [turn as u8]);
                        }
                    }
                });
            }
        }
    });
}
