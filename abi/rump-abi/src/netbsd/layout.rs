//! How values lie in memory: the trait, and the macro that makes structures of it.

use alloc::vec;
use alloc::vec::Vec;

/// What has a fixed place in memory. Numbers are little-endian, as on amd64.
pub trait Layout: Sized {
    /// Bytes that it takes, padding included.
    const SIZE: usize;

    /// The value at the beginning of some bytes; `None` if there are too few.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Puts it at the beginning of some bytes, of which there are [`SIZE`](Self::SIZE) at least. Padding stays as it is.
    fn put(&self, bytes: &mut [u8]);

    /// Its bytes; padding is zero.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; Self::SIZE];
        self.put(&mut bytes);
        bytes
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Layout for $number {
            const SIZE: usize = size_of::<$number>();

            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().map(|bytes| Self::from_le_bytes(*bytes))
            }

            fn put(&self, bytes: &mut [u8]) {
                bytes[..Self::SIZE].copy_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

numbers! { u8 u16 u32 u64 i16 i32 i64 }

impl<T: Layout + Copy, const N: usize> Layout for [T; N] {
    const SIZE: usize = T::SIZE * N;

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut values = [T::read(bytes)?; N];
        for (value, place) in values.iter_mut().zip(bytes.chunks(T::SIZE)).skip(1) {
            *value = T::read(place)?;
        }
        (bytes.len() >= Self::SIZE).then_some(values)
    }

    fn put(&self, bytes: &mut [u8]) {
        for (value, place) in self.iter().zip(bytes.chunks_exact_mut(T::SIZE)) {
            value.put(place);
        }
    }
}

/// Structures: the size in bytes behind the name, and the offset of each member behind its type.
macro_rules! layout {
    ($($(#[$meta:meta])* struct $name:ident[$size:literal] {
        $($(#[$field_meta:meta])* $field:ident: $kind:ty = $offset:literal,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $kind,)*
        }

        impl $crate::netbsd::Layout for $name {
            const SIZE: usize = $size;

            fn read(bytes: &[u8]) -> Option<Self> {
                let bytes = bytes.get(..$size)?;
                Some(Self {
                    $($field: <$kind as $crate::netbsd::Layout>::read(bytes.get($offset..)?)?,)*
                })
            }

            fn put(&self, bytes: &mut [u8]) {
                $($crate::netbsd::Layout::put(&self.$field, &mut bytes[$offset..]);)*
            }
        }

        // What is behind each member; a member that does not lie within the structure has less than nothing behind it, which
        // is no number.
        $(const _: usize = $size - ($offset + <$kind as $crate::netbsd::Layout>::SIZE);)*
    )*};
}

#[cfg(test)]
mod tests {
    use super::*;

    layout! {
        /// With a hole in it.
        struct Sample[12] {
            /// A byte.
            first: u8 = 0,
            /// Two numbers.
            pair: [u16; 2] = 2,
            /// The last.
            last: i32 = 8,
        }
    }

    #[test]
    fn members_are_where_their_offsets_say() {
        let sample = Sample { first: 1, pair: [0x0203, 0x0405], last: -2 };
        let bytes = [1, 0, 3, 2, 5, 4, 0, 0, 0xfe, 0xff, 0xff, 0xff];
        assert_eq!(sample.to_bytes(), bytes);
        assert_eq!(Sample::read(&bytes), Some(sample));
        assert_eq!(Sample::read(&bytes[..11]), None);
        assert_eq!(<[u16; 2]>::read(&bytes[..3]), None);
    }
}
