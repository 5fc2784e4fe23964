//! Ends over sockets of this process.

use super::*;
use rump_hyper::packet::{HEADER_BYTES, Medium, Outgoing, Received, Sent};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Mutex;
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Option<Duration> = Some(Duration::from_millis(200));

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Console for Lines {
    fn write_line(&self, line: &str) {
        self.0.lock().unwrap().push(line.into());
    }
}

impl Lines {
    fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

/// A path for a socket of this test, where nothing is.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("rump-stream-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn outgoing<'a>(parts: &[&'a [u8]]) -> Outgoing<'a> {
    Outgoing { header: [0; HEADER_BYTES], parts: parts.to_vec().into() }
}

/// Receives until `is_enough`.
fn receive(end: &Arc<dyn PacketIo>, is_enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
    let (mut frames, begin) = (Vec::new(), Instant::now());
    while !is_enough(&frames) {
        assert!(begin.elapsed() < PATIENCE, "{} frames came", frames.len());
        end.receive(&mut frames, STEP).unwrap();
    }
    frames
}

fn over(socket: UnixStream) -> (Arc<dyn PacketIo>, Arc<Lines>) {
    let lines = Arc::new(Lines::default());
    (super::over(lines.clone(), socket, "pair", 1500).unwrap(), lines)
}

#[test]
fn texts_say_what_to_connect_and_how() {
    let unix = Address::Unix("/a:b".into());
    let tcp = Address::Tcp("::1:80".into());
    let again = Role::Reconnect { longest_pause: LONGEST_PAUSE };
    assert_eq!(Options::parse(b"unix:/a:b").unwrap(), Options::connect(unix.clone()));
    assert_eq!(Options::parse(b"listen:tcp:::1:80").unwrap(), Options::listen(tcp));
    let wide = Options { role: again, mtu: 65_520, ..Options::connect(unix) };
    assert_eq!(Options::parse(b"reconnect:mtu=65520:unix:/a:b").unwrap(), wide);
    let wrong =
        ["", "unix", "unix:", "tcp:", "tcp:80", "/a", "mtu=67:unix:/a", "mtu=65521:unix:/a", "mtu=:unix:/a"];
    for text in wrong {
        assert_eq!(Options::parse(text.as_bytes()).unwrap_err().errno, Errno::EINVAL, "{text}");
    }
}

#[test]
fn frames_have_their_length_before_them() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let (end, _) = over(ours);
    let too_long = vec![0; framing::MOST_BYTES + 1];
    let sent = end.send(&[
        outgoing(&[b"four", b"teen bytes"]),
        outgoing(&[&too_long]),
        outgoing(&[]),
        outgoing(&[&b"last"[..]; 2000]),
    ]);
    assert_eq!(sent.unwrap(), Sent { taken: 4, refused: 2 });
    let mut bytes = vec![0; 18 + 4 + 8000];
    theirs.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes[..22], b"\0\0\0\x0efourteen bytes\0\0\x1f\x40");
    assert_eq!(bytes[22..], b"last".repeat(2000));
    theirs.write_all(b"\0\0\0\x0efourteen bytes\0\0\0\x03abc\0\0\0\x0eand").unwrap();
    let frames = receive(&end, |frames| !frames.is_empty());
    assert_eq!((frames.len(), &frames[0].bytes[..]), (1, &b"fourteen bytes"[..]));
    theirs.write_all(b" the others").unwrap();
    assert_eq!(&receive(&end, |frames| !frames.is_empty())[0].bytes[..], b"and the others");
    assert!(matches!(end.info().medium, Medium::Ethernet { address } if address[0] & 3 == 2));
}

#[test]
fn who_does_not_read_loses_whole_frames() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let (end, _) = over(ours);
    let (mut number, mut taken) = (0_u32, Vec::new());
    loop {
        let frames: Vec<_> = (number..number + 40).map(|it| it.to_be_bytes().repeat(1000)).collect();
        let outgoing: Vec<_> = frames.iter().map(|frame| outgoing(&[frame])).collect();
        let sent = end.send(&outgoing).unwrap();
        taken.extend(number..number + sent.taken as u32);
        number += 40;
        if sent.taken < 40 {
            assert!(number < 10_000);
            break;
        }
    }
    // What waits is brought out by the thread that receives, and nothing is lost of what was taken.
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut frame = vec![0; 4004];
            for number in &taken {
                theirs.read_exact(&mut frame).unwrap();
                let expected = [&4000_u32.to_be_bytes()[..], &number.to_be_bytes().repeat(1000)].concat();
                assert!(frame == expected, "{number}");
            }
            theirs.write_all(b"\0\0\0\x0eall have come.").unwrap();
        });
        receive(&end, |frames| !frames.is_empty());
        reader.join().unwrap();
    });
    assert_eq!(end.send(&[outgoing(&[b"more"])]).unwrap(), Sent { taken: 1, refused: 0 });
}

#[test]
fn the_end_of_the_only_connection_is_that_of_the_device() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let (end, _) = over(ours);
    theirs.write_all(b"\0\0\0\x0efourteen bytes\0\0\0\0").unwrap();
    let frames = receive(&end, |frames| !frames.is_empty());
    assert_eq!(frames.len(), 1);
    assert!(!end.has_carrier());
    for _ in 0..2 {
        let error = end.receive(&mut Vec::new(), STEP).unwrap_err();
        assert_eq!(error.errno, Errno::ENETDOWN);
    }
    assert_eq!(end.send(&[outgoing(&[b"frame"])]).unwrap_err().errno, Errno::ENETDOWN);
    // It was closed, too.
    assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
}

#[test]
fn clients_are_served_one_after_the_other() {
    let (path, lines) = (path("serve"), Arc::new(Lines::default()));
    let dead = UnixListener::bind(&path).unwrap();
    let options = Options::listen(Address::Unix(path.clone()));
    assert_eq!(open(lines.clone(), &options).err().unwrap().errno, Errno::EADDRINUSE);
    drop(dead);
    let end = open(lines.clone(), &options).unwrap();
    end.receive(&mut Vec::new(), Some(Duration::ZERO)).unwrap();
    assert!(!end.has_carrier());
    assert_eq!(end.send(&[outgoing(&[b"frame"])]).unwrap(), Sent { taken: 1, refused: 1 });
    let hostile: [(&[u8], &str); 4] = [
        (b"\0\0\0\x0efourteen bytes\0\0\0\0", "a frame of 0 bytes"),
        (b"\0\0\0\x0efourteen bytes\0\x01\0\x0f", "a frame of 65551 bytes"),
        (b"\0\0\0\x0efourteen bytes\0", "within a frame"),
        (b"\0\0\0\x0efourteen bytes", "the other side ended the connection"),
    ];
    for (bytes, line) in hostile {
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(bytes).unwrap();
        let other = UnixStream::connect(&path).unwrap();
        let frames = receive(&end, |frames| !frames.is_empty());
        assert_eq!((frames.len(), &frames[0].bytes[..]), (1, &b"fourteen bytes"[..]));
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let begin = Instant::now();
        while !lines.all().contains(line) {
            assert!(begin.elapsed() < PATIENCE, "{line}: {}", lines.all());
            end.receive(&mut Vec::new(), STEP).unwrap();
        }
        drop(other);
    }
    drop(end);
    assert!(!path.exists());
}

#[test]
fn who_is_not_there_yet_or_again_is_tried_again() {
    let (path, lines) = (path("again"), Arc::new(Lines::default()));
    let once = Options::connect(Address::Unix(path.clone()));
    assert_eq!(open(lines.clone(), &once).err().unwrap().errno, Errno::ENOENT);
    let role = Role::Reconnect { longest_pause: Duration::from_millis(200) };
    let end = open(lines.clone(), &Options { role, ..once }).unwrap();
    for _ in 0..5 {
        end.receive(&mut Vec::new(), STEP).unwrap();
    }
    assert!(!end.has_carrier());
    assert_eq!(lines.all().lines().count(), 1);
    for text in ["fourteen bytes", "14 other bytes"] {
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (mut accepted, begin) = (None, Instant::now());
        while accepted.is_none() {
            assert!(begin.elapsed() < PATIENCE);
            end.receive(&mut Vec::new(), STEP).unwrap();
            accepted = listener.accept().ok();
        }
        let mut peer = accepted.unwrap().0;
        peer.write_all(&[b"\0\0\0\x0e", text.as_bytes()].concat()).unwrap();
        assert_eq!(&receive(&end, |frames| !frames.is_empty())[0].bytes[..], text.as_bytes());
        assert!(end.has_carrier());
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn tcp_carries_frames_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let lines = Arc::new(Lines::default());
    let refused = Options::connect(Address::Tcp("127.0.0.1:1".into()));
    assert!(open(lines.clone(), &refused).is_err());
    drop(listener);
    let server = open(lines.clone(), &Options::listen(Address::Tcp(place.clone()))).unwrap();
    let client = open(lines.clone(), &Options::connect(Address::Tcp(place))).unwrap();
    client.send(&[outgoing(&[b"fourteen bytes"])]).unwrap();
    assert_eq!(receive(&server, |frames| !frames.is_empty())[0].bytes[..], b"fourteen bytes"[..]);
    server.send(&[outgoing(&[b"14 other bytes"])]).unwrap();
    assert_eq!(receive(&client, |frames| !frames.is_empty())[0].bytes[..], b"14 other bytes"[..]);
    // Waiting ends when it is told to.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.receive(&mut Vec::new(), None));
        client.wake();
        waiting.join().unwrap().unwrap();
    });
}
