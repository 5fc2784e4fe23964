//! Running cyclic redundancy checks.
//!
//! Reference: "Catalogue of parametrised CRC algorithms" (Greg Cook) for the parameters, and
//! Documentation/filesystems/ext4 for how ext4 and jbd2 seed them. None of the seeded functions
//! inverts its result: the value returned is the register, and can be passed on as the next seed.

use crc::{Algorithm, Crc, Table};

/// CRC-32C (Castagnoli, reflected) without the final inversion.
#[cfg(any(test, not(feature = "std")))]
const CRC32C: Algorithm<u32> = Algorithm {
    width: 32,
    poly: 0x1edc_6f41,
    init: 0,
    refin: true,
    refout: true,
    xorout: 0,
    check: 0x58e3_fa20,
    residue: 0,
};

/// CRC-32 of the same polynomial as Ethernet, most significant bit first.
const CRC32_BE: Algorithm<u32> = Algorithm {
    width: 32,
    poly: 0x04c1_1db7,
    init: 0,
    refin: false,
    refout: false,
    xorout: 0,
    check: 0x89a1_897f,
    residue: 0,
};

#[cfg(any(test, not(feature = "std")))]
static CASTAGNOLI: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC32C);
static BIG_ENDIAN: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC32_BE);
static IEEE: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&crc::CRC_32_ISO_HDLC);
static ARC: Crc<u16, Table<16>> = Crc::<u16, Table<16>>::new(&crc::CRC_16_ARC);

/// Continues a CRC-32C from `seed` over `data`.
///
/// A fresh checksum starts from `!0`; ext4 often starts from the volume's checksum seed instead.
/// The result is not inverted.
#[cfg(feature = "std")]
pub fn crc32c(seed: u32, data: &[u8]) -> u32 {
    // The crate inverts at both ends.
    !crc32c::crc32c_append(!seed, data)
}

/// Continues a CRC-32C from `seed` over `data`.
///
/// A fresh checksum starts from `!0`; ext4 often starts from the volume's checksum seed instead.
/// The result is not inverted.
#[cfg(not(feature = "std"))]
pub fn crc32c(seed: u32, data: &[u8]) -> u32 {
    crc32c_by_table(seed, data)
}

#[cfg(any(test, not(feature = "std")))]
fn crc32c_by_table(seed: u32, data: &[u8]) -> u32 {
    // A digest takes its first register in the order of the input bits, hence the reversal.
    let mut digest = CASTAGNOLI.digest_with_initial(seed.reverse_bits());
    digest.update(data);
    digest.finalize()
}

/// Continues a CRC-16 (polynomial 0x8005, reflected) from `seed` over `data`.
///
/// This is the checksum of ext4 group descriptors with the `gdt_csum` feature, which starts from `!0`.
pub fn crc16(seed: u16, data: &[u8]) -> u16 {
    let mut digest = ARC.digest_with_initial(seed.reverse_bits());
    digest.update(data);
    digest.finalize()
}

/// The CRC-32 of IEEE 802.3 over `data`, inverted at both ends, as GUID partition tables use it.
pub fn crc32(data: &[u8]) -> u32 {
    IEEE.checksum(data)
}

/// Continues a CRC-32 as [`crc32`] gives it over more `data`; nothing yet has 0.
pub fn crc32_append(sum: u32, data: &[u8]) -> u32 {
    let mut digest = IEEE.digest_with_initial((!sum).reverse_bits());
    digest.update(data);
    digest.finalize()
}

/// Continues a CRC-32, most significant bit first, from `seed` over `data`.
///
/// This is the transaction checksum of the first jbd2 checksum format, which starts from `!0`.
pub fn crc32_be(seed: u32, data: &[u8]) -> u32 {
    let mut digest = BIG_ENDIAN.digest_with_initial(seed);
    digest.update(data);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &[u8] = b"123456789";

    #[test]
    fn check_values_of_the_catalogue_are_met() {
        assert_eq!(!crc32c(!0, CHECK), 0xe306_9283);
        assert_eq!(crc16(0, CHECK), 0xbb3d);
        assert_eq!(crc16(!0, CHECK), 0x4b37);
        assert_eq!(crc32(CHECK), 0xcbf4_3926);
        assert_eq!(crc32_append(crc32_append(0, &CHECK[..4]), &CHECK[4..]), 0xcbf4_3926);
        assert_eq!(crc32_be(!0, CHECK), 0x0376_e6e7);
    }

    #[test]
    fn both_ways_to_a_crc32c_agree_at_every_length_and_alignment() {
        let data: [u8; 5000] = core::array::from_fn(|index| (index * 131 + index / 7) as u8);
        for start in 0..16 {
            for length in (0..300).chain([1023, 1024, 4084, 4096, 4980]) {
                let part = &data[start..start + length];
                assert_eq!(crc32c(0x89ab_cdef, part), crc32c_by_table(0x89ab_cdef, part));
            }
        }
    }

    #[test]
    fn a_checksum_continues_from_its_own_value_at_every_split() {
        let mut data = [0u8; 100];
        for (index, byte) in data.iter_mut().enumerate() {
            *byte = (index * 37 + 11) as u8;
        }
        for split in 0..=data.len() {
            let (head, tail) = data.split_at(split);
            assert_eq!(crc32c(crc32c(0x1234_5678, head), tail), crc32c(0x1234_5678, &data));
            assert_eq!(crc16(crc16(0x1234, head), tail), crc16(0x1234, &data));
            assert_eq!(crc32_be(crc32_be(0x1234_5678, head), tail), crc32_be(0x1234_5678, &data));
        }
    }

    #[test]
    fn no_data_leaves_the_seed_as_it_was() {
        assert_eq!(crc32c(0xdead_beef, &[]), 0xdead_beef);
        assert_eq!(crc16(0xbeef, &[]), 0xbeef);
        assert_eq!(crc32_be(0xdead_beef, &[]), 0xdead_beef);
    }
}
