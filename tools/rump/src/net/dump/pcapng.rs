//! Files of pcapng, with times in nanoseconds (draft-ietf-opsawg-pcapng, section 4).
//!
//! ```text
//! block:     type  length  body ...  length               (a multiple of four bytes)
//! section:   magic  version  length of the section, unknown
//! interface: link type  reserved  longest  options: if_tsresol 9
//! packet:    interface  time, upper and lower half  length kept  length  bytes ...
//! ```

use super::Frame;
use super::pcap::{LINK_ETHERNET, LONGEST};
use std::io::{self, Write};

/// The types of blocks.
pub const SECTION: u32 = 0x0a0d_0d0a;
pub const INTERFACE: u32 = 1;
pub const SIMPLE_PACKET: u32 = 3;
pub const PACKET: u32 = 6;
/// Says by its order of bytes which one the section has.
pub const MAGIC: u32 = 0x1a2b_3c4d;
/// The option that says what a unit of time is.
pub const TIME_RESOLUTION: u16 = 9;
/// The option that says how many seconds are to be added.
pub const TIME_OFFSET: u16 = 14;

/// Writes a file.
pub struct Writer {
    out: Box<dyn Write>,
}

impl Writer {
    /// Begins it.
    pub fn new(out: impl Write + 'static) -> io::Result<Self> {
        let mut this = Self { out: Box::new(out) };
        // Version 1.0.
        let section = [&MAGIC.to_le_bytes()[..], &[1, 0, 0, 0], &u64::MAX.to_le_bytes()].concat();
        this.block(SECTION, &section)?;
        let mut interface = [LINK_ETHERNET.to_le_bytes(), LONGEST.to_le_bytes()].concat();
        interface.extend(TIME_RESOLUTION.to_le_bytes());
        // One byte, 10 to the power of minus 9; then the end of options.
        interface.extend([1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        this.block(INTERFACE, &interface)?;
        Ok(this)
    }

    /// Adds a frame.
    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let kept = frame.bytes.len().min(LONGEST as usize);
        // Nanoseconds have 64 bits until 2554.
        let time = frame.time.as_nanos() as u64;
        let mut body = Vec::with_capacity(kept + 24);
        for word in [0, (time >> 32) as u32, time as u32, kept as u32, frame.length as u32] {
            body.extend(word.to_le_bytes());
        }
        body.extend(&frame.bytes[..kept]);
        body.resize(body.len().next_multiple_of(4), 0);
        self.block(PACKET, &body)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = (body.len() as u32 + 12).to_le_bytes();
        for part in [&kind.to_le_bytes()[..], &length, body, &length] {
            self.out.write_all(part)?;
        }
        Ok(())
    }

    /// Brings it all out.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
