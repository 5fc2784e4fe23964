//! What the commands that change an image make of it, against the same commands of the host on a loop mount.
//!
//! After every step `e2fsck -fn` has to find nothing, and the kernel's view of both images has to be the same.
#![forbid(unsafe_code)]

mod deep;
mod ended;
mod refused;
mod same;
mod stage;
mod steps;

use interop::Check;
use interop::suite::{Suite, lacks_kernel};

type Test = (&'static str, fn() -> Check, &'static [&'static str]);

/// Each with the programs it needs besides those for loop mounts.
const TESTS: &[Test] = &[
    ("steps_on_ext4", same::ext4, &["e2fsck"]),
    ("steps_on_ext4_of_1k_with_inline_data", same::inline_data, &["e2fsck"]),
    ("steps_on_ext2", same::ext2, &["e2fsck"]),
    ("steps_in_a_partition_leave_all_else_alone", same::partition, &["e2fsck", "sfdisk"]),
    ("steps_at_an_offset_leave_all_else_alone", same::offset, &["e2fsck"]),
    ("steps_by_an_ordinary_user", same::user, &["e2fsck", "setpriv"]),
    ("steps_between_images", same::between, &["e2fsck"]),
    ("whole_trees_equal_cp_a", same::whole, &["e2fsck"]),
    ("random_modes_equal_chmod", same::modes, &["e2fsck"]),
    ("trees_of_2000_levels_are_copied_and_removed", deep::copied_and_removed, &["e2fsck", "find"]),
    ("a_killed_copy_is_repaired_and_completed", ended::by_kill, &["e2fsck"]),
    ("an_interrupted_copy_leaves_a_clean_image", ended::by_interrupt, &["e2fsck"]),
    ("a_terminated_removal_leaves_a_clean_image", ended::by_term, &["e2fsck"]),
    ("a_signal_ends_the_wait_for_input", ended::waiting, &["e2fsck"]),
    ("a_signal_that_was_ignored_stays_so", ended::ignored, &["nohup"]),
    ("a_full_image_stops_the_copy", ended::full, &["e2fsck"]),
    ("nothing_wrong_changes_a_byte", refused::wrong, &[]),
    ("trials_change_no_byte", refused::trials, &[]),
    ("a_second_writer_and_a_reader_are_kept_away", refused::locked, &[]),
    ("what_may_not_be_written_is_named", refused::read_only, &["debugfs", "setpriv"]),
    ("what_an_editor_wrote_is_kept_when_it_cannot_be_written", refused::edited, &["e2fsck"]),
];

fn main() {
    let kernel = lacks_kernel();
    let mut suite = Suite::default();
    for (name, run, programs) in TESTS {
        suite.add(*name, kernel.or_else(|| interop::program::lacks(programs)), *run);
    }
    suite.run();
}
