//! Writing manifests.

use crate::escape::escaped;
use crate::{Facts, Keyword, XATTR};
use rump_names::escape::hex;
use std::io::{self, Write};

const FIRST_LINE: &[u8] = b"#mtree\n";

/// Writes a manifest.
pub struct Writer<W> {
    output: W,
    tells_xattrs: bool,
}

impl<W: Write> Writer<W> {
    /// Begins one.
    pub fn new(mut output: W, tells_xattrs: bool) -> io::Result<Self> {
        output.write_all(FIRST_LINE)?;
        if tells_xattrs {
            output.write_all(XATTR)?;
            output.write_all(b"\n")?;
        }
        Ok(Self { output, tells_xattrs })
    }

    /// Writes what is known of the file at `path`: names with single slashes between them, empty for the top.
    pub fn write(&mut self, path: &[u8], facts: &Facts) -> io::Result<()> {
        let place = place(path);
        self.output.write_all(&place)?;
        for (keyword, value) in &facts.values {
            let suffix = if *keyword == Keyword::Sha256 { "digest" } else { "" };
            write!(self.output, " {}{suffix}=", keyword.name())?;
            self.output.write_all(&escaped(value))?;
        }
        self.output.write_all(b"\n")?;
        for (name, value) in facts.xattrs.iter().filter(|_| self.tells_xattrs) {
            let value = hex(value).into_bytes();
            let line = [XATTR, &place, b" ", &escaped(name), b"=", &value, b"\n"];
            self.output.write_all(&line.concat())?;
        }
        Ok(())
    }

    /// Ends it.
    pub fn finish(mut self) -> io::Result<()> {
        self.output.flush()
    }
}

fn place(path: &[u8]) -> Vec<u8> {
    if path.is_empty() { b".".to_vec() } else { [b"./", &*escaped(path)].concat() }
}
