//! Proves that an installation works: programs in C, built with `$CC` against what was installed, shared and static, and the
//! installed command.
//!
//! No library, no program, no sample or no output is a failure, never a pass. Programs for another machine are built, not run.

mod network;
mod programs;
mod remote;
mod samples;

use crate::Outcome;
use crate::build;
use crate::options::{Options, Profile};
use crate::toolchain::Toolchain;
use programs::{Linkage, Programs};
use samples::{SAMPLES, Sample};

/// What `share/samples` have, and its content.
const HELLO: (&str, &str) = ("hello.txt", "Hello from a rump kernel.\n");

/// Runs every test; prints `Success` or `FAILED n tests!` last.
pub fn prove(options: &Options, toolchain: &Toolchain) -> Outcome<bool> {
    let programs = Programs::new(options, toolchain)?;
    let mut report = Report::default();
    let header = options.destination.join("include/rump/rump.h");
    if !header.exists() {
        let nothing = format!("{} is not there; fullbuild builds and installs", header.display());
        report.count("an installation", "done", Err(nothing));
        return Ok(report.finish());
    }
    if toolchain.cross.is_some() {
        for name in programs::ALL.iter().map(|program| program.name) {
            report.count(
                &format!("{name} is built (it runs on another machine)"),
                "done",
                programs.build(name),
            );
        }
        return Ok(report.finish());
    }
    if build::has_programs(options) {
        prove_kernels(options, &programs, &mut report);
        prove_command(options, &programs, &mut report);
    } else {
        let host = programs.each("host", |run| run.output(&[]).map(drop));
        report.count("bootstrap test on a host of callbacks", "Done", host);
    }
    Ok(report.finish())
}

/// The tests of the original, in its order.
fn prove_kernels(options: &Options, programs: &Programs, report: &mut Report) {
    report.count("bootstrap test", "Done", programs.each("init", |run| run.output(&[]).map(drop)));
    report.count(
        "VFS test",
        "Done",
        programs.each("fstest", |run| {
            let version = run.output(&[])?;
            if version.contains("rump") { Ok(()) } else { Err(format!("/kern/version is {version:?}")) }
        }),
    );
    let images = || SAMPLES.iter().try_for_each(|sample| mount(programs, sample));
    report.count("VFS test with actual file system", "done", images());
    report.count("Remote communication", "done", remote::run(options, programs));
    if programs.options.profile == Profile::Release {
        report.count("A static program with a file system is small", "done", programs.measure("size"));
    }
    // Each has kernels, buses and addresses of its own, and waits for a second.
    let tests: Vec<_> = std::thread::scope(|scope| {
        let spawn = |test: &'static network::Test| (test, scope.spawn(move || network::run(programs, test)));
        let running: Vec<_> = network::TESTS.iter().map(spawn).collect();
        let ended = |thread: std::thread::ScopedJoinHandle<'_, Outcome>| {
            thread.join().unwrap_or_else(|_| Err("the test itself failed".to_string()))
        };
        running.into_iter().map(|(test, thread)| (test.title, ended(thread))).collect()
    });
    for (title, outcome) in tests {
        report.count(title, "done", outcome);
    }
    let dynamic = programs.run("dynamic", Linkage::Shared).and_then(|run| run.output(&[]).map(drop));
    report.count("Dynamic loading of components", "done", dynamic);
}

/// Mounts a sample by system calls, and reads a file whose content is known.
fn mount(programs: &Programs, sample: &Sample) -> Outcome {
    let image = sample.unpack(programs.options, &programs.folder)?;
    let (image, begin) = (image.display().to_string(), sample.begin.to_string());
    let read = programs.each("fstest_img", |run| {
        let text = run.output(&[sample.fs_type, &image, &begin, HELLO.0])?;
        if text == HELLO.1 { Ok(()) } else { Err(format!("{} is {text:?}", HELLO.0)) }
    });
    read.map_err(|error| format!("{}: {error}", sample.name))
}

fn prove_command(options: &Options, programs: &Programs, report: &mut Report) {
    report.count("the installed program starts", "done", samples::starts(options));
    report.count("man pages and completions are there", "done", samples::has_manual(options));
    for sample in SAMPLES {
        let title = format!("rump sum of {}{}", sample.name, sample.place);
        report.count(&title, "done", samples::read(options, &programs.folder, sample));
    }
}

/// What was run, and what of it failed.
#[derive(Default)]
struct Report {
    run: usize,
    failed: usize,
}

impl Report {
    /// Prints how a test went.
    fn count(&mut self, title: &str, done: &str, outcome: Outcome) {
        self.run += 1;
        match outcome {
            Ok(()) => println!("{title} ... {done}"),
            Err(why) => {
                self.failed += 1;
                println!("{title} ... FAILED: {why}");
            }
        }
    }

    /// Prints the last line; answers whether all is well, which it is not if nothing ran.
    fn finish(self) -> bool {
        let is_well = self.failed == 0 && self.run > 0;
        if is_well {
            println!("Success")
        } else {
            println!("FAILED {} tests!", self.failed.max(1))
        }
        is_well
    }
}
