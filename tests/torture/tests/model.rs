//! `PROPTEST_CASES=N` tries N sequences for each format; a failure prints the shortest that was found.

use interop::Check;
use interop::suite::Suite;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use torture::model::{Model, Operation, apply, compare, operations};
use torture::rig::{DiskRig, FORMATS, Kind, Rig, number};

const MOST_OPERATIONS: usize = 60;

fn try_all(case: impl Fn(&[Operation]) -> Check) -> Check {
    let config =
        Config { cases: number("PROPTEST_CASES", 24) as u32, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let outcome =
        runner.run(&operations(MOST_OPERATIONS), |operations| case(&operations).map_err(TestCaseError::fail));
    outcome.map_err(|failure| failure.to_string())
}

fn main() {
    let mut suite = Suite::default();
    suite.add("tmpfs", None, || {
        try_all(|operations| {
            let rig = Rig::mount(Kind::Tmpfs)?;
            let mut model = Model::default();
            operations.iter().try_for_each(|operation| apply(&mut model, rig.process(), operation))?;
            compare(&model, rig.process())
        })
    });
    for format in FORMATS {
        suite.add(format.name, format.family.lacks(), move || {
            try_all(|operations| {
                let rig = DiskRig::make(format)?;
                let mut model = Model::default();
                operations.iter().try_for_each(|operation| apply(&mut model, rig.process(), operation))?;
                compare(&model, rig.process())?;
                let rig = rig.remount()?;
                compare(&model, rig.process())?;
                rig.finish()
            })
        });
    }
    suite.run()
}
