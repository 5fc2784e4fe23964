//! Several kernels in one process: `rump_kernel.h`. A handle is the address of a kernel in the table of those that run;
//! that of the classic one is a place of its own, and there before it booted.

use crate::host::{self, RumpHost};
use crate::instance::Instance;
use crate::{errno, lwp};
use libc::{c_int, c_void};
use rump_abi::Errno;
use rump_kpi::KResult;
use std::ptr;
use std::sync::Arc;

static CLASSIC: u8 = 0;

fn classic() -> *const c_void {
    ptr::from_ref(&CLASSIC).cast()
}

fn handle(instance: Option<&Arc<Instance>>) -> *const c_void {
    instance.map_or_else(classic, |instance| Arc::as_ptr(instance).cast())
}

/// Null and the error number for one that failed.
fn answer(result: KResult<*const c_void>) -> *const c_void {
    result.unwrap_or_else(|error| {
        errno::set(errno::number(error.errno));
        ptr::null()
    })
}

/// # Safety
/// The host is null, or what `rump_host.h` says, and stays so as long as the kernel is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rump_kernel_create(host: *const RumpHost) -> *const c_void {
    // SAFETY: the interface's.
    let host = unsafe { host::chosen(host) };
    let instance = host.and_then(Instance::boot);
    answer(instance.map(|instance| handle(Some(&instance))))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_kernel_current() -> *const c_void {
    handle(lwp::chosen().as_ref())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_kernel_switch(kernel: *const c_void) -> *const c_void {
    let switch = || {
        let before = handle(lwp::chosen().as_ref());
        let is_classic = kernel.is_null() || kernel == classic();
        let next = if is_classic { None } else { Some(Instance::find(kernel.addr())?) };
        lwp::choose(next)?;
        Ok(before)
    };
    answer(switch())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_kernel_destroy(kernel: *const c_void) -> c_int {
    let destroy = || {
        if kernel == classic() {
            return Err(Errno::EBUSY.into());
        }
        match Instance::find(kernel.addr())?.destroy() {
            // Somebody halted it before.
            Err(error) if error.errno == Errno::ENXIO => Ok(()),
            result => result,
        }
    };
    errno::status(destroy())
}
