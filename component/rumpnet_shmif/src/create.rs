//! Interfaces at buses that processes share: `rump_pub_shmif_create`.

use librumpnet_config::configuration;
use rump_capi::netconfig::{Errno, KError, KResult, instance, status, store, string};
use std::ffi::{c_char, c_int};

/// Units that are tried.
const MOST_UNITS: c_int = 1 << 16;

/// # Safety
/// As `rump_capi::netconfig::string` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_pub_shmif_create(path: *const c_char, unit: *mut c_int) -> c_int {
    let create = || {
        // SAFETY: the interface's.
        let path = if path.is_null() { None } else { Some(unsafe { string(path) }?) };
        let path = path.map(std::str::from_utf8).transpose();
        let path = path.map_err(|_| KError::new(Errno::EINVAL, "the path of a bus is no text"))?;
        let number = with_free_unit(path)?;
        // SAFETY: the interface's. Who wants no number passes null.
        unsafe { store(unit, number) }.or(Ok(()))
    };
    status(create())
}

/// Makes the interface with the lowest number that is free.
fn with_free_unit(path: Option<&str>) -> KResult<c_int> {
    let instance = instance()?;
    let network = configuration(&instance)?;
    for number in 0..MOST_UNITS {
        let name = format!("shmif{number}");
        match network.ifcreate(&name) {
            Err(error) if error.errno == Errno::EEXIST => {}
            Err(error) => return Err(error),
            Ok(()) => {
                let linked = path.map_or(Ok(()), |path| network.ifsetlinkstr(&name, path));
                return linked.map(|()| number).inspect_err(|_| {
                    // It is told why it could not be.
                    let _ = network.ifdestroy(&name);
                });
            }
        }
    }
    Err(Errno::ENFILE.into())
}
