//! Reading files of pcap and of pcapng, in both orders of bytes.
//!
//! Files are hostile: lengths are bounded before memory is taken, and what contradicts itself ends the reading.

use super::pcap::{self, LINK_ETHERNET, LONGEST};
use super::{Frame, pcapng};
use std::io::{self, Read};
use std::time::Duration;

/// Longer than any block of packets; others are not read at all.
const LONGEST_BLOCK: u32 = 16 << 20;
/// Interfaces of a section.
const MOST_INTERFACES: usize = 65_536;
/// Says that times are in microseconds.
const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;

/// See the module.
pub struct Reader<R> {
    input: R,
    format: Format,
    order: Order,
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

enum Format {
    Pcap { unit: Unit },
    Pcapng { interfaces: Vec<Interface> },
}

/// What a section of pcapng says of an interface.
#[derive(Clone, Copy)]
struct Interface {
    is_ethernet: bool,
    unit: Unit,
    /// Seconds to be added.
    offset: i64,
}

/// What times are counted in: so many make a second.
#[derive(Clone, Copy)]
struct Unit(u64);

impl Unit {
    fn time(self, count: u64) -> Duration {
        let Self(units) = self;
        let rest = u128::from(count % units) * 1_000_000_000 / u128::from(units);
        Duration::new(count / units, rest as u32)
    }
}

impl Order {
    fn word(self, bytes: &[u8], at: usize) -> io::Result<u32> {
        let word = bytes.get(at..at + 4).and_then(|word| <[u8; 4]>::try_from(word).ok());
        let word = word.ok_or_else(|| wrong("a block is too short"))?;
        Ok(match self {
            Self::Little => u32::from_le_bytes(word),
            Self::Big => u32::from_be_bytes(word),
        })
    }

    fn half(self, bytes: &[u8], at: usize) -> io::Result<u16> {
        let half = bytes.get(at..at + 2).and_then(|half| <[u8; 2]>::try_from(half).ok());
        let half = half.ok_or_else(|| wrong("a block is too short"))?;
        Ok(match self {
            Self::Little => u16::from_le_bytes(half),
            Self::Big => u16::from_be_bytes(half),
        })
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// All of the next bytes; none at the end of the file. Errors: the file ends within them.
fn next<const LENGTH: usize>(input: &mut impl Read) -> io::Result<Option<[u8; LENGTH]>> {
    let mut bytes = [0; LENGTH];
    let mut filled = 0;
    while filled < LENGTH {
        match input.read(&mut bytes[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(wrong("the file ends in the middle of a packet")),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(bytes))
}

fn content(input: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    // Memory is taken for what is there alone.
    let mut bytes = Vec::new();
    input.take(length.into()).read_to_end(&mut bytes)?;
    if bytes.len() < length as usize {
        Err(wrong("the file ends in the middle of a packet"))
    } else {
        Ok(bytes)
    }
}

impl<R: Read> Reader<R> {
    /// Looks at the beginning of a file. Errors: it is of neither format, or not of Ethernet.
    pub fn new(mut input: R) -> io::Result<Self> {
        let unknown = || wrong("neither a file of pcap nor of pcapng");
        let magic = next::<4>(&mut input)?.ok_or_else(unknown)?;
        if u32::from_le_bytes(magic) == pcapng::SECTION {
            let format = Format::Pcapng { interfaces: Vec::new() };
            let mut reader = Self { input, format, order: Order::Little };
            reader.begin_section()?;
            return Ok(reader);
        }
        let order = match magic[0] {
            0xd4 | 0x4d => Order::Little,
            _ => Order::Big,
        };
        let unit = match order.word(&magic, 0)? {
            pcap::MAGIC => Unit(1_000_000_000),
            MAGIC_MICROSECONDS => Unit(1_000_000),
            _ => return Err(unknown()),
        };
        let header = next::<20>(&mut input)?.ok_or_else(unknown)?;
        // Above the number of the link may be the length of a check sequence.
        if order.word(&header, 16)? & 0x03ff_ffff != LINK_ETHERNET {
            return Err(wrong("its packets are not of Ethernet"));
        }
        Ok(Self { input, format: Format::Pcap { unit }, order })
    }

    /// The next frame; none at the end. Errors: the file is damaged, or cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Frame>> {
        match self.format {
            Format::Pcap { unit } => self.next_record(unit),
            Format::Pcapng { .. } => self.next_of_blocks(),
        }
    }

    fn next_record(&mut self, unit: Unit) -> io::Result<Option<Frame>> {
        let Some(header) = next::<16>(&mut self.input)? else { return Ok(None) };
        let word = |at| self.order.word(&header, at);
        let (seconds, fraction, kept, length) = (word(0)?, word(4)?, word(8)?, word(12)?);
        if kept > LONGEST {
            return Err(wrong("a packet is longer than any can be"));
        }
        let time = Duration::from_secs(seconds.into()) + unit.time(fraction.into());
        let bytes = content(&mut self.input, kept)?;
        let length = bytes.len().max(length as usize);
        Ok(Some(Frame { time, bytes, length }))
    }

    fn next_of_blocks(&mut self) -> io::Result<Option<Frame>> {
        loop {
            let Some(kind) = next::<4>(&mut self.input)? else { return Ok(None) };
            if u32::from_le_bytes(kind) == pcapng::SECTION {
                self.begin_section()?;
                continue;
            }
            let kind = self.order.word(&kind, 0)?;
            let length = next::<4>(&mut self.input)?.ok_or_else(|| wrong("a block has no length"))?;
            let length = self.order.word(&length, 0)?;
            let body = self.body(length, 0)?;
            let frame = match kind {
                pcapng::INTERFACE => {
                    self.add_interface(&body)?;
                    None
                }
                pcapng::PACKET => self.packet(&body)?,
                pcapng::SIMPLE_PACKET => self.simple_packet(&body)?,
                // Names, statistics, secrets: what is not known is passed over (section 3.1).
                _ => None,
            };
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }

    /// What is between the two lengths of a block, of which `read` bytes were read already.
    fn body(&mut self, length: u32, read: u32) -> io::Result<Vec<u8>> {
        if length < 12 + read || length % 4 != 0 || length > LONGEST_BLOCK {
            return Err(wrong("a block has a wrong length"));
        }
        let mut body = content(&mut self.input, length - 8 - read)?;
        let at = body.len() - 4;
        if self.order.word(&body, at)? != length {
            return Err(wrong("a block has two lengths"));
        }
        body.truncate(at);
        Ok(body)
    }

    /// Behind the type of a section's header.
    fn begin_section(&mut self) -> io::Result<()> {
        let short = || wrong("a section has no header");
        let length = next::<4>(&mut self.input)?.ok_or_else(short)?;
        let magic = next::<4>(&mut self.input)?.ok_or_else(short)?;
        self.order = match magic {
            magic if u32::from_le_bytes(magic) == pcapng::MAGIC => Order::Little,
            magic if u32::from_be_bytes(magic) == pcapng::MAGIC => Order::Big,
            _ => return Err(wrong("a section has no order of bytes")),
        };
        let length = self.order.word(&length, 0)?;
        let body = self.body(length, 4)?;
        if self.order.half(&body, 0)? != 1 {
            return Err(wrong("a section is of another version"));
        }
        self.format = Format::Pcapng { interfaces: Vec::new() };
        Ok(())
    }

    fn add_interface(&mut self, body: &[u8]) -> io::Result<()> {
        let is_ethernet = u32::from(self.order.half(body, 0)?) == LINK_ETHERNET;
        self.order.word(body, 4)?;
        let mut interface = Interface { is_ethernet, unit: Unit(1_000_000), offset: 0 };
        let mut options = &body[8..];
        while options.len() >= 4 {
            let (code, length) = (self.order.half(options, 0)?, usize::from(self.order.half(options, 2)?));
            let value = options.get(4..4 + length).ok_or_else(|| wrong("an option is too long"))?;
            match (code, value) {
                (0, _) => break,
                (pcapng::TIME_RESOLUTION, [exponent]) => interface.unit = unit_of(*exponent)?,
                (pcapng::TIME_OFFSET, value) if length == 8 => {
                    let word = |at| self.order.word(value, at).map(i64::from);
                    let (first, second) = (word(0)?, word(4)?);
                    interface.offset = match self.order {
                        Order::Little => second << 32 | first,
                        Order::Big => first << 32 | second,
                    };
                }
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        let Format::Pcapng { interfaces } = &mut self.format else { return Ok(()) };
        if interfaces.len() == MOST_INTERFACES {
            return Err(wrong("there are too many interfaces"));
        }
        interfaces.push(interface);
        Ok(())
    }

    fn interface(&self, number: u32) -> io::Result<Interface> {
        let Format::Pcapng { interfaces } = &self.format else { return Err(wrong("it has no interfaces")) };
        interfaces.get(number as usize).copied().ok_or_else(|| wrong("a packet has no interface"))
    }

    /// None if it is not of Ethernet.
    fn packet(&self, body: &[u8]) -> io::Result<Option<Frame>> {
        let word = |at| self.order.word(body, at);
        let (number, upper, lower, kept, length) = (word(0)?, word(4)?, word(8)?, word(12)?, word(16)?);
        let interface = self.interface(number)?;
        let bytes = body.get(20..).and_then(|bytes| bytes.get(..kept as usize));
        let bytes = bytes.ok_or_else(|| wrong("a packet is longer than its block"))?;
        let time = interface.unit.time(u64::from(upper) << 32 | u64::from(lower));
        let seconds = time.as_secs().saturating_add_signed(interface.offset);
        let time = Duration::new(seconds, time.subsec_nanos());
        Ok(interface.is_ethernet.then(|| Frame {
            time,
            bytes: bytes.to_vec(),
            length: bytes.len().max(length as usize),
        }))
    }

    /// One without a time, of the first interface.
    fn simple_packet(&self, body: &[u8]) -> io::Result<Option<Frame>> {
        let length = self.order.word(body, 0)? as usize;
        let kept = length.min(body.len() - 4);
        let frame = Frame { time: Duration::ZERO, bytes: body[4..4 + kept].to_vec(), length };
        Ok(self.interface(0)?.is_ethernet.then_some(frame))
    }
}

/// A power of ten, or of two. Errors: it is too large to count in.
fn unit_of(exponent: u8) -> io::Result<Unit> {
    let power = u32::from(exponent & 0x7f);
    let units = if exponent & 0x80 == 0 { 10_u64.checked_pow(power) } else { 1_u64.checked_shl(power) };
    Ok(Unit(units.ok_or_else(|| wrong("times are in a unit that is too small"))?))
}
