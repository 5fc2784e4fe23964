//! Character devices: how they are opened, read and written.

use crate::descriptors::{DeviceObject, OpenFile};
use crate::{Fd, Process};
use alloc::sync::Arc;
use rump_abi::Errno;
use rump_kpi::KResult;
use rump_kpi::character::Patience;
use rump_vfs::Vnode;

impl Process {
    /// Errors: ENXIO, those of the driver.
    pub(crate) fn open_device(&self, vnode: Arc<Vnode>) -> KResult<DeviceObject> {
        let number = vnode.node()?.attr()?.rdev;
        let file = self.shared().devices.open(number, self.caller())?;
        Ok(DeviceObject { file, vnode })
    }

    /// Errors: EAGAIN, those of [`Process::blocking`], those of the driver.
    pub(crate) fn read_device(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        device: &DeviceObject,
        parts: &mut [&mut [u8]],
    ) -> KResult<usize> {
        if file.is_nonblocking() {
            return device.file.read(parts, Patience::None);
        }
        let timeout = device.file.read_timeout();
        let answer = self.blocking(fd, file, timeout, || device.file.read(parts, Patience::Some));
        match answer {
            Err(error) if error.errno == Errno::EAGAIN => {}
            answer => return answer,
        }
        match device.file.read(parts, Patience::None) {
            Err(error) if error.errno == Errno::EAGAIN => Ok(0),
            answer => answer,
        }
    }

    /// Errors: EAGAIN, those of [`Process::blocking`], those of the driver.
    pub(crate) fn write_device(
        &self,
        fd: Fd,
        file: &Arc<OpenFile>,
        device: &DeviceObject,
        parts: &[&[u8]],
    ) -> KResult<usize> {
        if file.is_nonblocking() {
            return device.file.write(parts);
        }
        self.blocking(fd, file, None, || device.file.write(parts))
    }
}
