//! A disk cut into files whose names count: `disk.001`, `disk.002` or `disk.000`, `disk.001`, as dd and imaging tools do it, or
//! `disk.aa`, `disk.ab`, as split(1) does.

use crate::joined::Joined;
use crate::open::{Format, Image, Layer};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_hyper::Access;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// Three digits, or two letters, count no further.
const MOST_PARTS: usize = 1000;

/// The names of an image's parts, if it is the first.
struct Names {
    stem: Vec<u8>,
    next: usize,
    /// Whether they count by letters.
    letters: bool,
}

impl Names {
    fn of(first: &[u8]) -> Option<Self> {
        let name = &first[first.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1)..];
        let dot = name.iter().rposition(|byte| *byte == b'.')?;
        let (stem, mark) = name.split_at(dot + 1);
        let (next, letters) = match mark {
            b"000" => (1, false),
            b"001" => (2, false),
            b"aa" => (1, true),
            _ => return None,
        };
        Some(Self { stem: stem.to_vec(), next, letters })
    }
}

impl Iterator for Names {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let number = self.next;
        self.next += 1;
        let mark = match self.letters {
            true if number < 26 * 26 => {
                let letter = |index: usize| char::from(b'a' + (index % 26) as u8);
                format!("{}{}", letter(number / 26), letter(number))
            }
            false if number < MOST_PARTS => format!("{number:03}"),
            _ => return None,
        };
        Some([&self.stem, mark.as_bytes()].concat())
    }
}

/// Joins the parts, if there is a second one, and answers with what it would be without them. Errors: EROFS (for writing),
/// those of opening the others.
pub fn join<'a>(image: Image<'a>, path: &[u8]) -> KResult<(Image<'a>, Option<Layer>)> {
    let mut parts = Vec::from([image.file.clone()]);
    for name in Names::of(path).into_iter().flatten() {
        match image.beside(&name, Access::Read) {
            Ok((device, _)) => parts.push(device),
            Err(error) if error.errno == Errno::ENOENT => break,
            Err(error) => return Err(error),
        }
    }
    if parts.len() == 1 {
        return Ok((image, None));
    }
    if !image.file.is_read_only() {
        return Err(KError::new(Errno::EROFS, "images in several parts are not written"));
    }
    let details = [format!("{} parts", parts.len())].into();
    let joined = Arc::new(Joined::new(parts)?);
    let (name, size_bytes) = (image.name.clone(), joined.size_bytes());
    let layer = Layer { name, format: Format::Split, size_bytes, details, below: Vec::new() };
    Ok((Image { file: joined, ..image }, Some(layer)))
}
