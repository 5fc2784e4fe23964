//! Formats by faults: the calls of a workload fail in turn, every second one; `RUMP_FAULT_STRIDE=N` tries
//! every Nth.

use interop::suite::Suite;
use torture::faults::{Fault, Trial};
use torture::rig::{FORMATS, number};

fn main() {
    let stride = number("RUMP_FAULT_STRIDE", 2).max(1);
    let mut suite = Suite::default();
    for format in FORMATS {
        for (name, fault) in [("read", Fault::Read), ("write", Fault::Write), ("writes", Fault::Writes)] {
            suite.add(format!("{}-{name}", format.name), format.family.lacks(), move || {
                let trial = Trial::new(format.family, format.image()?);
                let mut number = 0;
                while trial.fail(fault, number).map_err(|what| format!("{name} {number}: {what}"))? {
                    number += stride;
                }
                println!("{}: {number} of {name} failed in turn", format.name);
                Ok(())
            });
        }
    }
    suite.run()
}
