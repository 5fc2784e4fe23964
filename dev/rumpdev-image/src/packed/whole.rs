//! Unpacking all of a file.

use super::Decoder;
use super::kept::HEAD;
use crate::table::write_growing;
use alloc::format;
use alloc::vec;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

const PIECE: usize = 1 << 20;
/// What is all zeros is not written, in such pieces.
const HOLE: usize = 64 << 10;
/// No content is longer: what is all zeros costs only time.
const LONGEST: u64 = 16 << 40;

/// Unpacks everything into `kept`, behind a head; answers its length. Errors: EFBIG (more than `most` bytes that are not
/// zeros), those of the decoder, ENOSPC, EIO, those of `told`.
pub fn unpack(
    decoder: &mut dyn Decoder,
    kept: &dyn BlockDevice,
    (most, advice): (u64, &str),
    told: &mut dyn FnMut(u64) -> KResult<()>,
) -> KResult<u64> {
    let too_long = || {
        KError::new(
            Errno::EFBIG,
            format!("unpacked, it is longer than the {} MiB that there may be: {advice}", most >> 20),
        )
    };
    let mut piece = vec![0; PIECE];
    let (mut size, mut written) = (0_u64, 0_u64);
    loop {
        let mut made = 0;
        while made < PIECE {
            match decoder.read(&mut piece[made..])? {
                0 => break,
                more => made += more,
            }
        }
        for hole in piece[..made].chunks(HOLE) {
            if hole.iter().any(|byte| *byte != 0) {
                written += hole.len() as u64;
                if written > most {
                    return Err(too_long());
                }
                let wrote = write_growing(kept, HEAD + size, hole);
                wrote.map_err(|error| if error.errno == Errno::ENOSPC { too_long() } else { error })?;
            }
            size += hole.len() as u64;
        }
        if size > LONGEST {
            return Err(too_long());
        }
        told(decoder.position())?;
        if made < PIECE {
            break;
        }
    }
    kept.grow(HEAD + size).map_err(|error| if error.errno == Errno::ENOSPC { too_long() } else { error })?;
    Ok(size)
}
