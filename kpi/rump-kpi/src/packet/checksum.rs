//! The checksum of the Internet protocols: the complement of the sum of all 16-bit words in ones' complement (RFC 1071).

use super::Packet;

/// A sum that grows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
    sum: u64,
    /// An odd number of bytes was added: the next one is the lower half of a word.
    is_odd: bool,
}

impl Sum {
    /// Adds bytes behind those that were added before.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if self.is_odd {
            let Some((first, rest)) = bytes.split_first() else { return };
            self.sum += u64::from(*first);
            self.is_odd = false;
            bytes = rest;
        }
        // The sum of words of any size is the same modulo 2^16 - 1, in any order of bytes but for a swap at the end.
        let (words, rest) = bytes.split_at(bytes.len() & !7);
        let (mut low, mut high) = (0_u64, 0_u64);
        for word in words.chunks_exact(8) {
            let word =
                u64::from_ne_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]);
            low += word & 0xffff_ffff;
            high += word >> 32;
        }
        let native = fold(u64::from(fold(low)) + u64::from(fold(high)));
        self.sum += u64::from(u16::from_be_bytes(native.to_ne_bytes()));
        for pair in rest.chunks(2) {
            self.is_odd = pair.len() == 1;
            self.sum += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
        }
        self.sum = u64::from(fold(self.sum));
    }

    /// Adds a number of 16 bits; the number of bytes before is even.
    pub fn add_word(&mut self, word: u16) {
        self.sum += u64::from(word);
    }

    /// Adds all bytes of a packet from `start` on.
    pub fn add_packet(&mut self, packet: &Packet, start: usize) {
        let mut skip = start;
        for chunk in packet.chunks() {
            let from = skip.min(chunk.len());
            skip -= from;
            self.add(&chunk[from..]);
        }
    }

    /// The sum, not complemented: what stands in the place of a checksum that is still missing.
    pub fn partial(self) -> u16 {
        fold(self.sum)
    }

    /// The checksum. Over bytes that have the right one already it is zero.
    pub fn finish(self) -> u16 {
        !fold(self.sum)
    }
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The checksum of some bytes.
pub fn of(bytes: &[u8]) -> u16 {
    let mut sum = Sum::default();
    sum.add(bytes);
    sum.finish()
}

/// What a checksum becomes when a word that it is over changes (RFC 1624, equation 3).
pub fn updated(checksum: u16, before: u16, after: u16) -> u16 {
    !fold(u64::from(!checksum) + u64::from(!before) + u64::from(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The definition, word by word.
    fn plain(bytes: &[u8]) -> u16 {
        let words =
            bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
        let mut sum: u32 = words.sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn any_bytes_in_any_parts_have_the_sum_of_the_definition() {
        let bytes: Vec<u8> = (0..400_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for length in 0..bytes.len() {
            assert_eq!(of(&bytes[..length]), plain(&bytes[..length]), "{length} bytes");
            let mut sum = Sum::default();
            bytes[..length].chunks(7).for_each(|part| sum.add(part));
            assert_eq!(sum.finish(), plain(&bytes[..length]), "{length} bytes in sevens");
        }
        assert_eq!(of(&[0xff; 64]), 0);
    }

    #[test]
    fn the_example_of_rfc_1071() {
        let mut sum = Sum::default();
        sum.add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.partial(), 0xddf2);
    }

    #[test]
    fn an_update_is_the_sum_anew() {
        let mut bytes = [0x45, 0, 0, 0x54, 0x12, 0x34, 0x40, 0, 0x40, 1];
        let before = of(&bytes);
        bytes[8] = 0x3f;
        assert_eq!(updated(before, 0x4001, 0x3f01), of(&bytes));
    }
}
