//! Ends over sockets of this process.

use super::*;
use rump_hyper::packet::{HEADER_BYTES, Medium, Outgoing, Received, Sent};
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Option<Duration> = Some(Duration::from_millis(200));
const FRAME: &[u8] = b"fourteen bytes";

/// A folder of a test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rump-dgram-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// An end at `ours`, of which `theirs` is the other side.
    fn open(&self, ours: &str, theirs: &str) -> HostResult<Arc<dyn PacketIo>> {
        open(&Options::new(Ends::Unix(self.path(ours), self.path(theirs))))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn outgoing<'a>(parts: &[&'a [u8]]) -> Outgoing<'a> {
    Outgoing { header: [0; HEADER_BYTES], parts: parts.to_vec().into() }
}

/// Receives so many frames.
fn receive(end: &Arc<dyn PacketIo>, count: usize) -> Vec<Received> {
    let (mut frames, begin) = (Vec::new(), Instant::now());
    while frames.len() < count {
        assert!(begin.elapsed() < PATIENCE, "{} frames came", frames.len());
        end.receive(&mut frames, STEP).unwrap();
    }
    frames
}

#[test]
fn texts_say_where_the_two_sides_are() {
    let unix = Ends::Unix("/a:b".into(), "c".into());
    let udp = Ends::Udp("[::1]:80".into(), "host:81".into());
    assert_eq!(Options::parse(b"unix:/a:b,c").unwrap(), Options::new(unix.clone()));
    assert_eq!(Options::parse(b"udp:[::1]:80,host:81").unwrap(), Options::new(udp));
    let wide = Options { mtu: 65_489, ..Options::new(unix.clone()) };
    assert_eq!(Options::parse(b"mtu=65489:unix:/a:b,c").unwrap(), wide);
    assert_eq!(unix.to_string(), "unix:/a:b,c");
    for text in [
        "",
        "unix",
        "unix:",
        "unix:/a",
        "unix:/a,",
        "unix:,/a",
        "unix:/a,/b,/c",
        "udp:h:1",
        "udp:h:1,h",
        "udp:h,h:1",
        "tcp:h:1,h:2",
        "mtu=67:unix:a,b",
        "mtu=65490:unix:a,b",
        "mtu=:unix:a,b",
        "mtu=9",
        "listen:unix:a,b",
    ] {
        assert_eq!(Options::parse(text.as_bytes()).unwrap_err().errno, Errno::EINVAL, "{text}");
    }
    let nowhere = Ends::Unix("/nowhere/at/all".into(), "/a".into());
    assert_eq!(open(&Options::new(nowhere)).err().unwrap().errno, Errno::ENOENT);
    let options = Options { mtu: 67, ..Options::new(unix) };
    assert_eq!(open(&options).err().unwrap().errno, Errno::EINVAL);
}

#[test]
fn each_frame_is_a_datagram() {
    let folder = Folder::new("each");
    let theirs = UnixDatagram::bind(folder.path("theirs")).unwrap();
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    let end = folder.open("ours", "theirs").unwrap();
    let too_long = vec![0; 65_554];
    let parts = [&b"last"[..]; 2000];
    let sent = end.send(&[
        outgoing(&[b"four", b"teen bytes"]),
        outgoing(&[&too_long]),
        outgoing(&[]),
        outgoing(&parts),
    ]);
    assert_eq!(sent.unwrap(), Sent { taken: 4, refused: 2 });
    let mut buffer = vec![0; 70_000];
    assert_eq!((theirs.recv(&mut buffer).unwrap(), &buffer[..14]), (14, FRAME));
    assert_eq!((theirs.recv(&mut buffer).unwrap(), &buffer[..8000]), (8000, &b"last".repeat(2000)[..]));
    assert!(matches!(end.info().medium, Medium::Ethernet { address } if address[0] & 3 == 2));
    theirs.send_to(FRAME, folder.path("ours")).unwrap();
    assert_eq!(receive(&end, 1)[0].bytes, FRAME);
    // Waiting ends when it is told to.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| end.receive(&mut Vec::new(), None));
        end.wake();
        waiting.join().unwrap().unwrap();
    });
    drop(end);
    assert!(!folder.path("ours").exists());
}

#[test]
fn datagrams_that_are_no_frames_are_nothing() {
    let folder = Folder::new("hostile");
    let end = folder.open("ours", "theirs").unwrap();
    let theirs = UnixDatagram::unbound().unwrap();
    theirs.connect(folder.path("ours")).unwrap();
    theirs.set_write_timeout(Some(PATIENCE)).unwrap();
    let longest = vec![7; 65_553];
    std::thread::scope(|scope| {
        // Nobody is asked to take more at once than the host's queue has.
        let sender = scope.spawn(|| {
            for bytes in [&b""[..], b"x", b"thirteen byte", &[8; 65_554], &[9; 100_000], &longest, FRAME] {
                assert_eq!(theirs.send(bytes).unwrap(), bytes.len());
            }
        });
        let frames = receive(&end, 2);
        sender.join().unwrap();
        assert_eq!(frames.len(), 2);
        assert!(frames[0].bytes == longest && frames[1].bytes == FRAME);
    });
}

#[test]
fn either_side_may_come_and_go() {
    let folder = Folder::new("again");
    let end = folder.open("ours", "theirs").unwrap();
    let lost = Sent { taken: 1, refused: 1 };
    assert_eq!(end.send(&[outgoing(&[FRAME])]).unwrap(), lost);
    for _ in 0..2 {
        let theirs = folder.open("theirs", "ours").unwrap();
        assert_eq!(folder.open("theirs", "ours").err().unwrap().errno, Errno::EADDRINUSE);
        // Who is new may speak first.
        theirs.send(&[outgoing(&[FRAME])]).unwrap();
        assert_eq!(receive(&end, 1)[0].bytes, FRAME);
        end.send(&[outgoing(&[b"14 other bytes"])]).unwrap();
        assert_eq!(receive(&theirs, 1)[0].bytes[..], b"14 other bytes"[..]);
        drop(theirs);
        assert_eq!(end.send(&[outgoing(&[FRAME])]).unwrap(), lost);
    }
    // One who died left his socket.
    drop(UnixDatagram::bind(folder.path("theirs")).unwrap());
    assert_eq!(end.send(&[outgoing(&[FRAME])]).unwrap(), lost);
    drop(folder.open("theirs", "ours").unwrap());
}

#[test]
fn a_file_that_is_no_socket_stays() {
    let folder = Folder::new("file");
    std::fs::write(folder.path("ours"), "text").unwrap();
    assert_eq!(folder.open("ours", "theirs").err().unwrap().errno, Errno::EADDRINUSE);
    assert_eq!(std::fs::read(folder.path("ours")).unwrap(), b"text");
}

#[test]
fn who_does_not_read_loses_frames_but_not_their_order() {
    let folder = Folder::new("slow");
    let theirs = UnixDatagram::bind(folder.path("theirs")).unwrap();
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    let end = folder.open("ours", "theirs").unwrap();
    let frames: Vec<_> = (0..40_u32).map(|it| it.to_be_bytes().repeat(1000)).collect();
    let outgoing: Vec<_> = frames.iter().map(|frame| outgoing(&[frame])).collect();
    let (mut rounds, mut taken) = (0, 0);
    loop {
        let sent = end.send(&outgoing).unwrap();
        taken += sent.taken;
        rounds += 1;
        assert!(rounds < 200 && sent.refused == 0);
        if sent.taken < outgoing.len() {
            break;
        }
    }
    // What waits is brought out by the thread that receives.
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut buffer = [0; 4001];
            for number in 0..taken {
                assert_eq!(theirs.recv(&mut buffer).unwrap(), 4000);
                assert_eq!(buffer[..4], ((number % 40) as u32).to_be_bytes(), "{number}");
            }
            theirs.send_to(FRAME, folder.path("ours")).unwrap();
        });
        receive(&end, 1);
        reader.join().unwrap();
    });
    assert_eq!(end.send(&outgoing[..1]).unwrap(), Sent { taken: 1, refused: 0 });
}

#[test]
fn ports_of_udp_take_what_comes_from_the_other_side_alone() {
    for host in ["127.0.0.1", "[::1]"] {
        let theirs = UdpSocket::bind(format!("{host}:0")).unwrap();
        theirs.set_read_timeout(Some(PATIENCE)).unwrap();
        let free = UdpSocket::bind(format!("{host}:0")).unwrap().local_addr().unwrap();
        let place = theirs.local_addr().unwrap();
        let end = open(&Options::new(Ends::Udp(free.to_string(), place.to_string()))).unwrap();
        let stranger = UdpSocket::bind(format!("{host}:0")).unwrap();
        // What the host says of that is heard by the stranger, not by us.
        let _ = stranger.send_to(b"fourteen wrong", free);
        for frame in [&b"short"[..], FRAME] {
            theirs.send_to(frame, free).unwrap();
        }
        assert_eq!(receive(&end, 1)[0].bytes, FRAME);
        let widest = vec![5; 65_507];
        let sent = end.send(&[outgoing(&[b"14 other bytes"]), outgoing(&[&[5; 65_530]])]).unwrap();
        assert_eq!(sent, Sent { taken: 2, refused: 1 }, "{host}: what no datagram carries");
        let mut buffer = vec![0; 70_000];
        assert_eq!(theirs.recv_from(&mut buffer).unwrap(), (14, free));
        end.send(&[outgoing(&[&widest])]).unwrap();
        assert_eq!(theirs.recv(&mut buffer).unwrap(), widest.len());
        // Nobody is there for a while, which the host tells us of.
        drop(theirs);
        for _ in 0..3 {
            end.send(&[outgoing(&[FRAME])]).unwrap();
            end.receive(&mut Vec::new(), Some(Duration::from_millis(1))).unwrap();
        }
        let theirs = UdpSocket::bind(place).unwrap();
        theirs.send_to(FRAME, free).unwrap();
        assert_eq!(receive(&end, 1)[0].bytes, FRAME);
        let mixed = Options::new(Ends::Udp("127.0.0.1:0".into(), "[::1]:9".into()));
        assert_eq!(open(&mixed).err().unwrap().errno, Errno::EADDRNOTAVAIL);
    }
}
