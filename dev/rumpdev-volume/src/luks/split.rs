//! The anti-forensic splitter of LUKS 1 ("TKS1", 2.4): a key as many stripes, all of which are needed.

use super::derive::Hash;
use alloc::vec;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// The key that `material`, a whole number of stripes of `len` bytes, holds.
pub fn merge(material: &[u8], len: usize, hash: Hash) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; len]);
    let stripes = material.len() / len;
    for (index, stripe) in material.chunks_exact(len).enumerate() {
        for (byte, other) in key.iter_mut().zip(stripe) {
            *byte ^= other;
        }
        if index + 1 < stripes {
            diffuse(&mut key, hash);
        }
    }
    key
}

/// Replaces each piece of a digest's length by the digest of its number and itself.
fn diffuse(key: &mut [u8], hash: Hash) {
    for (number, piece) in (0_u32..).zip(key.chunks_mut(hash.len())) {
        let digest = Zeroizing::new(hash.digest(&[&number.to_be_bytes(), piece]));
        piece.copy_from_slice(&digest[..piece.len()]);
    }
}
