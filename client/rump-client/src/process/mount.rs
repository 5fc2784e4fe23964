//! mount(2), unmount(2), reboot(2). Options of drivers go as the structures of NetBSD, which have not all of them.

use super::RemoteProcess;
use super::request::{request, text};
use rump_abi::Errno;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::mount::*;
use rump_abi::netbsd::numbers::{__MOUNT50, REBOOT, UNMOUNT};
use rump_kern::{MountArgs, Unmount};
use rump_kpi::{KError, KResult};

/// What the root of a file system in memory may be done to by default.
const ROOT_MODE: u32 = 0o1777;

fn not_said() -> KError {
    KError::new(Errno::EOPNOTSUPP, "the option has no place in the arguments of the server")
}

/// Options of a file system in memory. Errors: EOPNOTSUPP (others).
fn tmpfs(options: &str, (root_uid, root_gid): (u32, u32)) -> KResult<Vec<u8>> {
    let (version, root_mode) = (TMPFS_ARGS_VERSION, ROOT_MODE);
    let mut args = TmpfsArgs { version, nodes_max: 0, size_max: 0, root_uid, root_gid, root_mode };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').ok_or_else(not_said)?;
        let known = match name {
            "mode" => u32::from_str_radix(value, 8).map(|mode| args.root_mode = mode).is_ok(),
            "nr_inodes" => value.parse().map(|most| args.nodes_max = most).is_ok(),
            "size" => value.parse().map(|most| args.size_max = most).is_ok(),
            _ => false,
        };
        if !known {
            return Err(not_said());
        }
    }
    Ok(args.to_bytes())
}

impl RemoteProcess {
    /// As [`Process::mount`](rump_kern::Process::mount). Errors: EOPNOTSUPP as well (options, but for those of a file system in
    /// memory that set its permissions and its bounds).
    pub fn mount(&self, fs_type: &str, target: impl AsRef<[u8]>, args: MountArgs) -> KResult<()> {
        let (name, target) = (text(fs_type)?, text(target)?);
        let source = args.source.map(text).transpose()?;
        let data = match (&source, fs_type) {
            (None, "tmpfs") if !args.options.is_empty() => {
                tmpfs(&args.options, (self.geteuid()?, self.getegid()?))?
            }
            _ if !args.options.is_empty() => return Err(not_said()),
            (None, _) => Vec::new(),
            (Some(source), _) => UfsArgs { fspec: crate::memory::Region::read(source).address() }.to_bytes(),
        };
        let request = request(__MOUNT50).read(&name).read(&target).with(args.flags.bits());
        let lent = source.as_deref().map(crate::memory::Region::read);
        self.run(request.read(&data).with(data.len()).lend(lent))
    }

    /// As [`Process::unmount`](rump_kern::Process::unmount).
    pub fn unmount(&self, target: impl AsRef<[u8]>, how: Unmount) -> KResult<()> {
        let (target, flags) = (text(target)?, if how == Unmount::Force { MNT_FORCE } else { 0 });
        self.run(request(UNMOUNT).read(&target).with(flags))
    }

    /// As [`Process::reboot`](rump_kern::Process::reboot): the kernel halts, and its server ends.
    pub fn reboot(&self) -> KResult<()> {
        self.run(request(REBOOT).null().null())
    }
}
