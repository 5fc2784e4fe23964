//! exFAT against exfatprogs and exfat-fuse: what they make is read here, what is written here they read, and fsck.exfat
//! has nothing to complain of.
#![forbid(unsafe_code)]

mod damaged;
mod described;
mod layout;
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

/// Each is run on every shape of a volume.
const ON_EACH_SHAPE: &[Test<OnShape>] = &[
    ("what_another_wrote_is_read", trees::read_from_another),
    ("another_reads_what_was_written", trees::written_for_another),
    ("what_was_written_is_read", trees::written_and_read),
    ("a_fragmented_file_is_read_and_grows", space::fragmented),
    ("a_full_volume_refuses_and_stays_sound", space::full),
    ("directories_grow", space::directories),
    ("a_volume_is_described_as_dump_exfat_does", described::figures),
];

const ON_ONE: &[Test<Alone>] = &[
    ("the_command_copies_there_and_back", trees::copied),
    ("attributes_are_stored", named::attributes),
    ("times_are_those_of_exfat_fuse", named::times),
    ("case_folds_by_the_table_of_the_volume", named::cases),
    ("sets_of_others_are_renamed", named::renames),
    ("the_marks_of_a_volume_in_use", described::marks),
    ("labels_and_serial_numbers", described::labels),
    ("a_damaged_boot_region_is_read_by_its_copy", described::backup),
    ("the_table_in_use_of_two_is_read", described::two_tables),
    ("other_formats_are_not_taken_for_exfat", described::others),
    ("what_was_there_before_is_never_shown", space::valid_length),
    ("consecutive_clusters_need_no_table", space::without_table),
    ("what_others_added_goes_with_the_file", space::additions),
    ("directories_with_unknown_entries_stay_as_they_are", space::unknown_entries),
    ("files_of_more_than_four_gigabytes", space::longest),
    ("two_thousand_damaged_volumes_are_answered", damaged::flipped_bits),
    ("broken_rules_are_answered", damaged::rules),
    ("what_a_mount_needs_is_checked", damaged::tables),
];

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
