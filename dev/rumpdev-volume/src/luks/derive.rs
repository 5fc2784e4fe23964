//! Hashes, and keys derived of secrets: PBKDF2 (RFC 8018), Argon2 (RFC 9106).

use crate::unsupported;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use pbkdf2::pbkdf2_hmac;
use rump_kpi::{Errno, KError, KResult};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// How much work and memory a header may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Most iterations of PBKDF2.
    pub iterations: u32,
    /// Most memory of Argon2 in KiB.
    pub memory_kib: u32,
    /// Most passes of Argon2 over a KiB.
    pub passes: u64,
}

impl Default for Effort {
    /// 2 GiB of memory, and about a minute.
    fn default() -> Self {
        Self { iterations: 100_000_000, memory_kib: 2 << 20, passes: 64 << 20 }
    }
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By the name that headers have. Errors: ENOTSUP.
    pub fn parse(name: &str) -> KResult<Self> {
        Ok(match name {
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return Err(unsupported(format!("LUKS: the hash {name:?} is not known here"))),
        })
    }

    /// Length of a digest in bytes.
    pub fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of all pieces, one after another.
    pub fn digest(self, pieces: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(pieces: &[&[u8]]) -> Vec<u8> {
            pieces.iter().fold(D::new(), |digest, piece| digest.chain_update(piece)).finalize().to_vec()
        }
        match self {
            Self::Sha1 => of::<Sha1>(pieces),
            Self::Sha224 => of::<Sha224>(pieces),
            Self::Sha256 => of::<Sha256>(pieces),
            Self::Sha384 => of::<Sha384>(pieces),
            Self::Sha512 => of::<Sha512>(pieces),
        }
    }
}

/// How a key is derived.
#[derive(Clone, Debug)]
pub enum Derivation {
    Pbkdf2 { hash: Hash, iterations: u32, salt: Vec<u8> },
    Argon2 { algorithm: Algorithm, passes: u32, memory_kib: u32, lanes: u32, salt: Vec<u8> },
}

impl Derivation {
    /// What people call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pbkdf2 { .. } => "pbkdf2",
            Self::Argon2 { algorithm, .. } => algorithm.as_str(),
        }
    }

    /// What it costs, for people.
    pub fn cost(&self) -> String {
        match self {
            Self::Pbkdf2 { iterations, .. } => format!("{}, {iterations} iterations", self.name()),
            Self::Argon2 { passes, memory_kib, .. } => {
                format!("{}, {passes} times over {} MiB", self.name(), memory_kib / 1024)
            }
        }
    }

    /// A key of `len` bytes. Errors: E2BIG (more work or memory than `effort`), ENOMEM, EFTYPE.
    pub fn derive(&self, secret: &[u8], len: usize, effort: &Effort) -> KResult<Zeroizing<Vec<u8>>> {
        let mut key = Zeroizing::new(vec![0; len]);
        match self {
            Self::Pbkdf2 { iterations: 0, .. } => return Err(crate::damaged("LUKS: no iteration at all")),
            Self::Pbkdf2 { iterations, .. } if *iterations > effort.iterations => {
                return Err(too_much(format!("{iterations} iterations of PBKDF2")));
            }
            Self::Pbkdf2 { hash, iterations, salt } => {
                let derive = match hash {
                    Hash::Sha1 => pbkdf2_hmac::<Sha1>,
                    Hash::Sha224 => pbkdf2_hmac::<Sha224>,
                    Hash::Sha256 => pbkdf2_hmac::<Sha256>,
                    Hash::Sha384 => pbkdf2_hmac::<Sha384>,
                    Hash::Sha512 => pbkdf2_hmac::<Sha512>,
                };
                derive(secret, salt, *iterations, &mut key);
            }
            Self::Argon2 { passes, memory_kib, .. }
                if *memory_kib > effort.memory_kib
                    || u64::from(*passes) * u64::from(*memory_kib) > effort.passes =>
            {
                let mib = memory_kib / 1024;
                return Err(too_much(format!("{passes} passes over {mib} MiB of memory")));
            }
            Self::Argon2 { algorithm, passes, memory_kib, lanes, salt } => {
                let refused = |error| crate::damaged(format!("LUKS: {error}"));
                let params = Params::new(*memory_kib, *passes, *lanes, Some(len)).map_err(refused)?;
                let mut blocks = blocks(params.block_count())?;
                let hasher = Argon2::new(*algorithm, Version::V0x13, params);
                let done = hasher.hash_password_into_with_memory(secret, salt, &mut key, &mut blocks);
                blocks.zeroize();
                done.map_err(refused)?;
            }
        }
        Ok(key)
    }
}

fn blocks(count: usize) -> KResult<Vec<Block>> {
    let mut blocks = Vec::new();
    let refused = |_| {
        let what = format!("LUKS: the key is derived in {} MiB of memory, which are not there", count / 1024);
        KError::new(Errno::ENOMEM, what)
    };
    blocks.try_reserve_exact(count).map_err(refused)?;
    blocks.resize(count, Block::default());
    Ok(blocks)
}

fn too_much(what: String) -> KError {
    KError::new(Errno::E2BIG, format!("LUKS: a keyslot wants {what}, more than is done here"))
}
