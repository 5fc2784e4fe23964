//! What the kernel tells of itself: sysctl(3), uname(3).

use crate::Process;
use crate::sysctl::{self as tree, SysctlValue, What};
use alloc::string::String;
use alloc::vec::Vec;
use rump_abi::Errno;
use rump_kpi::{KError, KResult};

/// Why a call of `sysctl` failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysctlError {
    /// The error that the call answers.
    pub error: KError,
    /// With ENOMEM, how long the old value is, of which the front was copied; else zero.
    pub length: usize,
}

impl From<KError> for SysctlError {
    fn from(error: KError) -> Self {
        Self { error, length: 0 }
    }
}

/// The names of the kernel (`struct utsname`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uname {
    /// The kind of the kernel: `kern.ostype`.
    pub sysname: String,
    /// Its name as a host: `kern.hostname`.
    pub nodename: Vec<u8>,
    /// `kern.osrelease`.
    pub release: String,
    /// `kern.version`.
    pub version: String,
    /// NetBSD's name of the machine: `hw.machine`.
    pub machine: String,
}

impl Process {
    /// Copies the value of a name into `old`, and changes it to `new`; answers how long the value was before, which is also
    /// what is asked for without `old`. If it does not fit, as much as does is copied, the change is made, and the error is
    /// ENOMEM.
    ///
    /// Errors: ENXIO (halted), EINVAL (no numbers, or more than 12), ENOENT, ENOTDIR (the name goes on behind a value), EISDIR
    /// (it is not a value's), EPERM (it cannot be changed, or not by this user), EINVAL (`new` makes no sense), ENOMEM.
    pub fn sysctl(
        &self,
        name: &[i32],
        old: Option<&mut [u8]>,
        new: Option<&[u8]>,
    ) -> Result<usize, SysctlError> {
        let bytes = {
            let before = self.sysctl_value(name)?;
            if let Some(new) = new {
                self.check_change(name)?;
                let new = before.like(new)?;
                self.change_sysctl(name, &new)?;
            }
            before.to_bytes()
        };
        let Some(old) = old else { return Ok(bytes.len()) };
        let count = old.len().min(bytes.len());
        old[..count].copy_from_slice(&bytes[..count]);
        if count < bytes.len() {
            return Err(SysctlError { error: Errno::ENOMEM.into(), length: bytes.len() });
        }
        Ok(bytes.len())
    }

    /// The value of a name. Errors: those of [`Process::sysctl`] for names.
    pub fn sysctl_value(&self, name: &[i32]) -> KResult<SysctlValue> {
        self.shared().check_running()?;
        match tree::find(name)? {
            (What::Fact(read) | What::Choice(read, _), _) => read(self),
            (What::Setting(name), _) => Ok(SysctlValue::Int(clip(tree::setting(self, name)?))),
            (What::Table(dump), rest) => dump(self, rest).map(SysctlValue::Struct),
            (What::Node(_), _) => Err(Errno::EISDIR.into()),
        }
    }

    /// Changes the value of a name to another of the same kind. Errors: those of [`Process::sysctl`], but ENOMEM.
    pub fn set_sysctl_value(&self, name: &[i32], value: &SysctlValue) -> KResult<()> {
        let before = self.sysctl_value(name)?;
        self.check_change(name)?;
        if core::mem::discriminant(&before) != core::mem::discriminant(value) {
            return Err(Errno::EINVAL.into());
        }
        self.change_sysctl(name, value)
    }

    /// Whether the value of a name is one that the superuser may change. Errors: those of [`Process::sysctl`] for names.
    pub fn sysctl_is_choice(&self, name: &[i32]) -> KResult<bool> {
        self.shared().check_running()?;
        match tree::find(name)?.0 {
            What::Node(_) => Err(Errno::EISDIR.into()),
            What::Fact(_) | What::Table(_) => Ok(false),
            What::Choice(..) | What::Setting(_) => Ok(true),
        }
    }

    /// Errors: EPERM.
    fn check_change(&self, name: &[i32]) -> KResult<()> {
        if !self.sysctl_is_choice(name)? {
            return Err(KError::new(Errno::EPERM, "the value cannot be changed"));
        }
        if self.cred().is_root() { Ok(()) } else { Err(Errno::EPERM.into()) }
    }

    fn change_sysctl(&self, name: &[i32], value: &SysctlValue) -> KResult<()> {
        match (tree::find(name)?.0, value) {
            (What::Choice(_, change), value) => change(self, value),
            (What::Setting(name), SysctlValue::Int(value)) => tree::set_setting(self, name, (*value).into()),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// The numbers of a name with dots, such as `kern.hostname`, of a value or of what has values in it. Errors: ENXIO
    /// (halted), ENOENT, ENOTDIR.
    pub fn sysctl_numbers(&self, name: &str) -> KResult<Vec<i32>> {
        self.shared().check_running()?;
        tree::numbers_of(name)
    }

    /// The names of all values that there can be. Those of protocols that are not linked answer ENOENT.
    pub fn sysctl_names(&self) -> Vec<String> {
        tree::names()
    }

    /// The names of all tables: what such a name goes on with says what of it is asked for.
    pub fn sysctl_tables(&self) -> Vec<String> {
        tree::tables()
    }

    /// The names of the kernel. Errors: ENXIO (halted).
    pub fn uname(&self) -> KResult<Uname> {
        self.shared().check_running()?;
        Ok(Uname {
            sysname: tree::OSTYPE.into(),
            nodename: self.shared().facts.host_name.text(),
            release: tree::RELEASE.into(),
            version: tree::VERSION.into(),
            machine: tree::machine().0.into(),
        })
    }
}

/// An `int`, or the nearest.
fn clip(value: i64) -> i32 {
    value.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}
