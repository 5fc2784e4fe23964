//! Name hashes of ext3 and ext4 hashed directories.
//!
//! Reference: Documentation/filesystems/ext4/directory.rst ("Hash Tree Directories"); RFC 1320 for
//! the round functions of MD4; Wheeler and Needham, "TEA, a Tiny Encryption Algorithm".
//!
//! Every function returns the major and the minor hash as the index holds them: the low bit of the
//! major hash is clear, because the index uses it to mark a run of equal hashes, and the largest
//! major hash is stepped back by one place, because a reader of a directory takes it for the end.
//! `signed` tells whether bytes of the name widen as signed numbers; the superblock records which
//! the host that made the volume did.

/// The seed that stands in for a superblock's seed of four zeros: the initial state of MD4.
const DEFAULT_SEED: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// The major hash that readers of a directory use for its end.
const END_OF_DIRECTORY: u32 = 0x7fff_ffff << 1;

/// The hash of the first hashed directories; it has no minor part and ignores the seed.
pub fn legacy(name: &[u8], _seed: &[u32; 4], signed: bool) -> (u32, u32) {
    let mut hash: u32 = 0x12a3_fe2d;
    let mut previous: u32 = 0x37ab_e8f9;
    for &byte in name {
        let mixed = hash ^ widen(byte, signed).wrapping_mul(7_152_373);
        let mut next = previous.wrapping_add(mixed);
        if next & 0x8000_0000 != 0 {
            next = next.wrapping_sub(0x7fff_ffff);
        }
        previous = hash;
        hash = next;
    }
    (index_key(hash << 1), 0)
}

/// The hash that cuts MD4 down to three rounds of eight steps.
pub fn half_md4(name: &[u8], seed: &[u32; 4], signed: bool) -> (u32, u32) {
    let mut state = initial_state(seed);
    for_each_piece(name, |piece| half_md4_block(&mut state, &pack::<8>(piece, signed)), 32);
    (index_key(state[1]), state[2])
}

/// The hash built from the Tiny Encryption Algorithm.
pub fn tea(name: &[u8], seed: &[u32; 4], signed: bool) -> (u32, u32) {
    let mut state = initial_state(seed);
    for_each_piece(name, |piece| tea_block(&mut state, &pack::<4>(piece, signed)), 16);
    (index_key(state[0]), state[1])
}

/// Calls `mix` with the rest of the name at each step of `step` bytes.
///
/// A piece longer than `step` bytes is cut by [`pack`], which needs the length of what is left.
fn for_each_piece(name: &[u8], mut mix: impl FnMut(&[u8]), step: usize) {
    let mut rest = name;
    while !rest.is_empty() {
        mix(rest);
        rest = rest.get(step..).unwrap_or_default();
    }
}

fn initial_state(seed: &[u32; 4]) -> [u32; 4] {
    if seed.iter().all(|&word| word == 0) { DEFAULT_SEED } else { *seed }
}

fn index_key(hash: u32) -> u32 {
    let key = hash & !1;
    if key == END_OF_DIRECTORY { (0x7fff_ffff - 1) << 1 } else { key }
}

fn widen(byte: u8, signed: bool) -> u32 {
    if signed { i32::from(byte as i8) as u32 } else { u32::from(byte) }
}

/// Packs the front of `rest` into `N` words, padding with a word made of the remaining length.
fn pack<const N: usize>(rest: &[u8], signed: bool) -> [u32; N] {
    let length = rest.len() as u32 & 0xff;
    let padding = length * 0x0101_0101;
    let taken = &rest[..rest.len().min(N * 4)];
    let mut words = [padding; N];
    for (word, bytes) in words.iter_mut().zip(taken.chunks(4)) {
        for &byte in bytes {
            *word = widen(byte, signed).wrapping_add(*word << 8);
        }
    }
    words
}

fn tea_block(state: &mut [u32; 4], key: &[u32; 4]) {
    const DELTA: u32 = 0x9e37_79b9;
    let (mut left, mut right) = (state[0], state[1]);
    let mut sum: u32 = 0;
    for _ in 0..16 {
        sum = sum.wrapping_add(DELTA);
        left = left.wrapping_add(tea_round(right, key[0], key[1], sum));
        right = right.wrapping_add(tea_round(left, key[2], key[3], sum));
    }
    state[0] = state[0].wrapping_add(left);
    state[1] = state[1].wrapping_add(right);
}

fn tea_round(half: u32, low: u32, high: u32, sum: u32) -> u32 {
    (half << 4).wrapping_add(low) ^ half.wrapping_add(sum) ^ (half >> 5).wrapping_add(high)
}

fn half_md4_block(state: &mut [u32; 4], input: &[u32; 8]) {
    // Each round: its additive constant, its shifts, and the order in which it reads the input.
    const ROUNDS: [(u32, [u32; 4], [usize; 8]); 3] = [
        (0, [3, 7, 11, 19], [0, 1, 2, 3, 4, 5, 6, 7]),
        (0x5a82_7999, [3, 5, 9, 13], [1, 3, 5, 7, 0, 2, 4, 6]),
        (0x6ed9_eba1, [3, 9, 11, 15], [3, 7, 2, 6, 1, 5, 0, 4]),
    ];
    let [mut a, mut b, mut c, mut d] = *state;
    for (round, (constant, shifts, order)) in ROUNDS.iter().enumerate() {
        for (step, &index) in order.iter().enumerate() {
            let mixed = match round {
                0 => d ^ (b & (c ^ d)),
                1 => (b & c).wrapping_add((b ^ c) & d),
                _ => b ^ c ^ d,
            };
            let sum = a.wrapping_add(mixed).wrapping_add(input[index]).wrapping_add(*constant);
            (a, b, c, d) = (d, sum.rotate_left(shifts[step % 4]), b, c);
        }
    }
    for (word, mixed) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(mixed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u32; 4] = [0x0403_0201, 0x0807_0605, 0x0c0b_0a09, 0x100f_0e0d];
    const LONG: &[u8] = b"a_rather_long_name_that_spans_more_than_one_thirty_two_byte_block.txt";
    const ACCENTS: &[u8] = "été_une_phrase_assez_longue_pour_deux_blocs_é".as_bytes();
    const CAFE: &[u8] = "café".as_bytes();

    // The values of these tests are those that dx_hash of debugfs 1.47.0 prints.

    #[test]
    fn half_md4_agrees_with_the_reference_tool() {
        assert_eq!(half_md4(b"hello", &SEED, true), (0xe2dd_f968, 0xc8bc_0924));
        assert_eq!(half_md4(b"hello", &[0; 4], true), (0x1746_da32, 0x4200_13b5));
        assert_eq!(half_md4(b"a", &SEED, true), (0x8d08_ec4c, 0x2fbc_cd78));
        assert_eq!(half_md4(b"lost+found", &[0; 4], false), (0x591d_e422, 0x6ffc_56e0));
        assert_eq!(half_md4(LONG, &SEED, true), (0x1650_85ce, 0x5934_038d));
    }

    #[test]
    fn tea_agrees_with_the_reference_tool() {
        assert_eq!(tea(b"hello", &SEED, true), (0x1a56_92b6, 0x2fd9_857d));
        assert_eq!(tea(b"a", &[0; 4], true), (0x6d0e_a4c0, 0xc189_22df));
        assert_eq!(tea(b"lost+found", &SEED, false), (0x3e95_424c, 0xc335_95ee));
        assert_eq!(tea(LONG, &[0; 4], true), (0xc8c4_5862, 0x841f_08ce));
    }

    #[test]
    fn legacy_agrees_with_the_reference_tool() {
        assert_eq!(legacy(b"hello", &SEED, true), (0x3225_2546, 0));
        assert_eq!(legacy(b"lost+found", &SEED, false), (0x5e2a_ba24, 0));
        assert_eq!(legacy(LONG, &[0; 4], true), (0x8808_7666, 0));
    }

    #[test]
    fn bytes_above_ascii_depend_on_the_signedness() {
        assert_eq!(legacy(CAFE, &SEED, true), (0x96ca_5a2c, 0));
        assert_eq!(legacy(CAFE, &SEED, false), (0x6dde_4230, 0));
        assert_eq!(legacy(ACCENTS, &SEED, false), (0x46cc_8d38, 0));
        assert_eq!(half_md4(CAFE, &SEED, true), (0xeeef_3446, 0x6e3c_8dd0));
        assert_eq!(half_md4(CAFE, &SEED, false), (0xaa03_2ce8, 0x7e44_19fc));
        assert_eq!(half_md4(ACCENTS, &SEED, true), (0x3f74_4fba, 0x7a21_0e13));
        assert_eq!(half_md4(ACCENTS, &SEED, false), (0xa5fd_69d4, 0x1fb6_15bb));
        assert_eq!(tea(CAFE, &SEED, true), (0x3037_ce66, 0x1763_6590));
        assert_eq!(tea(ACCENTS, &SEED, true), (0x632c_0b00, 0xd52b_9296));
        assert_eq!(tea(ACCENTS, &SEED, false), (0xd085_cc32, 0xeb93_fbdb));
    }

    #[test]
    fn the_end_of_a_directory_is_never_a_hash() {
        assert_eq!(index_key(0xffff_ffff), 0xffff_fffc);
        assert_eq!(index_key(0xffff_fffc), 0xffff_fffc);
        assert_eq!(index_key(3), 2);
    }
}
