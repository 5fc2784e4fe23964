//! extattr_get_file(2) and its like.

use super::RemoteProcess;
use super::request::{Request, request, text};
use super::xattr::{VALUE_MAX, own_name};
use rump_abi::netbsd::numbers::*;
use rump_kern::{ExtattrNamespace, ExtattrOf};
use rump_kpi::KResult;

/// The path that says whose attributes are meant, if one does. Errors: EINVAL.
fn path(of: ExtattrOf<'_>) -> KResult<Vec<u8>> {
    match of {
        ExtattrOf::File(path) | ExtattrOf::Link(path) => text(path),
        ExtattrOf::Open(_) => Ok(Vec::new()),
    }
}

/// A call of three, for a path, a link and a descriptor, with whom it is for.
fn of_whom<'a>([file, link, fd]: [u32; 3], of: ExtattrOf<'_>, path: &'a [u8]) -> Request<'a> {
    match of {
        ExtattrOf::File(_) => request(file).read(path),
        ExtattrOf::Link(_) => request(link).read(path),
        ExtattrOf::Open(open) => request(fd).with(open),
    }
}

impl RemoteProcess {
    /// As [`Process::extattr_get`](rump_kern::Process::extattr_get).
    pub fn extattr_get(
        &self,
        of: ExtattrOf<'_>,
        space: ExtattrNamespace,
        name: impl AsRef<[u8]>,
    ) -> KResult<Vec<u8>> {
        let (path, name) = (path(of)?, own_name(name));
        let numbers = [EXTATTR_GET_FILE, EXTATTR_GET_LINK, EXTATTR_GET_FD];
        self.bytes(of_whom(numbers, of, &path).with(space as u32).read(&name), VALUE_MAX)
    }

    /// As [`Process::extattr_set`](rump_kern::Process::extattr_set).
    pub fn extattr_set(
        &self,
        of: ExtattrOf<'_>,
        space: ExtattrNamespace,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> KResult<usize> {
        let (path, name, value) = (path(of)?, own_name(name), value.as_ref());
        let numbers = [EXTATTR_SET_FILE, EXTATTR_SET_LINK, EXTATTR_SET_FD];
        let request = of_whom(numbers, of, &path).with(space as u32).read(&name);
        self.count(request.read(value).with(value.len()), value.len())
    }

    /// As [`Process::extattr_delete`](rump_kern::Process::extattr_delete).
    pub fn extattr_delete(
        &self,
        of: ExtattrOf<'_>,
        space: ExtattrNamespace,
        name: impl AsRef<[u8]>,
    ) -> KResult<()> {
        let (path, name) = (path(of)?, own_name(name));
        let numbers = [EXTATTR_DELETE_FILE, EXTATTR_DELETE_LINK, EXTATTR_DELETE_FD];
        self.run(of_whom(numbers, of, &path).with(space as u32).read(&name))
    }

    /// As [`Process::extattr_list`](rump_kern::Process::extattr_list). Each name is behind a byte that is its length.
    pub fn extattr_list(&self, of: ExtattrOf<'_>, space: ExtattrNamespace) -> KResult<Vec<Vec<u8>>> {
        let path = path(of)?;
        let numbers = [EXTATTR_LIST_FILE, EXTATTR_LIST_LINK, EXTATTR_LIST_FD];
        let list = self.bytes(of_whom(numbers, of, &path).with(space as u32), VALUE_MAX)?;
        let (mut names, mut rest) = (Vec::new(), &list[..]);
        while let Some((length, behind)) = rest.split_first() {
            let Some((name, behind)) = behind.split_at_checked(usize::from(*length)) else { break };
            names.push(name.to_vec());
            rest = behind;
        }
        Ok(names)
    }
}
