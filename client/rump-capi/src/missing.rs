//! Names on the console the library that a program wants and did not link: errors of C are numbers alone.

use crate::caller::Caller;
use rump_abi::{AddressFamily, Errno};
use rump_kpi::{KError, KResult};

/// Types of file systems, by their names, and their libraries.
const FILE_SYSTEMS: &[(&str, &str)] = &[
    ("cd9660", "rumpfs_cd9660"),
    ("exfat", "rumpfs_exfat"),
    ("ext2fs", "rumpfs_ext2fs"),
    ("kernfs", "rumpfs_kernfs"),
    ("msdos", "rumpfs_msdos"),
    ("tmpfs", "rumpfs_tmpfs"),
];

/// Families of sockets, and their libraries.
const FAMILIES: &[(AddressFamily, &str)] = &[
    (AddressFamily::Inet, "rumpnet_netinet"),
    (AddressFamily::Inet6, "rumpnet_netinet6"),
    (AddressFamily::Local, "rumpnet_local"),
    (AddressFamily::Route, "rumpnet_netinet"),
];

/// Tells of a type of file systems that a mount did not find.
pub(crate) fn of_mount<T>(process: &Caller, name: &str, result: KResult<T>) -> KResult<T> {
    let library = FILE_SYSTEMS.iter().find(|(known, _)| *known == name).map(|(_, library)| *library);
    tell(process, Errno::ENODEV, library, || format!("no file system type \"{name}\""), result)
}

/// Tells of a family that a socket did not find.
pub(crate) fn of_socket<T>(process: &Caller, family: AddressFamily, result: KResult<T>) -> KResult<T> {
    let library = FAMILIES.iter().find(|(known, _)| *known == family).map(|(_, library)| *library);
    tell(process, Errno::EAFNOSUPPORT, library, || format!("no sockets of the family {family:?}"), result)
}

/// Tells of a library that was wanted.
fn tell<T>(
    process: &Caller,
    wanting: Errno,
    library: Option<&str>,
    what: impl FnOnce() -> String,
    result: KResult<T>,
) -> KResult<T> {
    let Err(KError { errno, .. }) = &result else { return result };
    if let Some(library) = library.filter(|_| *errno == wanting) {
        process.tell_of_library(library, what);
    }
    result
}
