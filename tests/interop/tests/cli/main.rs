//! The command line: what it copies, prints, refuses and keeps apart, judged by the kernel's view of the same
//! image, `cp -a`, `du`, `df`, `sha256sum` and the locks of the host.
#![forbid(unsafe_code)]

mod answers;
mod copied;
mod deep;
mod locked;
mod outcome;
mod parallel;
mod refused;
mod resumed;
mod stage;

use interop::Check;
use interop::suite::{Suite, lacks_kernel};

type Test = (&'static str, fn() -> Check, &'static [&'static str]);

/// Each with the programs it needs besides those for loop mounts.
const TESTS: &[Test] = &[
    ("pipes_and_devices_are_written_into", copied::into_devices, &["mkfifo"]),
    ("copy_by_root_equals_cp_a_from_a_mount", copied::by_root, &["cp"]),
    ("copy_by_a_user_keeps_what_users_may_keep", copied::by_a_user, &["setpriv"]),
    ("links_in_the_target_are_never_followed", copied::into_hostile_target, &[]),
    ("a_source_of_another_type_replaces_no_directory", copied::two_images_one_target, &[]),
    ("sums_of_an_image_hold_for_its_copy", copied::sums_hold, &["sha256sum"]),
    ("an_interrupted_copy_is_completed_by_the_next_run", resumed::after_interrupt, &[]),
    ("a_killed_copy_is_completed_by_the_next_run", resumed::after_kill, &[]),
    ("a_full_target_stops_the_copy_and_more_space_completes_it", resumed::after_full_target, &[]),
    ("a_user_completes_a_copy_with_closed_directories", resumed::with_closed_directories, &["setpriv"]),
    ("several_threads_copy_and_say_what_one_does", parallel::out_of_an_image, &[]),
    ("what_is_read_ahead_arrives_in_its_order", parallel::into_an_image, &["e2fsck"]),
    ("trees_of_5000_levels_are_walked_and_copied", deep::walked_and_copied, &["debugfs", "find", "prlimit"]),
    ("a_writer_is_named_to_a_reader", locked::writer_is_named, &["flock"]),
    ("readers_share_and_keep_a_writer_away", locked::readers_share, &["flock"]),
    ("du_and_df_agree_with_the_host", answers::du_and_df, &["du", "df"]),
    ("json_answers_agree_with_each_other", answers::json, &[]),
    ("changes_tell_what_they_did_as_one_object", outcome::keys, &[]),
    ("an_early_end_is_told_as_an_error", outcome::early_ends, &[]),
    ("diff_tells_each_difference_as_a_record", outcome::differences, &[]),
    ("progress_is_for_terminals", answers::progress, &["script"]),
    ("a_closed_pipe_ends_quietly", answers::closed_pipe, &["bash"]),
    ("names_cannot_command_a_terminal", answers::odd_names, &[]),
    ("what_cannot_be_read_is_named", refused::sources, &["setpriv"]),
    ("what_cannot_be_written_is_named", refused::targets, &[]),
    ("images_cut_short_are_refused_or_reported", refused::truncated, &[]),
    ("an_image_on_a_read_only_file_system_is_read", refused::read_only_home, &[]),
    ("manual_pages_have_no_fault", answers::manual, &["groff"]),
];

fn main() {
    let kernel = lacks_kernel();
    let mut suite = Suite::default();
    for (name, run, programs) in TESTS {
        suite.add(*name, kernel.or_else(|| interop::program::lacks(programs)), *run);
    }
    suite.run();
}
