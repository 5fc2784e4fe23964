//! Files of pcap and of pcapng, read and written (`rumpkit::pcap`): frames of Ethernet, with times in nanoseconds.

use super::Frame;
use rumpkit::net::packet::Packet;
use rumpkit::pcap::{LinkType, Reader, Source, source, write};
use std::io::{self, Read, Write};
use std::time::Duration;

/// The one interface of a file of pcapng.
const NAME: &str = "if0";

/// Reads frames of Ethernet; those of other links are passed over.
pub struct Frames {
    reader: Reader<Box<dyn Source>>,
    /// Whether there was one of Ethernet, and one of another link.
    had: (bool, bool),
}

impl Frames {
    /// Looks at the beginning of a file. Errors: it is of neither format, or cannot be read.
    pub fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        let input: Box<dyn Source> = Box::new(source(input));
        Ok(Self { reader: Reader::new(input)?, had: (false, false) })
    }

    /// The next frame; none at the end. Errors: the file is damaged, cannot be read, or is of another link alone.
    pub fn next(&mut self) -> io::Result<Option<Frame>> {
        while let Some(frame) = self.reader.read()? {
            if frame.link == LinkType::ETHERNET {
                self.had.0 = true;
                // One of pcapng may have none.
                let time = frame.time.unwrap_or(Duration::ZERO);
                return Ok(Some(Frame { time, bytes: frame.bytes.to_vec(), length: frame.length as usize }));
            }
            self.had.1 = true;
        }
        match self.had {
            (false, true) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "its packets are not of Ethernet"))
            }
            _ => Ok(None),
        }
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Pcap,
    Pcapng,
}

/// Writes a file.
pub struct Writer<'a> {
    out: Box<dyn Write + 'a>,
    format: Format,
    buffer: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Begins it. Errors: those of writing, here and below.
    pub fn new(out: impl Write + 'a, format: Format) -> io::Result<Self> {
        let mut this = Self { out: Box::new(out), format, buffer: Vec::new() };
        match format {
            Format::Pcap => write::classic_header(&mut this.buffer, LinkType::ETHERNET),
            Format::Pcapng => {
                write::section(&mut this.buffer);
                write::interface(&mut this.buffer, NAME, LinkType::ETHERNET);
            }
        }
        this.out.write_all(&this.buffer)?;
        Ok(this)
    }

    /// Adds a frame.
    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let (packet, length) = (Packet::received(frame.bytes.clone().into()), frame.length as u32);
        self.buffer.clear();
        match self.format {
            Format::Pcap => write::classic_cut_frame(&mut self.buffer, frame.time, &packet, length),
            Format::Pcapng => write::cut_frame(&mut self.buffer, 0, frame.time, None, &packet, length),
        }
        self.out.write_all(&self.buffer)
    }

    /// Brings it all out.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
