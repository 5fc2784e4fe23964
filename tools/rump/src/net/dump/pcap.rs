//! Files of pcap, with times in nanoseconds (draft-ietf-opsawg-pcap, sections 4 and 5).
//!
//! ```text
//! file:   magic  version  reserved  reserved  longest  link type     (24 bytes)
//! packet: seconds  nanoseconds  length kept  length  bytes ...       (16 bytes before the packet)
//! ```

use super::Frame;
use std::io::{self, Write};

/// Says that times are in nanoseconds, and by its order of bytes which one the file has.
pub const MAGIC: u32 = 0xa1b2_3c4d;
/// Longer than any frame here.
pub const LONGEST: u32 = 262_144;
/// The number of Ethernet among links.
pub const LINK_ETHERNET: u32 = 1;

/// Writes a file.
pub struct Writer<'a> {
    out: Box<dyn Write + 'a>,
}

impl<'a> Writer<'a> {
    /// Begins it.
    pub fn new(out: impl Write + 'a) -> io::Result<Self> {
        let mut out: Box<dyn Write + 'a> = Box::new(out);
        out.write_all(&MAGIC.to_le_bytes())?;
        // Version 2.4.
        out.write_all(&[2, 0, 4, 0])?;
        for word in [0, 0, LONGEST, LINK_ETHERNET] {
            out.write_all(&u32::to_le_bytes(word))?;
        }
        Ok(Self { out })
    }

    /// Adds a frame.
    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let kept = (frame.bytes.len() as u32).min(LONGEST);
        let length = frame.length as u32;
        // Seconds have 32 bits until 2106.
        for word in [frame.time.as_secs() as u32, frame.time.subsec_nanos(), kept, length] {
            self.out.write_all(&word.to_le_bytes())?;
        }
        self.out.write_all(&frame.bytes[..kept as usize])
    }

    /// Brings it all out.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
