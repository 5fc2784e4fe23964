//! `RUMP_FSX_OPERATIONS=1000000` runs as many operations for each format.

use interop::suite::Suite;
use torture::fsx;
use torture::rig::{DiskRig, FORMATS, Kind, Rig, number};

fn main() {
    let operations = number("RUMP_FSX_OPERATIONS", 20_000);
    let seed = number("RUMP_SEED", 1);
    let mut suite = Suite::default();
    suite.add("tmpfs", None, move || {
        let rig = Rig::mount(Kind::Tmpfs)?;
        fsx::run(rig.process(), "file", seed, operations)?;
        rig.unmount()
    });
    for format in FORMATS {
        suite.add(format.name, format.family.lacks(), move || {
            let rig = DiskRig::make(format)?;
            fsx::run(rig.process(), "file", seed, operations)?;
            rig.finish()
        });
    }
    suite.run()
}
