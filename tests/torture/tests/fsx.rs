//! `RUMP_FSX_OPERATIONS=1000000` runs as many operations for each format.

use interop::suite::Suite;
use torture::fsx;
use torture::rig::{ExtRig, FORMATS, Kind, Rig, number};

fn main() {
    let lacking = interop::program::lacks(&["mke2fs", "tune2fs", "e2fsck"]);
    let operations = number("RUMP_FSX_OPERATIONS", 20_000);
    let seed = number("RUMP_SEED", 1);
    let mut suite = Suite::default();
    suite.add("tmpfs", None, move || {
        let rig = Rig::mount(Kind::Tmpfs)?;
        fsx::run(rig.process(), "file", seed, operations)?;
        rig.unmount()
    });
    for format in FORMATS {
        suite.add(format.name, lacking, move || {
            let rig = ExtRig::make(format, format.kibibytes)?;
            fsx::run(rig.process(), "file", seed, operations)?;
            rig.finish()
        });
    }
    suite.run()
}
