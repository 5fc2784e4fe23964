//! The fsu_* tools against the host's tools of the same names, on a loop mount of the same image.
//!
//! Standard output, with the mount as the root, and the exit status have to be equal; what was changed has to be sound, and
//! the same as what the host made of another copy.
#![forbid(unsafe_code)]

mod beside;
mod changing;
mod copies;
#[allow(dead_code, reason = "the suite of changes uses the rest")]
#[path = "../change/stage.rs"]
mod disk;
mod names;
mod reading;
mod stage;

use interop::Check;
use interop::suite::{Suite, lacks_kernel};

type Test = (&'static str, fn() -> Check, &'static [&'static str]);

/// Each with the programs it needs besides those for loop mounts.
const TESTS: &[Test] = &[
    ("ls_prints_what_ls_prints", reading::ls, &["ls"]),
    ("cat_prints_what_cat_prints", reading::cat, &["cat"]),
    ("du_prints_what_du_prints", reading::du, &["du"]),
    ("df_prints_what_df_prints", reading::df, &["df"]),
    ("stat_tells_what_stat_tells", reading::stat, &["stat"]),
    ("find_prints_what_find_prints", reading::find, &["find"]),
    ("diff_prints_what_diff_prints", reading::diff, &["diff"]),
    ("flags_are_those_that_lsattr_shows", changing::flags, &["lsattr", "e2fsck"]),
    ("what_find_deletes_is_gone", changing::deleted, &["find", "e2fsck"]),
    ("find_knows_regular_expressions", beside::expressions, &["find"]),
    ("df_tells_all_of_a_file_system", beside::space, &["stat"]),
    (
        "copies_moves_commands_and_writing_are_those_of_the_host",
        beside::copies,
        &["e2fsck", "cp", "mv", "sed", "grep"],
    ),
    ("moves_leave_nothing_behind", copies::moved, &["e2fsck"]),
    ("commands_work_on_copies", copies::worked_on, &["e2fsck", "sed", "grep"]),
    ("changes_are_those_of_the_host", changing::whole, &["e2fsck"]),
    (
        "devices_have_the_numbers_that_libarchive_packs",
        changing::packed_numbers,
        &["e2fsck", "bsdtar", "stat"],
    ),
    ("changes_at_an_offset_are_those_of_the_host", changing::at_an_offset, &["e2fsck"]),
    ("copies_come_back_as_they_went", copies::there_and_back, &["e2fsck", "diff"]),
    ("copies_follow_the_links_that_cp_follows", copies::links_followed, &["e2fsck", "diff", "cp"]),
    ("links_that_lead_nowhere_or_in_circles_are_told", copies::links_in_circles, &["e2fsck"]),
    ("what_is_written_replaces_or_follows_what_was_there", copies::written, &["e2fsck"]),
    ("the_environment_names_image_type_and_options", names::environment, &[]),
    ("aliases_name_image_type_and_options", names::aliases, &[]),
    ("partitions_are_named_as_for_rump", names::partitions, &["sfdisk", "e2fsck"]),
    ("mistakes_are_told", names::mistakes, &[]),
];

fn main() {
    let kernel = lacks_kernel();
    let mut suite = Suite::default();
    for (name, run, programs) in TESTS {
        suite.add(*name, kernel.or_else(|| interop::program::lacks(programs)), *run);
    }
    suite.at_last(stage::remove_links);
    suite.run();
}
