//! Links by name: where an interface of a kernel is, as a word and what belongs to it, such as `shmif:/tmp/bus`.
//!
//! A further kind is a line in `KINDS`.

use super::NetworkDevice;
use crate::hyper::packet::PacketIo;
use crate::hyper::{Console, HostResult, Hypervisor};
use crate::pcap::{Begin, Replay, ReplayArgs};
use crate::shmif::{Bus, Format, Options};
use crate::virtif::VirtIf;
use crate::{Errno, KError, KResult, dgram, packet, stream, tun};
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

type Host = Arc<dyn Hypervisor>;
type Open = fn(&Host, &[u8]) -> io::Result<Opened>;

/// What is at a link.
pub struct Opened {
    device: Arc<dyn NetworkDevice>,
    replay: Option<Arc<Replay>>,
}

impl Opened {
    /// The device, which a kernel makes an interface of.
    pub fn device(&self) -> Arc<dyn NetworkDevice> {
        self.device.clone()
    }

    /// Lets a capture come, if it is one: its interface has the addresses by then that its frames are for, and who wants
    /// them listens. All else comes from the beginning.
    pub fn begin(&self) {
        if let Some(replay) = &self.replay {
            replay.begin();
        }
    }
}

impl From<Arc<dyn NetworkDevice>> for Opened {
    fn from(device: Arc<dyn NetworkDevice>) -> Self {
        Self { device, replay: None }
    }
}

/// A kind of links.
#[derive(Debug)]
pub struct LinkKind {
    /// What stands before the colon.
    pub word: &'static str,
    /// What stands behind it, for people.
    pub argument: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    open: Open,
}

/// All of them.
static KINDS: &[LinkKind] = &[
    LinkKind {
        word: "shmif",
        argument: "PATH",
        about: "the bus in a file, which NetBSD's rump kernels may share; made if it is not there",
        open: |host, path| bus(host, path, Format::Compatible),
    },
    LinkKind {
        word: "lanes",
        argument: "PATH",
        about: "a bus of the faster format, for kernels of ours alone",
        open: |host, path| bus(host, path, Format::Lanes),
    },
    LinkKind {
        word: "tap",
        argument: "NAME",
        about: "a tap of the host, which sees the kernel as a neighbour",
        open: |host, name| end(host, tun::open(&tun::Options::tap(text(name)?))),
    },
    LinkKind {
        word: "tun",
        argument: "NAME",
        about: "a tunnel of the host, which carries packets of IP alone",
        open: |host, name| end(host, tun::open(&tun::Options::tun(text(name)?))),
    },
    LinkKind {
        word: "packet",
        argument: "NAME",
        about: "an interface of the host, shared with the host, beside which the kernel is (CAP_NET_RAW)",
        open: |host, name| end(host, packet::open(&packet::Options::new(text(name)?))),
    },
    LinkKind {
        word: "stream",
        argument: "[listen:|reconnect:]unix:PATH",
        about: "passt, a virtual machine or another kernel, by a socket of the host; tcp:HOST:PORT as well",
        open: |host, place| {
            let opened = stream::Options::parse(place)
                .and_then(|options| stream::open(Arc::new(Lines(host.clone())), &options));
            end(host, opened)
        },
    },
    LinkKind {
        word: "dgram",
        argument: "unix:LOCAL,REMOTE",
        about: "a virtual machine or another kernel, by datagrams of the host; udp:HOST:PORT,HOST:PORT as well",
        open: |host, places| {
            end(host, dgram::Options::parse(places).and_then(|options| dgram::open(&options)))
        },
    },
    LinkKind {
        word: "pcap",
        argument: "FILE[,times][,forever][,output=FILE]",
        about: "what stands in a capture comes: with times, as it came; what is sent goes to the other file",
        open: replay,
    },
];

/// The console of a host.
struct Lines(Host);

impl Console for Lines {
    fn write_line(&self, line: &str) {
        self.0.write_line(line);
    }
}

fn bus(host: &Host, path: &[u8], format: Format) -> io::Result<Opened> {
    let bus: Arc<dyn NetworkDevice> =
        Bus::open(host.clone(), path, &Options { format, ..Options::default() })?;
    Ok(bus.into())
}

/// An end of frames of the host's.
fn end(host: &Host, opened: HostResult<Arc<dyn PacketIo>>) -> io::Result<Opened> {
    let end = opened.map_err(|error| KError::new(error.errno, error.what))?;
    let device: Arc<dyn NetworkDevice> = VirtIf::new(host.clone(), end);
    Ok(device.into())
}

fn replay(host: &Host, text: &[u8]) -> io::Result<Opened> {
    let wrong = || KError::new(Errno::EINVAL, "no file, or an address that is none");
    let mut args = ReplayArgs::parse(text).ok_or_else(wrong)?;
    args.options.begin = Begin::WhenTold;
    let replay = args.open(host.clone())?;
    Ok(Opened { device: replay.clone(), replay: Some(replay) })
}

fn text(argument: &[u8]) -> KResult<&str> {
    std::str::from_utf8(argument).map_err(|_| KError::new(Errno::EINVAL, "the name of a link is no text"))
}

/// See the module.
#[derive(Clone)]
pub struct Link {
    kind: &'static LinkKind,
    argument: Vec<u8>,
}

/// A text that is no [`Link`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    text: String,
}

impl Link {
    /// All kinds of links.
    pub fn kinds() -> &'static [LinkKind] {
        KINDS
    }

    /// Reads one. Paths are bytes. Errors: there is no such word, or nothing behind it.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let find = || {
            let colon = text.iter().position(|byte| *byte == b':')?;
            let (word, rest) = (&text[..colon], &text[colon + 1..]);
            let kind = KINDS.iter().find(|kind| kind.word.as_bytes() == word)?;
            (!rest.is_empty()).then(|| Self { kind, argument: rest.to_vec() })
        };
        find().ok_or_else(|| ParseError { text: String::from_utf8_lossy(text).into_owned() })
    }

    /// What is at the link, for a kernel on this host. Errors: those of the kind.
    pub fn open(&self, host: &Arc<dyn Hypervisor>) -> io::Result<Opened> {
        (self.kind.open)(host, &self.argument)
    }
}

impl FromStr for Link {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word, String::from_utf8_lossy(&self.argument))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Link {
    fn eq(&self, other: &Self) -> bool {
        (self.kind.word, &self.argument) == (other.kind.word, &other.argument)
    }
}

impl Eq for Link {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no link: it is ", self.text)?;
        for (at, kind) in KINDS.iter().enumerate() {
            let between = match at {
                0 => "",
                _ if at + 1 == KINDS.len() => " or ",
                _ => ", ",
            };
            write!(f, "{between}{}:{}", kind.word, kind.argument)?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_word_and_what_belongs_to_it() {
        for text in [
            "shmif:/tmp/bus",
            "lanes:a:b",
            "tap:tap0",
            "tun:tun1",
            "packet:eth0",
            "stream:unix:/a",
            "dgram:unix:/a,/b",
            "pcap:a,times",
        ] {
            assert_eq!(text.parse::<Link>().unwrap().to_string(), text);
        }
        let bytes = Link::parse(b"shmif:/tmp/\xff").unwrap();
        assert_eq!(bytes.argument, b"/tmp/\xff");
        for text in ["", "shmif", "shmif:", "/tmp/bus", "lan:0", "tap:", ":x"] {
            let error = text.parse::<Link>().unwrap_err().to_string();
            assert!(
                error.contains("is no link: it is shmif:PATH, lanes:PATH, tap:NAME, tun:NAME, packet:NAME, ")
                    && error.ends_with(" or pcap:FILE[,times][,forever][,output=FILE]"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let host: Host = crate::PosixHost::new();
        for (text, expected) in [
            ("stream:x", "is no stream"),
            ("dgram:unix:/a", "is no pair of sockets"),
            ("dgram:unix:/nowhere/at/all,/b", "/nowhere/at/all"),
            ("stream:unix:/nowhere/at/all", "/nowhere/at/all"),
            ("packet:a/b", "a/b"),
            ("pcap:/nowhere.pcap", "/nowhere.pcap"),
            ("pcap:,times", "no file"),
        ] {
            let error = text.parse::<Link>().unwrap().open(&host).err().unwrap().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
