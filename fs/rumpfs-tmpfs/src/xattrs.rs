//! Extended attributes of one inode.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use rump_kpi::{Errno, KResult, XattrFlags};

/// Names and values of one inode together, in bytes; more is ENOSPC.
const MAX_BYTES: usize = 128 * 1024;
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
const ACLS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];

/// Checks that the name lies in a name space that is stored here. Errors: ENOTSUP, EINVAL (nothing after the prefix).
pub(crate) fn check_name(name: &[u8]) -> KResult<()> {
    if ACLS.contains(&name) {
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

    /// Sets a value. Errors: EEXIST, ENOATTR, ENOSPC.
    pub fn set(&mut self, name: &[u8], value: &[u8], flags: XattrFlags) -> KResult<()> {
        let old = self.values.get(name).map(|old| old.len() + name.len());
        match old {
            Some(_) if flags.contains(XattrFlags::CREATE) => return Err(Errno::EEXIST.into()),
            None if flags.contains(XattrFlags::REPLACE) => return Err(Errno::ENOATTR.into()),
            _ => {}
        }
        let others = self.bytes - old.unwrap_or(0);
        let total = others.saturating_add(name.len()).saturating_add(value.len());
        if total > MAX_BYTES {
            return Err(Errno::ENOSPC.into());
        }
        self.values.insert(name.to_vec(), value.to_vec());
        self.bytes = total;
        Ok(())
    }

    /// Removes `name`. Errors: ENOATTR.
    pub fn remove(&mut self, name: &[u8]) -> KResult<()> {
        let value = self.values.remove(name).ok_or(Errno::ENOATTR)?;
        self.bytes -= name.len() + value.len();
        Ok(())
    }
}
