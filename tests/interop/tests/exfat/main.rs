//! exFAT against exfatprogs and exfat-fuse: what they make is read here, what is written here they read, and fsck.exfat
//! has nothing to complain of.
#![forbid(unsafe_code)]

mod trees;
mod volume;

use interop::Check;
use interop::suite::Suite;
use volume::{SHAPES, Shape};

type Test<Run> = (&'static str, Run);
type OnShape = fn(&Shape) -> Check;
type Alone = fn() -> Check;

/// Each is run on every shape of a volume.
const ON_EACH_SHAPE: &[Test<OnShape>] = &[
    ("what_another_wrote_is_read", trees::read_from_another),
    ("another_reads_what_was_written", trees::written_for_another),
    ("what_was_written_is_read", trees::written_and_read),
];

const ON_ONE: &[Test<Alone>] = &[("the_command_copies_there_and_back", trees::copied)];

fn main() {
    let lacking = volume::lacks_foreign();
    let mut suite = Suite::default();
    let on_each = ON_EACH_SHAPE.iter().flat_map(|test| SHAPES.iter().map(move |shape| (test, shape)));
    for ((name, run), shape) in on_each {
        suite.add(format!("{name}-{}", shape.name), lacking, move || run(shape));
    }
    for (name, run) in ON_ONE {
        suite.add(*name, lacking, run);
    }
    suite.run();
}
