//! Formats by seeds. `RUMP_CRASH_SEEDS=N` runs N seeds for each format, `RUMP_CRASH_CUTS=N` looks at N instants of each;
//! by default at 320 of each format of ext, and at more than 500 of all formats of FAT, and of exFAT.

use interop::suite::Suite;
use torture::rig::{FORMATS, Family, number};
use torture::{judge, workload};

/// The operations of one workload.
const OPERATIONS: u64 = 400;

fn main() {
    let seeds = number("RUMP_CRASH_SEEDS", 1);
    let mut suite = Suite::default();
    for format in FORMATS {
        let usual = match format.family {
            Family::Ext => 320,
            Family::Fat => 160,
            Family::Exfat => 180,
        };
        let cuts = number("RUMP_CRASH_CUTS", usual) as usize;
        for seed in 1..=seeds {
            suite.add(format!("{}-seed-{seed}", format.name), format.family.lacks(), move || {
                let image = format.image()?;
                let record = workload::run(format.family, image, seed, OPERATIONS)?;
                let account = judge::judge(&record, seed, cuts)?;
                println!("{}, seed {seed}: {account:?}", format.name);
                Ok(())
            });
        }
    }
    suite.run()
}
