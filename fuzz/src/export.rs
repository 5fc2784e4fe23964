//! Bytes as what a server of NBD says: its handshake, and then its replies.

use rump_sources::nbd::{Request, negotiate, read_head};
use std::io::{self, Read, Write};

/// A server that says what it says, whatever it is asked.
struct Script<'a>(&'a [u8]);

impl Read for Script<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Script<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Agrees on an export and reads of it: what is agreed on can be asked for, and what is read is as long as what was asked for.
pub fn run(data: &[u8]) {
    let mut script = Script(data);
    let Ok(export) = negotiate(&mut script, "disk") else { return };
    assert!(i64::try_from(export.size_bytes).is_ok() && export.block_bytes.is_power_of_two());
    assert!(export.most_bytes >= export.block_bytes && export.most_bytes % export.block_bytes == 0);
    for (offset, len) in [(0, 512), (512, 100), (0, 0), (1 << 40, 1000)] {
        let mut request = Request::new(offset, len);
        while !request.is_done() {
            let Ok(head) = read_head(&mut script, export.is_structured) else { return };
            if request.fill(head, &mut script, export.is_structured).is_err() {
                return;
            }
        }
        if let Ok(data) = request.finish() {
            assert_eq!(data.len(), len as usize);
        }
    }
}

/// What an honest server says: with structure and without, by GO and by the name of the export.
pub fn seed(number: u64) -> Vec<u8> {
    let reply = |option: u32, kind: u32, data: &[u8]| {
        let numbers = [option, kind, data.len() as u32].map(u32::to_be_bytes).concat();
        [&0x0003_e889_0455_65a9_u64.to_be_bytes()[..], &numbers, data].concat()
    };
    let chunk = |flags: u16, kind: u16, data: &[u8]| {
        let begin = [0x668e_u16, 0x33ef, flags, kind].map(u16::to_be_bytes).concat();
        [&begin[..], &number.to_be_bytes(), &(data.len() as u32).to_be_bytes(), data].concat()
    };
    let simple = |error: u32, len: usize| {
        let begin = [0x6744_6698, error].map(u32::to_be_bytes).concat();
        [&begin[..], &number.to_be_bytes(), &vec![7; len]].concat()
    };
    const UNKNOWN: u32 = (1 << 31) | 1;
    let (is_structured, has_go) = (number % 2 == 0, number % 3 > 0);
    let export = [&(1_u64 << 41).to_be_bytes()[..], &[0, 15]].concat();
    let mut bytes = [&b"NBDMAGICIHAVEOPT"[..], &[0, 3]].concat();
    bytes.extend(reply(8, if is_structured { 1 } else { UNKNOWN }, &[]));
    if has_go {
        bytes.extend(reply(7, 3, &[&[0, 0][..], &export].concat()));
        bytes.extend(reply(
            7,
            3,
            &[&[0, 3][..], &[1_u32, 4096, 1 << 20].map(u32::to_be_bytes).concat()].concat(),
        ));
        bytes.extend(reply(7, 1, &[]));
    } else {
        bytes.extend(reply(7, UNKNOWN, b"what is that?"));
        bytes.extend(export);
    }
    if is_structured {
        bytes.extend(chunk(0, 1, &[&0_u64.to_be_bytes()[..], &[7; 500]].concat()));
        bytes.extend(chunk(1, 2, &[&500_u64.to_be_bytes()[..], &12_u32.to_be_bytes()].concat()));
        bytes.extend(chunk(1, (1 << 15) | 1, &[&5_u32.to_be_bytes()[..], &[0, 2], b"no"].concat()));
        bytes.extend(chunk(1, 0, &[]));
        bytes.extend(chunk(1, 1, &[&(1_u64 << 40).to_be_bytes()[..], &[7; 1000]].concat()));
    } else {
        [512, 100, 0, 1000].iter().for_each(|len| bytes.extend(simple(0, *len)));
        bytes.extend(simple(5, 0));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_read_to_the_end() {
        for number in 0..6 {
            let bytes = seed(number);
            let mut script = Script(&bytes);
            let export = negotiate(&mut script, "disk").unwrap();
            assert_eq!((export.size_bytes, export.is_structured), (1 << 41, number % 2 == 0));
            for (offset, len) in [(0, 512), (512, 100), (0, 0), (1 << 40, 1000)] {
                let mut request = Request::new(offset, len);
                while !request.is_done() {
                    let head = read_head(&mut script, export.is_structured).unwrap();
                    request.fill(head, &mut script, export.is_structured).unwrap();
                }
            }
        }
    }
}
