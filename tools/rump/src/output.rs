//! Standard output with a buffer, and names made safe for a terminal.

pub use rump_cli::escape::{escaped, hex};
use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::rc::Rc;

const BUFFER_BYTES: usize = 256 << 10;

/// Standard output, locked and buffered.
pub struct Output(BufWriter<Sink>);

enum Sink {
    Standard(StdoutLock<'static>),
    Memory(Rc<RefCell<Vec<u8>>>),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Memory(out) => out.borrow_mut().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::Memory(_) => Ok(()),
        }
    }
}

impl Output {
    /// Takes standard output.
    pub fn new() -> Self {
        Self(BufWriter::with_capacity(BUFFER_BYTES, Sink::Standard(io::stdout().lock())))
    }

    /// Output that is kept, once it is flushed, in what comes with it.
    pub fn in_memory() -> (Self, Rc<RefCell<Vec<u8>>>) {
        let memory = Rc::new(RefCell::new(Vec::new()));
        (Self(BufWriter::with_capacity(BUFFER_BYTES, Sink::Memory(memory.clone()))), memory)
    }

    /// Whether a person is looking.
    pub fn is_terminal(&self) -> bool {
        matches!(self.0.get_ref(), Sink::Standard(out) if out.is_terminal())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
