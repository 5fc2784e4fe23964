//! `RUMP_THREAD_SECONDS=60` runs the eight threads so long for each format.

use interop::suite::Suite;
use std::time::Duration;
use torture::rig::{DiskRig, FORMATS, Kind, Rig, number};
use torture::threads;

const THREADS: u64 = 8;

fn main() {
    let duration = Duration::from_secs(number("RUMP_THREAD_SECONDS", 2));
    let seed = number("RUMP_SEED", 1);
    let mut suite = Suite::default();
    suite.add("tmpfs", None, move || {
        let rig = Rig::mount_threaded(Kind::Tmpfs)?;
        let count = threads::run(rig.process(), THREADS, duration, seed)?;
        println!("tmpfs: {count} operations");
        threads::clear(rig.process())?;
        rig.unmount()
    });
    for format in FORMATS {
        suite.add(format.name, format.family.lacks(), move || {
            let rig = DiskRig::make_threaded(format)?;
            let count = threads::run(rig.process(), THREADS, duration, seed)?;
            println!("{}: {count} operations", format.name);
            let rig = rig.remount()?;
            threads::clear(rig.process())?;
            rig.finish()
        });
    }
    suite.run()
}
