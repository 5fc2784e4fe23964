//! getxattr(2), setxattr(2), listxattr(2), removexattr(2) and their like.

use super::RemoteProcess;
use super::request::{Request, request, text};
use rump_abi::XattrFlags;
use rump_abi::netbsd::numbers::*;
use rump_kern::Fd;
use rump_kpi::KResult;

/// No value of an attribute, and no list of their names, is longer.
pub(super) const VALUE_MAX: usize = 65_536;

/// A name with its end. One with an end within is no name, and none is not, either: so the kernel says so, in the order of its
/// checks.
pub(super) fn own_name(name: impl AsRef<[u8]>) -> Vec<u8> {
    let name = name.as_ref();
    if name.contains(&0) { vec![0] } else { [name, &[0]].concat() }
}

impl RemoteProcess {
    /// Names, each of which is ended by a NUL.
    fn names(&self, request: Request<'_>) -> KResult<Vec<Vec<u8>>> {
        let mut list = self.bytes(request, VALUE_MAX)?;
        // What is behind the last end is nothing.
        let end = list.iter().rposition(|byte| *byte == 0).unwrap_or(0);
        list.truncate(end);
        if list.is_empty() {
            return Ok(Vec::new());
        }
        Ok(list.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
    }
}

macro_rules! by_path {
    ($($get:ident $list:ident $set:ident $remove:ident: $get_number:ident $list_number:ident $set_number:ident
       $remove_number:ident,)*) => {
        impl RemoteProcess {$(
            /// As the method of [`Process`](rump_kern::Process) of this name.
            pub fn $get(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
                let (path, name) = (text(path)?, own_name(name));
                self.bytes(request($get_number).read(&path).read(&name), VALUE_MAX)
            }

            /// As the method of [`Process`](rump_kern::Process) of this name.
            pub fn $list(&self, path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>> {
                let path = text(path)?;
                self.names(request($list_number).read(&path))
            }

            /// As the method of [`Process`](rump_kern::Process) of this name.
            pub fn $set(
                &self,
                path: impl AsRef<[u8]>,
                name: impl AsRef<[u8]>,
                value: impl AsRef<[u8]>,
                flags: XattrFlags,
            ) -> KResult<()> {
                let (path, name, value) = (text(path)?, own_name(name), value.as_ref());
                let request = request($set_number).read(&path).read(&name).read(value);
                self.run(request.with(value.len()).with(flags.bits()))
            }

            /// As the method of [`Process`](rump_kern::Process) of this name.
            pub fn $remove(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()> {
                let (path, name) = (text(path)?, own_name(name));
                self.run(request($remove_number).read(&path).read(&name))
            }
        )*}
    };
}

by_path! {
    getxattr listxattr setxattr removexattr: GETXATTR LISTXATTR SETXATTR REMOVEXATTR,
    lgetxattr llistxattr lsetxattr lremovexattr: LGETXATTR LLISTXATTR LSETXATTR LREMOVEXATTR,
}

impl RemoteProcess {
    /// As [`Process::fgetxattr`](rump_kern::Process::fgetxattr).
    pub fn fgetxattr(&self, fd: Fd, name: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        let name = own_name(name);
        self.bytes(request(FGETXATTR).with(fd).read(&name), VALUE_MAX)
    }

    /// As [`Process::flistxattr`](rump_kern::Process::flistxattr).
    pub fn flistxattr(&self, fd: Fd) -> KResult<Vec<Vec<u8>>> {
        self.names(request(FLISTXATTR).with(fd))
    }

    /// As [`Process::fsetxattr`](rump_kern::Process::fsetxattr).
    pub fn fsetxattr(
        &self,
        fd: Fd,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        flags: XattrFlags,
    ) -> KResult<()> {
        let (name, value) = (own_name(name), value.as_ref());
        let request = request(FSETXATTR).with(fd).read(&name).read(value);
        self.run(request.with(value.len()).with(flags.bits()))
    }

    /// As [`Process::fremovexattr`](rump_kern::Process::fremovexattr).
    pub fn fremovexattr(&self, fd: Fd, name: impl AsRef<[u8]>) -> KResult<()> {
        let name = own_name(name);
        self.run(request(FREMOVEXATTR).with(fd).read(&name))
    }
}
