//! sysctl(3).

use super::RemoteProcess;
use super::request::{request, told};
use crate::connection::malformed;
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::__SYSCTL;
use rump_abi::netbsd::process::*;
use rump_abi::netbsd::statvfs::name_in;
use rump_abi::netbsd::sysctl::{CTL_QUERY, Sysctlnode};
use rump_abi::sysctl::*;
use rump_kern::{SysctlError, Uname};
use rump_kpi::KResult;

/// Names that are below another, at most.
const NAMES_MAX: usize = 256;
/// Bytes of a text that is asked for; what is behind them is left out.
const TEXT_MAX: usize = 1024;
/// Bytes of a table at most.
const TABLE_MAX: usize = 1 << 24;
/// How often a table that grows meanwhile is asked for.
const TRIES: usize = 8;

impl RemoteProcess {
    /// As [`Process::sysctl_numbers`](rump_kern::Process::sysctl_numbers), of names with values that there are.
    pub fn sysctl_numbers(&self, name: &str) -> KResult<Vec<i32>> {
        let mut numbers = Vec::new();
        for part in name.split('.') {
            let node =
                self.sysctl_nodes(&numbers)?.into_iter().find(|node| name_in(&node.name) == part.as_bytes());
            numbers.push(node.ok_or(Errno::ENOENT)?.number);
        }
        Ok(numbers)
    }

    /// What is below a name, as `CTL_QUERY` tells it. Errors: ENOENT, ENOTDIR.
    pub fn sysctl_nodes(&self, folder: &[i32]) -> KResult<Vec<Sysctlnode>> {
        let mut bytes = vec![0; NAMES_MAX * Sysctlnode::SIZE];
        let query = [folder, &[CTL_QUERY]].concat();
        let length = self.sysctl(&query, Some(&mut bytes), None).map_err(|failure| failure.error)?;
        Ok(bytes[..length].chunks_exact(Sysctlnode::SIZE).filter_map(Sysctlnode::read).collect())
    }

    /// As [`Process::uname`](rump_kern::Process::uname), name by name, as uname(3) of NetBSD asks. Errors: those of
    /// [`Process::sysctl`](rump_kern::Process::sysctl).
    pub fn uname(&self) -> KResult<Uname> {
        let text = |name| self.sysctl_text(name).map(|text| String::from_utf8_lossy(&text).into_owned());
        Ok(Uname {
            sysname: text([CTL_KERN, KERN_OSTYPE])?,
            nodename: self.sysctl_text([CTL_KERN, KERN_HOSTNAME])?,
            release: text([CTL_KERN, KERN_OSRELEASE])?,
            // Of NetBSD's, lines are the parts.
            version: text([CTL_KERN, KERN_VERSION])?.trim_end().replace('\n', " "),
            machine: text([CTL_HW, HW_MACHINE])?,
        })
    }

    fn sysctl_text(&self, name: [i32; 2]) -> KResult<Vec<u8>> {
        let mut bytes = vec![0; TEXT_MAX];
        match self.sysctl(&name, Some(&mut bytes), None) {
            Err(failure) if failure.error.errno != Errno::ENOMEM => Err(failure.error),
            _ => Ok(name_in(&bytes).to_vec()),
        }
    }

    /// All of a table, however long. Errors: those of sysctl(3).
    pub fn sysctl_table(&self, name: &[i32]) -> KResult<Vec<u8>> {
        for _ in 0..TRIES {
            let length = self.sysctl(name, None, None).map_err(|failure| failure.error)?;
            // Somebody may come meanwhile.
            let mut bytes = vec![0; (length + length / 2 + 1024).min(TABLE_MAX)];
            match self.sysctl(name, Some(&mut bytes), None) {
                Ok(length) => {
                    bytes.truncate(length);
                    return Ok(bytes);
                }
                Err(error) if error.error.errno == Errno::ENOMEM => {}
                Err(error) => return Err(error.error),
            }
        }
        Err(Errno::ENOMEM.into())
    }

    /// The structures of a table that is asked for with two numbers, how long they are, and how many are wanted. Errors: ENOENT,
    /// those of sysctl(3).
    pub(crate) fn sysctl_structures<T: Layout>(&self, name: &str, which: [i32; 2]) -> KResult<Vec<T>> {
        let mut name = self.sysctl_numbers(name)?;
        name.extend(which);
        name.extend([T::SIZE as i32, i32::MAX]);
        Ok(self.sysctl_table(&name)?.chunks_exact(T::SIZE).filter_map(T::read).collect())
    }

    /// All processes of the kernel, in the order of their numbers. Errors: those of sysctl(3).
    pub fn processes(&self) -> KResult<Vec<KinfoProc2>> {
        self.sysctl_structures("kern.proc2", [KERN_PROC_ALL, 0])
    }

    /// What they have open, that of one process together. Errors: those of sysctl(3).
    pub fn open_files(&self) -> KResult<Vec<KinfoFile>> {
        self.sysctl_structures("kern.file2", [KERN_FILE_BYPID, -1])
    }

    /// As [`Process::sysctl`](rump_kern::Process::sysctl).
    pub fn sysctl(
        &self,
        name: &[i32],
        old: Option<&mut [u8]>,
        new: Option<&[u8]>,
    ) -> Result<usize, SysctlError> {
        let name: Vec<u8> = name.iter().flat_map(|number| number.to_bytes()).collect();
        let room = old.as_ref().map_or(0, |old| old.len());
        let (is_wanted, mut length) = (old.is_some(), (room as u64).to_bytes());
        let request = request(__SYSCTL).read(&name).with(name.len() / i32::SIZE);
        let request = match old {
            Some(old) => request.write(old),
            None => request.null(),
        };
        let request = request.write(&mut length);
        let request = match new {
            Some(new) => request.read(new).with(new.len()),
            None => request.null().null(),
        };
        let done = self.run(request);
        let length = told::<u64>(&length).ok().and_then(|length| usize::try_from(length).ok());
        let length = length.ok_or_else(malformed)?;
        match done {
            Ok(()) if is_wanted && length > room => Err(malformed().into()),
            Ok(()) => Ok(length),
            Err(error) => {
                let is_told = error.errno == Errno::ENOMEM;
                Err(SysctlError { error, length: if is_told { length } else { 0 } })
            }
        }
    }
}
