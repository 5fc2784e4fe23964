//! A file system of a rump kernel, mounted for everybody as `rump mount` does it for root.

use conformance::host::Process as HostProcess;
use conformance::{Mounted, Process};
use interop::image::Scratch;
use nix::mount::{MntFlags, umount2};
use rump_fuse::{Audience, Options, Session, Unmounter};
use std::fmt::Display;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How long the last answers may take once it is unmounted.
const PATIENCE: Duration = Duration::from_secs(60);

/// What serves the calls. When dropped it ends, whatever still hangs in it.
struct Served {
    point: PathBuf,
    unmounter: Unmounter,
    /// Told once it serves no more.
    ended: Receiver<Result<(), String>>,
    is_unmounted: bool,
    _scratch: Scratch,
}

/// Hands on what is mounted in a rump kernel to the host's.
pub fn carry(mounted: Mounted) -> Result<Mounted, String> {
    let Mounted { process, finish } = mounted;
    let Process::Rump(kernels) = &process else { return Err("it is mounted already".into()) };
    let can = kernels.capabilities(".").map_err(text)?;
    let scratch = Scratch::new("conformance-fuse")?;
    let point = scratch.path("m");
    std::fs::create_dir(&point).map_err(text)?;
    let options = Options { audience: Audience::All, threads: 2, ..Options::default() };
    let session = Session::mount(kernels, b".", &point, &options).map_err(text)?;
    let unmounter = session.unmounter();
    let (end, ended) = channel();
    thread::spawn(move || end.send(session.run().map_err(text)));
    let mut served = Served { point, unmounter, ended, is_unmounted: false, _scratch: scratch };
    let hosts = HostProcess::new(&served.point, can).map_err(text)?;
    let finish = move |hosts: Process| {
        hosts.exit();
        served.end()?;
        drop(served);
        finish(process)
    };
    Ok(Mounted { process: Process::Host(hosts), finish: Box::new(finish) })
}

impl Served {
    /// Unmounts, and waits until nothing is served any more.
    fn end(&mut self) -> Result<(), String> {
        self.unmounter.unmount().map_err(text)?;
        self.is_unmounted = true;
        self.ended.recv_timeout(PATIENCE).map_err(text)?
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.is_unmounted {
            // Calls that hang end by that.
            let _ = umount2(&self.point, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
        }
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}
