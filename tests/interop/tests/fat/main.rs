//! FAT against dosfstools and mtools: what they make is read here, what is written here they read, and fsck.fat has
//! nothing to complain of.
#![forbid(unsafe_code)]

mod damaged;
mod described;
mod linux;
mod named;
mod space;
mod trees;
mod volume;

use interop::Check;
use interop::suite::Suite;
use volume::{SHAPES, Shape};

type Test<Run> = (&'static str, Run);
type OnShape = fn(&Shape) -> Check;
type Alone = fn() -> Check;

/// Each is run on every shape of a volume that mtools knows.
const WITH_MTOOLS: &[Test<OnShape>] = &[
    ("what_mtools_wrote_is_read", trees::read_from_mtools),
    ("mtools_reads_what_was_written", trees::written_for_mtools),
    ("a_fragmented_file_is_read_and_grows", space::fragmented),
    ("a_volume_is_described_as_minfo_does", described::geometry),
];

/// Each is run on every shape of a volume.
const ON_EACH_SHAPE: &[Test<OnShape>] = &[
    ("what_was_written_is_read", trees::written_and_read),
    ("a_full_volume_refuses_and_stays_sound", space::full),
    ("directories_grow", space::directories),
    ("the_marks_of_a_volume_in_use", described::marks),
];

const ON_ONE: &[Test<Alone>] = &[
    ("the_command_copies_there_and_back", trees::copied),
    ("attributes_are_those_of_mattrib", named::attributes),
    ("times_are_those_of_mtools", named::times),
    ("short_names_are_found_by_mtools", named::aliases),
    ("every_table_is_written", described::tables),
    ("labels_and_serial_numbers", described::labels),
    ("other_formats_are_not_taken_for_fat", described::others),
    ("a_floppy_without_the_mark_at_its_end_is_known", described::floppies),
    ("a_file_of_four_gigabytes_less_one_byte_is_the_longest", space::longest),
    ("two_thousand_damaged_volumes_are_answered", damaged::flipped_bits),
    ("loops_and_strays_are_answered", damaged::chains),
];

const WITH_LINUX: &[Test<Alone>] = &[
    ("linux_and_we_write_by_turns", linux::by_turns),
    ("linux_shows_the_same_with_the_same_options", linux::options),
];

fn main() {
    let lacking =
        interop::program::lacks(&["mkfs.fat", "fsck.fat", "mcopy", "mdir", "mattrib", "minfo", "mtype"]);
    let mut suite = Suite::default();
    let with_mtools = WITH_MTOOLS
        .iter()
        .flat_map(|test| SHAPES.iter().filter(|shape| !shape.is_small).map(move |shape| (test, shape)));
    let on_each = ON_EACH_SHAPE.iter().flat_map(|test| SHAPES.iter().map(move |shape| (test, shape)));
    for ((name, run), shape) in with_mtools.chain(on_each) {
        suite.add(format!("{name}-{}", shape.name), lacking, move || run(shape));
    }
    for (name, run) in ON_ONE {
        suite.add(*name, lacking, run);
    }
    for (name, run) in WITH_LINUX {
        suite.add(*name, lacking.or_else(interop::uml::lacking), run);
    }
    suite.run();
}
