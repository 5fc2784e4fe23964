//! Listening at an interface, and sending frames there, through the packet filter of the kernel (`/dev/bpf`, bpf(4)).
//!
//! ```
//! use rumpkit::net::bpf::{Capture, Instruction};
//! # use rumpkit::net::{Interface, wire::Wire};
//! # use rumpkit::PosixHost;
//! # fn main() -> std::io::Result<()> {
//! # let kernel = rumpkit::kernel(PosixHost::new())?;
//! # let wire = Wire::new();
//! # Interface::attach(&kernel, "eth0", wire.end())?.up()?;
//! let mut capture = Capture::open(&kernel.process(), "eth0")?;
//! // The first 64 bytes of every frame.
//! capture.set_filter(&[Instruction { code: 0x06, jt: 0, jf: 0, k: 64 }])?;
//! capture.send(b"\xff\xff\xff\xff\xff\xff______\x88\xb5experiment")?;
//! for frame in capture.read()? {
//!     println!("{} bytes at {}", frame.length, frame.time.sec);
//! }
//! # Ok(())
//! # }
//! ```

pub use rumpdev_bpf::{Frame, Instruction, Invalid, Program, Record, request};

use crate::{Errno, Fd, Ioctl, KError, Mode, OpenFlags, Process};
use rumpdev_bpf::request::*;
use std::io;
use std::time::Duration;

/// What is opened.
const DEVICE: &str = "/dev/bpf";
/// Bytes of the buffers, unless it is said otherwise.
const BUFFER_BYTES: u32 = 256 << 10;
const IFREQ: usize = IFREQ_BYTES as usize;

/// A filter that listens at an interface, until it is dropped.
pub struct Capture {
    process: Process,
    fd: Fd,
    buffer: Vec<u8>,
}

/// Which frames are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Heard {
    /// Those that come.
    In = 0,
    /// All.
    Both = 1,
    /// Those that are sent.
    Out = 2,
}

/// What was counted since the filter was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that were heard.
    pub heard: u64,
    /// Those that were wanted, and that there was no room for.
    pub dropped: u64,
    /// Those that the filter wanted.
    pub wanted: u64,
}

impl Capture {
    /// Listens at an interface: reading answers as soon as a frame was heard, and all of every frame is wanted.
    ///
    /// Errors: NotFound (the kernel has no such device: its root is no tmpfs), PermissionDenied, ENXIO (no such interface),
    /// Unsupported (one without a device).
    pub fn open(process: &Process, interface: &str) -> io::Result<Self> {
        Self::with_buffer(process, interface, BUFFER_BYTES)
    }

    /// The same, with buffers of another length; the kernel bounds it. Errors: as of [`open`](Self::open).
    pub fn with_buffer(process: &Process, interface: &str, bytes: u32) -> io::Result<Self> {
        let fd = process.open(DEVICE, OpenFlags::RDWR | OpenFlags::CLOEXEC, Mode::new(0))?;
        let mut this = Self { process: process.clone(), fd, buffer: Vec::new() };
        let mut size = bytes.to_le_bytes();
        this.request(BIOCSBLEN, &mut size)?;
        this.buffer = vec![0; u32::from_le_bytes(size) as usize];
        let mut name = [0; IFREQ];
        let place = name[..IFNAMSIZ - 1].get_mut(..interface.len());
        place.ok_or_else(|| KError::from(Errno::ENXIO))?.copy_from_slice(interface.as_bytes());
        this.request(BIOCSETIF, &mut name)?;
        this.set_immediate(true)?;
        Ok(this)
    }

    /// Its descriptor, which stays this value's.
    pub fn as_fd(&self) -> Fd {
        self.fd
    }

    fn request(&self, request: u32, argument: &mut [u8]) -> io::Result<()> {
        Ok(self.process.ioctl_by_number(self.fd, request, argument)?)
    }

    fn set(&self, request: u32, value: u32) -> io::Result<()> {
        self.request(request, &mut value.to_le_bytes())
    }

    fn set_program(&self, request: u32, program: &[Instruction]) -> io::Result<()> {
        let mut argument = (program.len() as u64).to_le_bytes().to_vec();
        argument.resize(LIST_BYTES as usize, 0);
        program.iter().for_each(|instruction| argument.extend(instruction.emit()));
        self.request(request, &mut argument)
    }

    /// Says which frames are wanted, and how much of them; an empty program wants all. What was heard is forgotten.
    /// Errors: InvalidInput (not a valid program).
    pub fn set_filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(BIOCSETF, program)
    }

    /// Says which frames may be sent. Errors: InvalidInput (not a valid program), PermissionDenied (it is locked).
    pub fn set_write_filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(BIOCSETWF, program)
    }

    /// Says which frames are heard.
    pub fn set_heard(&self, heard: Heard) -> io::Result<()> {
        self.set(BIOCSDIRECTION, heard as u32)
    }

    /// Whether reading answers as soon as a frame was heard, not first when a buffer is full or the timeout is over.
    pub fn set_immediate(&self, is_immediate: bool) -> io::Result<()> {
        self.set(BIOCIMMEDIATE, is_immediate.into())
    }

    /// Whether frames that are sent have their source; else it is the interface's address.
    pub fn set_header_complete(&self, is_complete: bool) -> io::Result<()> {
        self.set(BIOCSHDRCMPLT, is_complete.into())
    }

    /// How long reading waits; then it answers what there is, be it nothing. `None`: for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.unwrap_or_default();
        let mut argument = [0; 16];
        argument[..8].copy_from_slice(&timeout.as_secs().to_le_bytes());
        argument[8..12].copy_from_slice(&timeout.subsec_micros().to_le_bytes());
        self.request(BIOCSRTIMEOUT, &mut argument)
    }

    /// Lets reading answer WouldBlock instead of waiting.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.process.ioctl(self.fd, Ioctl::SetNonblocking { nonblocking })?;
        Ok(())
    }

    /// Refuses from now on what could make it hear or send more.
    pub fn lock(&self) -> io::Result<()> {
        self.request(BIOCLOCK, &mut [])
    }

    /// What was counted.
    pub fn statistics(&self) -> io::Result<Statistics> {
        let mut argument = [0; request_bytes(BIOCGSTATS)];
        self.request(BIOCGSTATS, &mut argument)?;
        let [heard, dropped, wanted] = [0, 1, 2].map(|number| {
            let bytes = argument.iter().skip(number * 8).take(8);
            bytes.rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
        });
        Ok(Statistics { heard, dropped, wanted })
    }

    /// The frames that were heard, for which it waits. Errors: WouldBlock, ENXIO (the interface is gone).
    pub fn read(&mut self) -> io::Result<impl Iterator<Item = Record<'_>>> {
        let count = self.process.read(self.fd, &mut self.buffer)?;
        Ok(rumpdev_bpf::records(&self.buffer[..count]))
    }

    /// Sends a frame. Errors: NetworkDown, PermissionDenied (the filter does not want it), EMSGSIZE, ENXIO (the interface is
    /// gone).
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.process.write(self.fd, frame)?;
        Ok(())
    }
}

const fn request_bytes(request: u32) -> usize {
    crate::kpi::character::request::length(request)
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Fails where the kernel was halted: it is gone either way.
        let _ = self.process.close(self.fd);
    }
}
