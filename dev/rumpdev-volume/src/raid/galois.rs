//! The field of 256 elements in which the second parity of RAID 6 is made. Reference: H. P. Anvin, "The mathematics of RAID-6"; the
//! polynomial is x^8 + x^4 + x^3 + x^2 + 1, and the generator 2.

const fn double(value: u8) -> u8 {
    (value << 1) ^ if value & 0x80 == 0 { 0 } else { 0x1d }
}

/// 2 to a power.
pub fn power(exponent: usize) -> u8 {
    (0..exponent % 255).fold(1, |value, _| double(value))
}

pub fn multiply(mut left: u8, mut right: u8) -> u8 {
    let mut product = 0;
    while right != 0 {
        if right & 1 == 1 {
            product ^= left;
        }
        left = double(left);
        right >>= 1;
    }
    product
}

/// The inverse of what is not zero: its power of 254.
pub fn inverse(value: u8) -> u8 {
    (0..253).fold(value, |power, _| multiply(power, value))
}

/// Multiplies all of `bytes` by one factor.
pub fn scale(bytes: &mut [u8], factor: u8) {
    let mut products = [0; 256];
    (0..=255_u8).for_each(|value| products[usize::from(value)] = multiply(value, factor));
    bytes.iter_mut().for_each(|byte| *byte = products[usize::from(*byte)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_has_an_inverse_and_the_generator_makes_them_all() {
        assert!((1..=255).all(|value| multiply(value, inverse(value)) == 1));
        let mut seen = [false; 256];
        (0..255).for_each(|exponent| seen[usize::from(power(exponent))] = true);
        assert_eq!(seen.iter().filter(|seen| **seen).count(), 255);
    }
}
