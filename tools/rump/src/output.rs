//! Standard output with a buffer, and names made safe for a terminal.

pub use rump_cli::escape::{escaped, hex};
use std::io::{self, BufWriter, StdoutLock, Write};

const BUFFER_BYTES: usize = 256 << 10;

/// Standard output, locked and buffered.
pub struct Output(BufWriter<StdoutLock<'static>>);

impl Output {
    /// Takes standard output.
    pub fn new() -> Self {
        Self(BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock()))
    }

    /// Whether a person is looking.
    pub fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(self.0.get_ref())
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
