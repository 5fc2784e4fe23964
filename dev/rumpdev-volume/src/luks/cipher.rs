//! Sectors encrypted as dm-crypt does it: XTS and CBC, with the ways to make of a sector's number what its encryption begins
//! with. Reference: the kernel's documentation of dm-crypt.

use super::derive::Hash;
use crate::unsupported;
use aes::cipher::consts::U16;
use aes::cipher::generic_array::GenericArray;
use aes::cipher::{
    BlockCipher, BlockDecrypt, BlockDecryptMut, BlockEncrypt, BlockEncryptMut, InnerIvInit, KeyInit,
};
use aes::{Aes128, Aes192, Aes256};
use alloc::boxed::Box;
use alloc::format;
use rump_kpi::{KError, KResult};
use serpent::Serpent;
use twofish::Twofish;
use xts_mode::Xts128;
use zeroize::Zeroizing;

type Iv = [u8; 16];

/// What a sector's encryption begins with, by its number.
type Beginning = Box<dyn Fn(u64) -> Iv + Send + Sync>;

/// A block cipher of LUKS.
trait Blocks:
    BlockCipher + BlockEncrypt<BlockSize = U16> + BlockDecrypt<BlockSize = U16> + KeyInit + Send + Sync
{
}

impl<C> Blocks for C where
    C: BlockCipher + BlockEncrypt<BlockSize = U16> + BlockDecrypt<BlockSize = U16> + KeyInit + Send + Sync
{
}

trait Mode: Send + Sync {
    fn encrypt(&self, iv: Iv, sector: &mut [u8]);
    fn decrypt(&self, iv: Iv, sector: &mut [u8]);
}

/// A cipher with its key.
pub struct Cipher {
    mode: Box<dyn Mode>,
    beginning: Beginning,
}

impl Cipher {
    /// By a name as `aes-xts-plain64`. Errors: ENOTSUP (it is not known, or not with a key of this length).
    pub fn new(name: &str, key: &[u8]) -> KResult<Self> {
        let mut words = name.splitn(3, '-');
        let (cipher, mode, iv) = (words.next(), words.next(), words.next());
        let (Some(cipher), Some(mode), Some(iv)) = (cipher, mode, iv) else { return Err(unknown(name)) };
        let parts = if mode == "xts" { 2 } else { 1 };
        let mode = match (cipher, key.len() / parts) {
            ("aes", 16) => with::<Aes128>(mode, key),
            ("aes", 24) => with::<Aes192>(mode, key),
            ("aes", 32) => with::<Aes256>(mode, key),
            ("serpent", _) => with::<Serpent>(mode, key),
            ("twofish", _) => with::<Twofish>(mode, key),
            _ => None,
        };
        let beginning = beginning(cipher, iv, key);
        match (mode, beginning) {
            (Some(mode), Some(beginning)) => Ok(Self { mode, beginning }),
            _ => Err(unknown(&format!("{name} with a key of {} bits", key.len() * 8))),
        }
    }

    /// Decrypts the sector of a number, a multiple of 16 bytes.
    pub fn decrypt(&self, number: u64, sector: &mut [u8]) {
        self.mode.decrypt((self.beginning)(number), sector);
    }

    /// Encrypts it.
    pub fn encrypt(&self, number: u64, sector: &mut [u8]) {
        self.mode.encrypt((self.beginning)(number), sector);
    }
}

fn unknown(name: &str) -> KError {
    unsupported(format!("LUKS: the encryption {name} is not known here"))
}

fn with<C: Blocks + 'static>(mode: &str, key: &[u8]) -> Option<Box<dyn Mode>> {
    match mode {
        "xts" => {
            let (content, tweak) = key.split_at(key.len() / 2);
            let [content, tweak] = [content, tweak].map(|key| C::new_from_slice(key).ok());
            Some(Box::new(Xts128::new(content?, tweak?)))
        }
        "cbc" => Some(Box::new(Cbc(C::new_from_slice(key).ok()?))),
        _ => None,
    }
}

fn beginning(cipher: &str, iv: &str, key: &[u8]) -> Option<Beginning> {
    Some(match iv {
        "plain" => Box::new(|number| u128::from(number as u32).to_le_bytes()),
        "plain64" => Box::new(|number| u128::from(number).to_le_bytes()),
        "plain64be" => Box::new(|number| u128::from(number).to_be_bytes()),
        "null" => Box::new(|_| [0; 16]),
        _ => {
            let hash = Hash::parse(iv.strip_prefix("essiv:")?).ok()?;
            let digest = Zeroizing::new(hash.digest(&[key]));
            match (cipher, digest.len()) {
                ("aes", 32) => essiv::<Aes256>(&digest)?,
                ("serpent", _) => essiv::<Serpent>(&digest)?,
                ("twofish", _) => essiv::<Twofish>(&digest)?,
                _ => return None,
            }
        }
    })
}

/// The number, encrypted with a digest of the key.
fn essiv<C: Blocks + 'static>(digest: &[u8]) -> Option<Beginning> {
    let cipher = C::new_from_slice(digest).ok()?;
    Some(Box::new(move |number| {
        let mut block = GenericArray::from(u128::from(number).to_le_bytes());
        cipher.encrypt_block(&mut block);
        block.into()
    }))
}

impl<C: Blocks> Mode for Xts128<C> {
    fn encrypt(&self, iv: Iv, sector: &mut [u8]) {
        self.encrypt_sector(sector, iv);
    }

    fn decrypt(&self, iv: Iv, sector: &mut [u8]) {
        self.decrypt_sector(sector, iv);
    }
}

struct Cbc<C>(C);

impl<C: Blocks> Mode for Cbc<C> {
    fn encrypt(&self, iv: Iv, sector: &mut [u8]) {
        let mut chain = cbc::Encryptor::inner_iv_init(&self.0, &iv.into());
        sector
            .chunks_exact_mut(16)
            .for_each(|block| chain.encrypt_block_mut(GenericArray::from_mut_slice(block)));
    }

    fn decrypt(&self, iv: Iv, sector: &mut [u8]) {
        let mut chain = cbc::Decryptor::inner_iv_init(&self.0, &iv.into());
        sector
            .chunks_exact_mut(16)
            .for_each(|block| chain.decrypt_block_mut(GenericArray::from_mut_slice(block)));
    }
}
