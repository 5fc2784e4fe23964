//! The sums that guard structures, and the hash of names: each rotates by one bit and adds a byte.

/// The sum of the first eleven sectors of a boot region; their fields that change with every mount do not count.
pub fn of_boot(sectors: &[u8], is_counted: impl Fn(usize) -> bool) -> u32 {
    let counted = sectors.iter().enumerate().filter(|(at, _)| is_counted(*at));
    counted.fold(0, |sum, (_, byte)| add_32(sum, *byte))
}

/// The sum of a table of upper case, continued.
pub fn of_table(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, byte| add_32(sum, *byte))
}

/// The sum of a set of entries, continued. Its own place, bytes 2 and 3 of the first entry, does not count.
pub fn of_set(sum: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(sum, |sum, byte| add_16(sum, *byte))
}

/// The hash of a name, by which it is found; `name` is in upper case.
pub fn of_name(name: impl Iterator<Item = u16>) -> u16 {
    name.flat_map(u16::to_le_bytes).fold(0, add_16)
}

fn add_16(sum: u16, byte: u8) -> u16 {
    sum.rotate_right(1).wrapping_add(byte.into())
}

fn add_32(sum: u32, byte: u8) -> u32 {
    sum.rotate_right(1).wrapping_add(byte.into())
}
