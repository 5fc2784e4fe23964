//! Space as FAT and exFAT take it: whole clusters of content with its holes, and slots of directories for names of the
//! longest form. The size of a cluster need not be known.

/// The smallest cluster, and how many sizes there are.
const LEAST_BITS: u32 = 9;
const SIZES: usize = 17;
const SLOT_BYTES: u64 = 32;
/// What directories of FAT begin with: `.` and `..`.
pub const DOTS_BYTES: u64 = 2 * SLOT_BYTES;
/// What the root directory begins with: the label, on exFAT also where the bitmap and the table of upper case
/// are.
pub const ROOT_BYTES: u64 = 3 * SLOT_BYTES;
/// Units of UTF-16 in a slot, on FAT and on exFAT.
const FAT_UNITS: u64 = 13;
const EXFAT_UNITS: u64 = 15;
/// What is written at once on every medium.
const WRITE_BYTES: u64 = 512;

/// How many clusters there would be of every size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clusters([u64; SIZES]);

impl Clusters {
    /// Counts what so many bytes take.
    pub fn add(&mut self, bytes: u64) {
        for (bits, count) in (LEAST_BITS..).zip(&mut self.0) {
            *count = count.saturating_add(bytes.div_ceil(1 << bits));
        }
    }

    /// The count for a size; for one that no cluster has, as if nothing fitted.
    pub fn of(&self, cluster_size: u32) -> u64 {
        let index = cluster_size.trailing_zeros().checked_sub(LEAST_BITS);
        index.and_then(|index| self.0.get(index as usize)).copied().unwrap_or(u64::MAX)
    }
}

/// Bytes of the slots of a name on FAT.
pub fn fat_record(name: &[u8]) -> u64 {
    let long = if is_short(name) { 0 } else { units(name).div_ceil(FAT_UNITS) };
    (long + 1) * SLOT_BYTES
}

/// Adds the slots of a name to those of a directory of exFAT. As the driver puts them (its module `dir/room`), they do
/// not go over the end of 512 bytes, or if there are too many the first two do not: what is left before it stays free.
pub fn add_set(bytes: &mut u64, name: &[u8]) {
    let set = (2 + units(name).div_ceil(EXFAT_UNITS)) * SLOT_BYTES;
    let together = if set <= WRITE_BYTES { set } else { 2 * SLOT_BYTES };
    if *bytes % WRITE_BYTES + together > WRITE_BYTES {
        *bytes = bytes.next_multiple_of(WRITE_BYTES);
    }
    *bytes += set;
}

fn units(name: &[u8]) -> u64 {
    String::from_utf8_lossy(name).encode_utf16().count() as u64
}

/// Whether a name surely needs no long form. Short names that are made for long ones have a tilde: without it, none
/// of those is in the way.
fn is_short(name: &[u8]) -> bool {
    let (base, extension) = match name.iter().position(|&byte| byte == b'.') {
        Some(at) => (&name[..at], Some(&name[at + 1..])),
        None => (name, None),
    };
    let is_plain = |part: &[u8], most: usize| {
        let has = |test: fn(&u8) -> bool| part.iter().any(test);
        (1..=most).contains(&part.len())
            && part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            && !(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase))
    };
    is_plain(base, 8) && extension.is_none_or(|extension| is_plain(extension, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_of_clusters_has_its_count() {
        let mut clusters = Clusters::default();
        for bytes in [0, 1, 512, 513, 1 << 20] {
            clusters.add(bytes);
        }
        assert_eq!(clusters.of(512), 1 + 1 + 2 + 2048);
        assert_eq!(clusters.of(4096), 1 + 1 + 1 + 256);
        assert_eq!((clusters.of(256), clusters.of(1 << 26)), (u64::MAX, u64::MAX));
    }

    #[test]
    fn names_take_slots_by_their_units() {
        for (name, slots) in [
            ("README.TXT", 1),
            ("readme.TXT", 1),
            ("Readme.txt", 2),
            ("a~1.txt", 2),
            ("a.b.c", 2),
            (".hidden", 2),
            ("thirteen.char", 2),
            ("fourteen.chars", 3),
            ("日本語のファイル名テキスト", 2),
            ("😀😀😀😀😀😀😀", 3),
        ] {
            assert_eq!(fat_record(name.as_bytes()), slots * 32, "{name}");
        }
    }

    #[test]
    fn sets_leave_the_end_of_512_bytes_free() {
        let mut bytes = 0;
        for expected in [3, 6, 9, 12, 15, 16 + 3] {
            add_set(&mut bytes, b"fifteen letters");
            assert_eq!(bytes, expected * 32);
        }
        add_set(&mut bytes, &[b'n'; 255]);
        assert_eq!(bytes, (19 + 19) * 32);
    }
}
