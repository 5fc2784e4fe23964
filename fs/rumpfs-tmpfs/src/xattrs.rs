//! Extended attributes of one inode.

use crate::acl;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use rump_kpi::{Errno, KResult, XattrFlags};

/// Names and values of one inode together, in bytes; more is ENOSPC.
const MAX_BYTES: usize = 128 * 1024;
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];

/// Checks that the name lies in a name space that is stored here. Errors: ENOTSUP, EINVAL (nothing after the prefix).
pub(crate) fn check_name(name: &[u8]) -> KResult<()> {
    if acl::is_acl(name) {
        return Ok(());
    }
    let prefix = PREFIXES.iter().find(|prefix| name.starts_with(prefix)).ok_or(Errno::ENOTSUP)?;
    if name.len() == prefix.len() { Err(Errno::EINVAL.into()) } else { Ok(()) }
}

/// The attributes.
#[derive(Default)]
pub(crate) struct Xattrs {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl Xattrs {
    /// The value of `name`. Errors: ENOATTR.
    pub fn value(&self, name: &[u8]) -> KResult<Vec<u8>> {
        self.values.get(name).cloned().ok_or_else(|| Errno::ENOATTR.into())
    }

    /// All names, in byte order.
    pub fn names(&self) -> Vec<Vec<u8>> {
        self.values.keys().cloned().collect()
    }

    /// Errors: EEXIST (it is there and must not), ENOATTR (it is not there and must).
    pub fn check_flags(&self, name: &[u8], flags: XattrFlags) -> KResult<()> {
        match self.values.contains_key(name) {
            true if flags.contains(XattrFlags::CREATE) => Err(Errno::EEXIST.into()),
            false if flags.contains(XattrFlags::REPLACE) => Err(Errno::ENOATTR.into()),
            _ => Ok(()),
        }
    }

    /// Sets a value. Errors: EEXIST, ENOATTR, ENOSPC.
    pub fn set(&mut self, name: &[u8], value: &[u8], flags: XattrFlags) -> KResult<()> {
        self.check_flags(name, flags)?;
        let others = self.bytes - self.bytes_of(name);
        if others.saturating_add(name.len()).saturating_add(value.len()) > MAX_BYTES {
            return Err(Errno::ENOSPC.into());
        }
        self.replace(name, value.to_vec());
        Ok(())
    }

    /// Sets a value that is known to fit.
    pub fn replace(&mut self, name: &[u8], value: Vec<u8>) {
        self.bytes = self.bytes - self.bytes_of(name) + name.len() + value.len();
        self.values.insert(name.to_vec(), value);
    }

    fn bytes_of(&self, name: &[u8]) -> usize {
        self.values.get(name).map_or(0, |value| name.len() + value.len())
    }

    /// Removes `name`. Errors: ENOATTR.
    pub fn remove(&mut self, name: &[u8]) -> KResult<()> {
        let value = self.values.remove(name).ok_or(Errno::ENOATTR)?;
        self.bytes -= name.len() + value.len();
        Ok(())
    }
}
