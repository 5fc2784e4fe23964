//! Numbers out of metadata: `le32(bytes, 8)` is the one of 32 bits at byte 8. All panic where the bytes do not go so far: who calls
//! has read as many.
#![no_std]
#![forbid(unsafe_code)]

/// `N` bytes from `at` on.
pub fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

macro_rules! numbers {
    ($($name:ident: $number:ident, $from:ident, $order:literal;)*) => {$(
        #[doc = concat!("A `", stringify!($number), "`, the ", $order, " byte first.")]
        pub fn $name(bytes: &[u8], at: usize) -> $number {
            $number::$from(array(bytes, at))
        }
    )*};
}

numbers! {
    le16: u16, from_le_bytes, "lowest";
    le32: u32, from_le_bytes, "lowest";
    le64: u64, from_le_bytes, "lowest";
    be16: u16, from_be_bytes, "highest";
    be32: u32, from_be_bytes, "highest";
    be64: u64, from_be_bytes, "highest";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_orders() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!((le16(&bytes, 1), be16(&bytes, 1)), (0x0201, 0x0102));
        assert_eq!((le32(&bytes, 1), be32(&bytes, 1)), (0x0403_0201, 0x0102_0304));
        assert_eq!((le64(&bytes, 1), be64(&bytes, 1)), (0x0807_0605_0403_0201, 0x0102_0304_0506_0708));
    }
}
