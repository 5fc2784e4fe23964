//! The name of a kernel as a host: one value, whoever shows or changes it.

use crate::sync::RwLock;
use crate::{KError, KResult};
use alloc::vec::Vec;
use rump_abi::Errno;

/// Bytes of a name.
const LENGTH_MAX: usize = 255;

/// A name that the superuser may change.
#[derive(Debug, Default)]
pub struct NodeName(RwLock<Vec<u8>>);

impl NodeName {
    /// A name.
    pub fn new(name: &str) -> Self {
        Self(RwLock::new(name.into()))
    }

    /// What it is now.
    pub fn text(&self) -> Vec<u8> {
        self.0.read().clone()
    }

    /// Changes it. Errors: EINVAL (longer than 255 bytes, or with a NUL).
    pub fn set(&self, name: &[u8]) -> KResult<()> {
        if name.len() > LENGTH_MAX || name.contains(&0) {
            return Err(KError::new(Errno::EINVAL, "the name is too long, or holds a NUL"));
        }
        *self.0.write() = name.to_vec();
        Ok(())
    }
}
