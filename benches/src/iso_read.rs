//! Reading images of ISO 9660: each figure beside a peer in the same run, the median of five. See README.md.
#![forbid(unsafe_code)]

use rump_benches::Outcome;
use rump_benches::image::{Bench, LARGE};
use rump_benches::program::{is_installed, rump, timed};
use rump_benches::reading;
use rump_benches::table::{Format, Table, Target};
use std::process::Command;

fn main() -> Outcome {
    let mut format = Format::Text;
    for word in std::env::args().skip(1) {
        match word.as_str() {
            "--json" => format = Format::Json,
            _ => return Err(format!("{word}: unknown; there is --json").into()),
        }
    }
    let bench = Bench::prepare_iso()?;
    let image = &bench.image;
    let mut table = Table::new(format);
    table.beside(
        "1 GiB sequential",
        Target::Speed(0.9),
        || reading::sequential(image),
        ("pread", || reading::plain_sequential(image, LARGE)),
    )?;
    let title = "ls -lR of 100,000 files";
    let ours = || rump(image, &["ls", "-lR", ":/"]);
    let xorriso =
        || timed(Command::new("xorriso").arg("-indev").arg(image).args(["-find", "/", "-exec", "lsdl"]));
    table.beside(title, Target::Speed(3.0), ours, ("xorriso lsdl", xorriso))?;
    let peers: [(&'static str, &[&str], Target); 3] = [
        ("7z", &["l", "-ba"], Target::Speed(3.0)),
        ("bsdtar", &["-tvf"], Target::Context),
        ("isoinfo", &["-l", "-R", "-i"], Target::Context),
    ];
    for (program, arguments, target) in peers {
        match is_installed(program) {
            true => table.beside(
                title,
                target,
                ours,
                (program, || timed(Command::new(program).args(arguments).arg(image))),
            )?,
            false => table.skip(program, "not installed"),
        }
    }
    table.finish();
    Ok(())
}
