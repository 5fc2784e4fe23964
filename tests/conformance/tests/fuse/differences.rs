//! What is otherwise over FUSE by the nature of the host's kernel.

use conformance::differences::{Difference, How};
use rumpkit::Errno;
use rumpkit::Errno::*;

/// All of it.
pub const DIFFERENCES: &[Difference] = &[
    answers(
        "writing_beyond_the_largest_offset_fails",
        (EFBIG, Some(EINVAL), 1),
        "the kernel refuses a range that ends beyond all offsets before it asks",
    ),
    answers(
        "wrong_reservations_are_refused",
        (EFBIG, Some(EINVAL), 1),
        "the kernel refuses a negative offset before it asks",
    ),
    answers("unlink_checks_what_it_removes", (EPERM, Some(EISDIR), 1), "the number of Linux for a directory"),
    answers(
        "the_access_mode_binds",
        (EINVAL, None, 1),
        "to Linux, both access modes at once are one of its own, for ioctl(2)",
    ),
    answers("dots_are_not_renamed", (EINVAL, Some(EBUSY), 4), "the number of Linux for dots"),
    answers("names_are_checked", (EINVAL, Some(ERANGE), 1), "the number of Linux for an empty name"),
    answers(
        "mknod_makes_regular_files_and_no_directories",
        (EINVAL, Some(EPERM), 1),
        "the number of Linux for a directory",
    ),
    skipped("a_removed_directory_shows_nothing", "the kernel lists no directory that was removed: ENOENT"),
    skipped("a_new_file_belongs_to_who_made_it", "the group is that of the process, as everywhere in Linux"),
    skipped("birth_stays", "the crate for the protocol hands on no time of birth"),
    skipped(
        "only_owners_set_lists",
        "the crate for the protocol hands on no word of the kernel that the group id has to go",
    ),
    skipped(
        "case_is_kept_and_does_not_tell_names_apart",
        "the kernel takes both spellings for one file, and does not ask for the rename",
    ),
];

const fn answers(
    behaviour: &'static str,
    (ours, others, times): (Errno, Option<Errno>, usize),
    why: &'static str,
) -> Difference {
    Difference { behaviour, how: How::Answers { ours, others, times }, why }
}

const fn skipped(behaviour: &'static str, why: &'static str) -> Difference {
    Difference { behaviour, how: How::Skipped, why }
}

/// How much that is, for whoever reads what the tests print.
pub fn account() -> String {
    let of = |is_skipped: bool| {
        let chosen = DIFFERENCES.iter().filter(move |it| (it.how == How::Skipped) == is_skipped);
        chosen.map(|it| format!("\n  {}: {}", it.behaviour, it.why)).collect::<Vec<_>>()
    };
    let (answers, skipped) = (of(false), of(true));
    format!(
        "over FUSE {} behaviours are skipped:{}\nand {} have an answer that is the host's own:{}",
        skipped.len(),
        skipped.concat(),
        answers.len(),
        answers.concat()
    )
}
