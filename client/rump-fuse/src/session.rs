//! Mounting, serving and unmounting.

use crate::server::Server;
use crate::{Audience, Checks, Options};
use fuser::{Config, MountOption, SessionACL, SessionUnmounter};
use nix::mount::{MntFlags, umount2};
use nix::unistd::syncfs;
use parking_lot::Mutex;
use rump_kern::Process;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// What the host calls the type of the mount, behind `fuse.`.
pub const SUBTYPE: &str = "rump";
/// The programs that unmount for ordinary users.
const HELPERS: [&str; 2] = ["fusermount3", "fusermount"];

/// A directory of a kernel, mounted at one of the host. Dropping it unmounts.
pub struct Session {
    session: fuser::Session<Server>,
    unmounter: Unmounter,
}

impl Session {
    /// Mounts the directory `path` of a kernel at `point`. The calls are made by `process`, which is the superuser's. What is
    /// mounted answers once [`Session::run`] runs.
    ///
    /// # Errors
    /// Those of the walk to `path`, in words; ENOTDIR; those of mounting.
    pub fn mount(process: &Process, path: &[u8], point: &Path, options: &Options) -> io::Result<Self> {
        let root = process.hold(path).map_err(io::Error::other)?;
        if root.file_type() != rump_abi::FileType::Directory {
            return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
        }
        let point = point.canonicalize()?;
        let server = Server::new(process.clone(), root, options.clone());
        let mut session = fuser::Session::new(server, &point, &config(options))?;
        let unmounter = Unmounter { point, mounted: Arc::new(Mutex::new(session.unmount_callable())) };
        Ok(Self { session, unmounter })
    }

    /// What unmounts it, from any thread.
    pub fn unmounter(&self) -> Unmounter {
        self.unmounter.clone()
    }

    /// Serves until it is unmounted.
    ///
    /// # Errors
    /// Those of the connection to the host's kernel.
    pub fn run(self) -> io::Result<()> {
        self.session.run()
    }
}

/// See [`Session::unmounter`].
#[derive(Clone)]
pub struct Unmounter {
    point: PathBuf,
    mounted: Arc<Mutex<SessionUnmounter>>,
}

impl Unmounter {
    /// Unmounts. What the host's kernel still had to write comes first. If files are in use, the mount goes out of sight, and
    /// [`Session::run`] goes on until the last of them is closed; whoever cannot wait for that may end before, and they
    /// answer errors.
    ///
    /// # Errors
    /// Those of unmounting: it is still there.
    pub fn unmount(&self) -> io::Result<()> {
        if let Ok(root) = File::open(&self.point) {
            // What could not be written is told again by the kernel that serves.
            let _ = syncfs(&root);
        }
        let unmounted = self.mounted.lock().unmount();
        match unmounted {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                Ok(umount2(&self.point, MntFlags::MNT_DETACH)?)
            }
            unmounted => unmounted,
        }
    }
}

/// Has everything written out that was written to what is mounted at `point`, of whatever session. One that does not answer, or
/// not to this user, is left alone.
///
/// # Errors
/// EIO, ENOSPC: what was written is not in the image.
pub fn write_out(point: &Path) -> io::Result<()> {
    let Ok(root) = File::open(point) else { return Ok(()) };
    // What the host's kernel still has comes first.
    let told = syncfs(&root);
    root.sync_all()?;
    Ok(told?)
}

/// Unmounts what is mounted at `point`, of whatever session; an ordinary user by the program that may.
///
/// # Errors
/// Those of umount(2): EBUSY (in use), EINVAL (nothing is mounted); for ordinary users, what the program says.
pub fn unmount(point: &Path) -> io::Result<()> {
    match umount2(point, MntFlags::empty()) {
        Err(nix::errno::Errno::EPERM) => {}
        unmounted => return Ok(unmounted?),
    }
    for helper in HELPERS {
        let output = match Command::new(helper).args(["-u", "--"]).arg(point).output() {
            // A folder of the search path that is closed hides that there is no such program.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                continue;
            }
            output => output?,
        };
        let text = String::from_utf8_lossy(&output.stderr);
        return if output.status.success() { Ok(()) } else { Err(io::Error::other(text.trim().to_owned())) };
    }
    Err(io::Error::other("neither root nor fusermount3 to do it"))
}

fn config(options: &Options) -> Config {
    let mut all = vec![
        // A comma would end it where the options are one text.
        MountOption::FSName(options.source.replace(',', "?")),
        MountOption::CUSTOM(format!("subtype={SUBTYPE}")),
        MountOption::NoAtime,
        if options.read_only { MountOption::RO } else { MountOption::RW },
    ];
    if options.checks == Checks::Host {
        all.push(MountOption::DefaultPermissions);
    }
    all.push(if options.devices { MountOption::Dev } else { MountOption::NoDev });
    all.push(if options.set_id { MountOption::Suid } else { MountOption::NoSuid });
    if options.no_exec {
        all.push(MountOption::NoExec);
    }
    let mut config = Config::default();
    config.mount_options = all;
    config.acl = match options.audience {
        Audience::Owner => SessionACL::Owner,
        Audience::All => SessionACL::All,
    };
    config.n_threads = Some(options.threads.max(1));
    // Each thread asks the kernel by a descriptor of its own.
    config.clone_fd = true;
    config
}
