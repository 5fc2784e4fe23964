//! What a call through the C interface takes, `rump_init` in a fresh process, and a further kernel: a program in C, built
//! against what `./buildrump.sh` installed. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::table::{Format, Table, Target};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/capi/calls.c");
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../rump");
const LIBRARIES: [&str; 5] =
    ["-lrumpfs_ext2fs", "-lrumpnet_netinet", "-lrumpdev_disk", "-lrump", "-lpthread"];
/// What the program prints, in its order, and what is promised of each, in nanoseconds.
const ROWS: [(&str, u64); 3] =
    [("rump_sys_getpid", 60), ("rump_init in a fresh process", 1_000_000), ("rump_kernel_create", 1_000_000)];

fn main() -> Outcome {
    let is_json = std::env::args().any(|argument| argument == "--json");
    let installed = std::env::var_os("RUMP_INSTALLED").map_or_else(|| INSTALLED.into(), PathBuf::from);
    let program = std::env::temp_dir().join(format!("rump-calls-{}", std::process::id()));
    build(&installed, &program)?;
    let mut table = Table::new(if is_json { Format::Json } else { Format::Text });
    let measured = ROWS.into_iter().enumerate().try_for_each(|(column, (title, most))| {
        table.alone(title, Target::Within(Duration::from_nanos(most)), || run(&program, column))
    });
    std::fs::remove_file(&program)?;
    measured?;
    table.finish();
    Ok(())
}

/// Static, as `cc` links it. Errors: there is no compiler, or nothing was installed.
fn build(installed: &Path, program: &Path) -> Outcome {
    let mut compile = Command::new("cc");
    compile.args(["-static", "-std=c99", "-O2", "-o"]).arg(program).arg(PROGRAM);
    compile.arg("-I").arg(installed.join("include")).arg("-L").arg(installed.join("lib")).args(LIBRARIES);
    let built = compile.status()?.success();
    built
        .then_some(())
        .ok_or_else(|| "calls.c was not built; RUMP_INSTALLED is what ./buildrump.sh -d had".into())
}

fn run(program: &Path, column: usize) -> Outcome<Duration> {
    let output = Command::new(program).output()?;
    let text = String::from_utf8(output.stdout)?;
    let number = text.split_whitespace().nth(column).ok_or("calls.c printed too little")?;
    Ok(Duration::from_nanos(number.parse::<f64>()?.round() as u64))
}
