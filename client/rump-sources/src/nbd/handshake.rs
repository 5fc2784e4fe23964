//! The handshake: magic numbers, options and their replies, until an export is agreed on.
//!
//! Structured replies are asked for first; then GO, and EXPORT_NAME of servers that do not know that. Numbers are big-endian.

use super::broken;
use crate::socket_error;
use rump_kpi::{Errno, KError, KResult};
use std::io::{Read, Write};

const NBD_MAGIC: u64 = 0x4e42_444d_4147_4943;
const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
const OLDSTYLE_MAGIC: u64 = 0x0000_4202_8186_1253;
const REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;

const FIXED_NEWSTYLE: u16 = 1;
const NO_ZEROES: u16 = 2;

const EXPORT_NAME: u32 = 1;
const ABORT: u32 = 2;
const GO: u32 = 7;
const STRUCTURED_REPLY: u32 = 8;

const ACK: u32 = 1;
const INFO: u32 = 3;
const ERROR: u32 = 1 << 31;
const UNSUPPORTED: u32 = ERROR | 1;

const INFO_EXPORT: u16 = 0;
const INFO_BLOCK_SIZE: u16 = 3;

/// Longest name of an export in bytes.
const NAME: usize = 4096;
/// Longest reply to an option that is read, and how many there may be to one.
const REPLY: u32 = 64 << 10;
const REPLIES: usize = 256;
/// Largest request, of servers that name none.
const PAYLOAD: u32 = 32 << 20;

/// What an export can, as the server says (transmission flags).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// It is not written.
    pub fn is_read_only(self) -> bool {
        self.0 & 2 != 0
    }

    /// It can be flushed.
    pub fn has_flush(self) -> bool {
        self.0 & 4 != 0
    }

    /// A write can be durable by itself.
    pub fn has_fua(self) -> bool {
        self.0 & 8 != 0
    }
}

/// An export that was agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Length in bytes, at most `i64::MAX`.
    pub size_bytes: u64,
    /// What it can.
    pub flags: Flags,
    /// Offsets and lengths are multiples of it: a power of two up to 64 KiB.
    pub block_bytes: u32,
    /// Longest data of a request in bytes, a multiple of the block.
    pub most_bytes: u32,
    /// Whether replies are structured.
    pub is_structured: bool,
}

/// Agrees with a server on the export `name`, over a connection that is new.
///
/// # Errors
/// EINVAL (the name is too long), ENOENT (there is no such export), EACCES (policy), ENOTSUP (TLS is required; an older protocol),
/// EIO (the server does not keep to the protocol).
pub fn negotiate(stream: &mut (impl Read + Write), name: &str) -> KResult<Export> {
    if name.len() > NAME {
        return Err(KError::new(Errno::EINVAL, "the name of the export is longer than 4096 bytes"));
    }
    let mut talk = Talk { stream };
    let flags = talk.begin()?;
    if flags & FIXED_NEWSTYLE == 0 {
        return talk.export_name(name, flags, false);
    }
    let is_structured = talk.structured_reply()?;
    match talk.go(name)? {
        Some(export) => Ok(Export { is_structured, ..export }),
        None => talk.export_name(name, flags, is_structured),
    }
}

/// A conversation of options.
struct Talk<'a, S> {
    stream: &'a mut S,
}

struct Reply {
    kind: u32,
    data: Vec<u8>,
}

impl<S: Read + Write> Talk<'_, S> {
    fn read<const N: usize>(&mut self) -> KResult<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).map_err(|error| socket_error("handshake", &error))?;
        Ok(bytes)
    }

    fn send(&mut self, parts: &[&[u8]]) -> KResult<()> {
        self.stream.write_all(&parts.concat()).map_err(|error| socket_error("handshake", &error))
    }

    /// Answers what the server can of the handshake.
    fn begin(&mut self) -> KResult<u16> {
        if u64::from_be_bytes(self.read()?) != NBD_MAGIC {
            return Err(broken("this is no server of NBD"));
        }
        match u64::from_be_bytes(self.read()?) {
            OPTION_MAGIC => {}
            OLDSTYLE_MAGIC => {
                return Err(KError::new(
                    Errno::ENOTSUP,
                    "the server speaks the oldstyle protocol of NBD alone",
                ));
            }
            other => return Err(broken(format!("the server begins with {other:#x}, not IHAVEOPT"))),
        }
        let flags = u16::from_be_bytes(self.read()?);
        self.send(&[&u32::from(flags & (FIXED_NEWSTYLE | NO_ZEROES)).to_be_bytes()])?;
        Ok(flags)
    }

    fn option(&mut self, option: u32, data: &[u8]) -> KResult<()> {
        let len = (data.len() as u32).to_be_bytes();
        self.send(&[&OPTION_MAGIC.to_be_bytes(), &option.to_be_bytes(), &len, data])
    }

    fn reply(&mut self, option: u32) -> KResult<Reply> {
        let magic = u64::from_be_bytes(self.read()?);
        let about = u32::from_be_bytes(self.read()?);
        let kind = u32::from_be_bytes(self.read()?);
        let len = u32::from_be_bytes(self.read()?);
        if magic != REPLY_MAGIC || about != option {
            return Err(broken(format!("the reply to option {option} is {magic:#x}, to option {about}")));
        }
        if len > REPLY {
            return Err(broken(format!("the reply to option {option} has {len} bytes")));
        }
        let mut data = vec![0; len as usize];
        self.stream.read_exact(&mut data).map_err(|error| socket_error("handshake", &error))?;
        Ok(Reply { kind, data })
    }

    fn structured_reply(&mut self) -> KResult<bool> {
        self.option(STRUCTURED_REPLY, &[])?;
        match self.reply(STRUCTURED_REPLY)? {
            Reply { kind: ACK, .. } => Ok(true),
            reply if reply.kind & ERROR != 0 => Ok(false),
            reply => Err(broken(format!("the reply to STRUCTURED_REPLY is of type {}", reply.kind))),
        }
    }

    /// `None` where the server does not know GO.
    fn go(&mut self, name: &str) -> KResult<Option<Export>> {
        let len = (name.len() as u32).to_be_bytes();
        let infos = [1, INFO_BLOCK_SIZE].map(u16::to_be_bytes).concat();
        self.option(GO, &[&len, name.as_bytes(), &infos].concat())?;
        let (mut export, mut sizes) = (None, None);
        for _ in 0..REPLIES {
            let reply = self.reply(GO)?;
            match reply.kind {
                ACK => {
                    let (size, flags) =
                        export.ok_or_else(|| broken("the server tells no size of the export"))?;
                    return agreed(size, flags, sizes).map(Some);
                }
                INFO => match parse_info(&reply.data)? {
                    Info::Export(size, flags) => export = Some((size, flags)),
                    Info::Blocks(least, most) => sizes = Some((least, most)),
                    Info::Other => {}
                },
                UNSUPPORTED => return Ok(None),
                kind => {
                    let error = refusal(name, kind, &reply.data);
                    // Polite, and no more than that: the refusal is what counts.
                    let _ = self.option(ABORT, &[]);
                    return Err(error);
                }
            }
        }
        Err(broken(format!("the server has more than {REPLIES} things to say of an export")))
    }

    fn export_name(&mut self, name: &str, flags: u16, is_structured: bool) -> KResult<Export> {
        self.option(EXPORT_NAME, name.as_bytes())?;
        // A server that has no such export can only hang up.
        let size = self.read().map_err(|_| {
            KError::new(Errno::ENOENT, format!("the server has no export \"{}\"", name.escape_debug()))
        })?;
        let transmission = u16::from_be_bytes(self.read()?);
        if flags & NO_ZEROES == 0 {
            self.read::<124>()?;
        }
        let export = agreed(u64::from_be_bytes(size), transmission, None)?;
        Ok(Export { is_structured, ..export })
    }
}

enum Info {
    Export(u64, u16),
    /// The smallest and the largest.
    Blocks(u32, u32),
    Other,
}

fn parse_info(data: &[u8]) -> KResult<Info> {
    let short = || broken("information on the export is cut short");
    let (kind, rest) = data.split_first_chunk::<2>().ok_or_else(short)?;
    match u16::from_be_bytes(*kind) {
        INFO_EXPORT => {
            let (size, flags) = rest.split_first_chunk::<8>().ok_or_else(short)?;
            let flags = flags.first_chunk::<2>().ok_or_else(short)?;
            Ok(Info::Export(u64::from_be_bytes(*size), u16::from_be_bytes(*flags)))
        }
        INFO_BLOCK_SIZE => {
            let (least, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
            let most = rest.get(4..).and_then(|rest| rest.first_chunk::<4>()).ok_or_else(short)?;
            Ok(Info::Blocks(u32::from_be_bytes(*least), u32::from_be_bytes(*most)))
        }
        _ => Ok(Info::Other),
    }
}

/// Checks what the server says of an export.
fn agreed(size_bytes: u64, flags: u16, sizes: Option<(u32, u32)>) -> KResult<Export> {
    let (block_bytes, most) = sizes.unwrap_or((1, PAYLOAD));
    if !block_bytes.is_power_of_two() || block_bytes > 64 << 10 || most < block_bytes {
        return Err(broken(format!("the server wants requests of {block_bytes} to {most} bytes")));
    }
    if i64::try_from(size_bytes).is_err() || size_bytes % u64::from(block_bytes) != 0 {
        let what = format!("the server has {size_bytes} bytes in blocks of {block_bytes}");
        return Err(broken(what));
    }
    let most_bytes = most.min(PAYLOAD) / block_bytes * block_bytes;
    Ok(Export { size_bytes, flags: Flags(flags), block_bytes, most_bytes, is_structured: false })
}

/// What an error that a server answers to GO means; its own words are outside data.
fn refusal(name: &str, kind: u32, words: &[u8]) -> KError {
    let name = name.escape_debug();
    let (errno, why) = match kind & !ERROR {
        _ if kind & ERROR == 0 => return broken(format!("the reply to GO is of type {kind}")),
        2 => (Errno::EACCES, format!("the server's policy forbids the export \"{name}\"")),
        5 => (Errno::ENOTSUP, "the server wants TLS, which is not supported".into()),
        6 => (Errno::ENOENT, format!("the server has no export \"{name}\"")),
        7 => (Errno::EIO, "the server is shutting down".into()),
        kind => (Errno::EIO, format!("the server refuses the export \"{name}\" (error {kind})")),
    };
    let words: String = String::from_utf8_lossy(words).chars().take(200).collect();
    let words = if words.is_empty() { words } else { format!(": {}", words.escape_debug()) };
    KError::new(errno, format!("{why}{words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A server that says what it says, whatever it is asked.
    struct Script(Cursor<Vec<u8>>);

    impl Read for Script {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buf)
        }
    }

    impl Write for Script {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            Ok(buf.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn begin(flags: u16) -> Vec<u8> {
        [&b"NBDMAGICIHAVEOPT"[..], &flags.to_be_bytes()].concat()
    }

    fn reply(option: u32, kind: u32, data: &[u8]) -> Vec<u8> {
        let numbers = [option, kind, data.len() as u32].map(u32::to_be_bytes).concat();
        [&REPLY_MAGIC.to_be_bytes()[..], &numbers, data].concat()
    }

    fn export(size: u64, flags: u16) -> Vec<u8> {
        reply(GO, INFO, &[&[0, 0][..], &size.to_be_bytes(), &flags.to_be_bytes()].concat())
    }

    fn blocks(least: u32, most: u32) -> Vec<u8> {
        reply(GO, INFO, &[&[0, 3][..], &[least, 4096, most].map(u32::to_be_bytes).concat()].concat())
    }

    fn told(parts: &[Vec<u8>]) -> KResult<Export> {
        negotiate(&mut Script(Cursor::new(parts.concat())), "disk")
    }

    #[test]
    fn an_export_is_agreed_on() {
        let structured = reply(STRUCTURED_REPLY, ACK, &[]);
        let all = [begin(3), structured, export(8192, 0b1111), blocks(512, 5000), reply(GO, ACK, &[])];
        let flags = Flags(0b1111);
        let agreed =
            Export { size_bytes: 8192, flags, block_bytes: 512, most_bytes: 4608, is_structured: true };
        assert_eq!(told(&all).unwrap(), agreed);
        assert!(flags.is_read_only() && flags.has_flush() && flags.has_fua());
    }

    #[test]
    fn older_servers_are_asked_by_name() {
        let end = [&8192_u64.to_be_bytes()[..], &1_u16.to_be_bytes(), &[0; 124]].concat();
        let unknown = [reply(STRUCTURED_REPLY, UNSUPPORTED, &[]), reply(GO, UNSUPPORTED, b"what?")].concat();
        let export = told(&[begin(1), unknown, end.clone()]).unwrap();
        assert_eq!((export.size_bytes, export.is_structured, export.block_bytes), (8192, false, 1));
        assert_eq!(told(&[begin(0), end.clone()]).unwrap(), export);
        assert_eq!(told(&[begin(2), end[..10].to_vec()]).unwrap(), export);
        assert_eq!(told(&[begin(2)]).unwrap_err().errno, Errno::ENOENT);
    }

    #[test]
    fn what_a_server_refuses_has_words() {
        for (kind, errno) in [(2, Errno::EACCES), (5, Errno::ENOTSUP), (6, Errno::ENOENT), (99, Errno::EIO)] {
            let no = reply(STRUCTURED_REPLY, UNSUPPORTED, &[]);
            let error = told(&[begin(3), no, reply(GO, ERROR | kind, b"so\x1b[2J")]).unwrap_err();
            assert_eq!(error.errno, errno);
            assert!(error.what.contains("so\\u{1b}"), "{error}");
        }
    }

    #[test]
    fn what_is_no_protocol_is_refused() {
        let yes = || [begin(3), reply(STRUCTURED_REPLY, ACK, &[])].concat();
        let ack = || reply(GO, ACK, &[]);
        let long =
            [&REPLY_MAGIC.to_be_bytes()[..], &[GO, INFO, u32::MAX].map(u32::to_be_bytes).concat()].concat();
        for parts in [
            vec![b"HTTP/1.1 400 Bad Request\r\n".to_vec()],
            vec![b"NBDMAGIC12345678\0\0".to_vec()],
            vec![yes(), ack()],
            vec![yes(), export(100, 1), blocks(512, 512), ack()],
            vec![yes(), export(1 << 63, 1), ack()],
            vec![yes(), export(512, 1), blocks(3, 512), ack()],
            vec![yes(), export(512, 1), blocks(512, 0), ack()],
            vec![yes(), export(0, 1), blocks(1 << 20, 1 << 21), ack()],
            vec![yes(), reply(GO, INFO, &[0]), ack()],
            vec![yes(), reply(STRUCTURED_REPLY, ACK, &[])],
            vec![yes(), long],
            vec![yes(), export(512, 1).repeat(300)],
        ] {
            assert_eq!(told(&parts).unwrap_err().errno, Errno::EIO);
        }
        let old = [&b"NBDMAGIC"[..], &OLDSTYLE_MAGIC.to_be_bytes()].concat();
        assert_eq!(told(&[old]).unwrap_err().errno, Errno::ENOTSUP);
    }
}
