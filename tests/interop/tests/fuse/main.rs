//! `rump mount` against the host's kernel: the same image shows the same behind both, what is written through FUSE its
//! checkers and the kernel accept, programs work in it, and its end, whatever that is, loses nothing that was promised.
#![forbid(unsafe_code)]

mod ends;
mod files;
mod load;
mod mounted;
mod trees;

use interop::Check;
use interop::program::lacks;
use interop::suite::{Suite, lacks_kernel};
use std::path::Path;

/// A test, with the programs that it needs besides those of all.
type Test = (&'static str, &'static [&'static str], fn() -> Check);

const TESTS: &[Test] = &[
    ("ext4_is_as_the_kernel_shows_it", &[], trees::ext4),
    ("vfat_is_as_the_kernel_shows_it", &["mkfs.fat"], trees::vfat),
    ("iso9660_is_as_the_kernel_shows_it", &["genisoimage"], trees::iso9660),
    ("a_kernel_without_an_image_is_mounted", &["rsync"], trees::tmpfs),
    ("exfat_keeps_a_tree", &["mkfs.exfat", "fsck.exfat", "cp"], trees::exfat),
    ("rsync_goes_in_and_out_of_ext4", &["rsync", "e2fsck"], trees::rsync),
    ("git_works_in_it", &["git", "e2fsck"], trees::git),
    ("a_data_base_works_in_it", &["python3", "e2fsck"], trees::data_base),
    ("a_directory_of_thousands_is_listed_while_it_changes", &["e2fsck"], trees::large_directory),
    ("files_are_what_is_open_not_what_is_named", &["e2fsck"], files::nameless),
    ("calls_answer_as_the_kernels_do", &[], files::calls),
    ("content_is_what_was_written_last", &["e2fsck"], files::model),
    ("content_is_what_was_written_last_behind_a_cache", &["e2fsck"], files::model_behind_cache),
    ("threads_leave_a_sound_tree", &["e2fsck"], load::threads),
    ("threads_leave_a_sound_tree_behind_a_cache", &["e2fsck"], load::threads_behind_cache),
    ("fio_reads_what_it_wrote", &["fio", "e2fsck"], load::fio),
    ("permissions_and_lists_are_checked", &["setpriv", "setfacl", "getfacl"], files::permissions),
    ("an_ordinary_user_mounts", &["setpriv", "unshare", "fusermount"], files::ordinary_user),
    ("mounting_tells_as_json_what_was_mounted", &[], ends::told),
    ("a_signal_unmounts_and_the_image_is_clean", &["e2fsck"], ends::signals),
    ("a_signal_unmounts_a_packed_image_whose_index_it_made", &["gzip"], ends::signal_of_packed),
    ("a_server_that_is_killed_loses_nothing_synced", &["e2fsck"], ends::killed),
    ("a_mount_in_use_ends_with_its_server", &["e2fsck"], ends::busy),
    ("what_cannot_be_written_out_is_told_by_umount", &["e2fsck"], ends::full),
    ("what_cannot_be_is_said_with_its_status", &[], ends::refusals),
];

fn main() {
    let has_fuse = Path::new("/dev/fuse").exists();
    let lacking = lacks_kernel().or_else(|| (!has_fuse).then_some("/dev/fuse"));
    let mut suite = Suite::default();
    for (name, programs, run) in TESTS {
        suite.add(*name, lacking.or_else(|| lacks(programs)), run);
    }
    suite.run();
}
