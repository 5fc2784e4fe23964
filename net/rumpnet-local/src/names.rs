//! Who is found under which name.

use crate::end::End;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use rump_kpi::socket::Name;
use rump_kpi::{Errno, KError, KResult, SocketAddress, SocketType};

/// Names that the family chooses are five digits (unix(7)).
const CHOSEN: u32 = 1 << 20;

/// What tells a name from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A node of a file system.
    File((u64, u64)),
    /// A name of its own, with the NUL that it begins with. Each type of sockets has its own.
    Abstract(u8, Vec<u8>),
}

/// A name that a socket has.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// None for the name that an accepted connection has from the one that listened.
    pub(crate) key: Option<Key>,
    /// What `getsockname` answers.
    pub(crate) path: Vec<u8>,
}

/// The names of a kernel.
#[derive(Default)]
pub(crate) struct Names {
    bound: BTreeMap<Key, Weak<End>>,
    next: u32,
}

impl Names {
    /// Enters a name. Errors: EADDRINUSE.
    pub(crate) fn enter(&mut self, key: Key, end: &Arc<End>) -> KResult<()> {
        if self.bound.contains_key(&key) {
            return Err(Errno::EADDRINUSE.into());
        }
        self.bound.insert(key, Arc::downgrade(end));
        Ok(())
    }

    /// Chooses a name. Errors: EADDRINUSE (all are taken).
    pub(crate) fn choose(&mut self, kind: SocketType) -> KResult<Bound> {
        for _ in 0..CHOSEN {
            let name = alloc::format!("\0{:05x}", self.next % CHOSEN).into_bytes();
            self.next = self.next.wrapping_add(1);
            let key = Key::Abstract(kind as u8, name.clone());
            if !self.bound.contains_key(&key) {
                return Ok(Bound { key: Some(key), path: name });
            }
        }
        Err(Errno::EADDRINUSE.into())
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.bound.remove(key);
    }

    /// Who has a name. Errors: ECONNREFUSED.
    pub(crate) fn find(&self, key: &Key) -> KResult<Arc<End>> {
        let found = self.bound.get(key).and_then(Weak::upgrade);
        found.ok_or_else(|| KError::new(Errno::ECONNREFUSED, "no socket has this name"))
    }
}

/// Key and path of a name; `None` for the empty one. Errors: EAFNOSUPPORT, EINVAL (a path that the kernel did not look
/// up, or one that is too long).
pub(crate) fn key_of(name: &Name, kind: SocketType) -> KResult<Option<Bound>> {
    match name {
        Name::File { key, path } => Ok(Some(Bound { key: Some(Key::File(*key)), path: path.clone() })),
        Name::Address(SocketAddress::Local(path)) => match path.first() {
            None => Ok(None),
            Some(0) if path.len() <= SocketAddress::LOCAL_PATH_MAX => {
                Ok(Some(Bound { key: Some(Key::Abstract(kind as u8, path.clone())), path: path.clone() }))
            }
            Some(_) => Err(Errno::EINVAL.into()),
        },
        Name::Address(_) => Err(Errno::EAFNOSUPPORT.into()),
    }
}
