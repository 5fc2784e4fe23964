//! The matrix of all file systems that can be written.
#![forbid(unsafe_code)]

mod folding;

use conformance::{Mounted, Row, trials};
use libtest_mimic::Arguments;
use rump_host_sim::SimHost;
use rumpkit::{Kernel, Mode, MountArgs, Process, Unmount};
use std::time::Duration;

const ROWS: &[Row] = &[
    Row { name: "tmpfs", make: || in_memory("tmpfs") },
    Row { name: "tmpfs-folding", make: || in_memory(folding::NAME) },
];

fn main() {
    match trials(ROWS) {
        Ok(trials) => libtest_mimic::run(&Arguments::from_args(), trials).exit(),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

/// A file system that needs no device.
fn in_memory(fs_type: &str) -> Result<Mounted, String> {
    let host = SimHost::new(1);
    host.set_tick(Duration::from_secs(1));
    let mut builder = Kernel::builder(host).component(folding::component());
    for component in rumpkit::components() {
        builder = builder.component(component);
    }
    let kernel = builder.boot().map_err(|error| error.to_string())?;
    let process = kernel.process();
    let mounted = process
        .mkdir("/mnt", Mode::new(0o755))
        .and_then(|()| process.mount(fs_type, "/mnt", MountArgs::default()))
        .and_then(|()| process.chmod("/mnt", Mode::new(0o755)))
        .and_then(|()| process.chdir("/mnt"));
    mounted.map_err(|error| error.to_string())?;
    let finish = move |process: Process| unmount(&kernel, process);
    Ok(Mounted { process, finish: Box::new(finish) })
}

/// Unmounts without force: nothing may be in use once the process ended.
fn unmount(kernel: &Kernel, process: Process) -> Result<(), String> {
    process.exit();
    kernel.process().unmount("/mnt", Unmount::Normal).map_err(|error| format!("unmount: {error}"))
}
