//! `rump sh` and `rump tui` at a terminal that tmux makes: what is typed, what is on the screen, and what is in the image
//! afterwards, judged by debugfs, diff, e2fsck and stty.
#![forbid(unsafe_code)]

mod browser;
mod pane;
mod script;
mod shell;

use interop::Check;
use interop::image::{Image, Scratch};
use interop::program::lacks;
use interop::suite::Suite;
use interop::{context, rump};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

type Test = (&'static str, fn() -> Check);

const TESTS: &[Test] = &[
    ("scripts_end_at_the_first_failure", script::statuses),
    ("scripts_come_from_standard_input", script::from_input),
    ("what_is_put_is_got_again", script::round_trip),
    ("patterns_are_names_in_the_image", script::patterns),
    ("an_image_for_reading_is_not_changed", script::reading_only),
    ("a_script_that_waits_is_ended_by_sigterm", script::terminated),
    ("words_are_completed", shell::completed),
    ("lines_are_known_to_the_next_run", shell::remembered),
    ("a_file_is_edited_and_the_image_is_clean", shell::edited),
    ("ctrl_c_ends_a_command_and_not_the_shell", shell::interrupted),
    ("ctrl_c_in_a_copy_of_a_tree_says_how_far_it_came", shell::copy_interrupted),
    ("what_is_typed_ahead_is_run_afterwards", shell::typed_ahead),
    ("sigterm_ends_a_shell_and_the_image_is_clean", shell::terminated),
    ("a_browser_needs_a_terminal", browser::without_terminal),
    ("an_image_is_browsed_and_its_files_are_shown", browser::browsed),
    ("texts_are_found_in_files", browser::searched),
    ("texts_are_found_in_the_file_that_is_shown", browser::searched_in_file),
    ("what_is_marked_is_extracted", browser::extracted),
    ("file_systems_are_chosen", browser::chosen),
    ("the_terminal_is_given_back", browser::given_back),
    ("no_browser_stays_without_a_terminal", browser::left_alone),
];

fn main() {
    let lacking = lacks(&["tmux", "stty", "mke2fs", "e2fsck", "debugfs", "diff", "sfdisk", "sh"]);
    let mut suite = Suite::default();
    for (name, run) in TESTS {
        suite.add(*name, lacking, *run);
    }
    suite.run();
}

/// Files for an image.
fn tree(scratch: &Scratch) -> Check<std::path::PathBuf> {
    let root = scratch.path("tree");
    let write = |name: &str, content: &[u8]| -> Check {
        let path = root.join(name);
        context(fs::create_dir_all(path.parent().unwrap_or(&root)), name)?;
        context(fs::write(path, content), name)
    };
    write("etc/fstab", b"/dev/vda1 / ext4 defaults 0 1\n")?;
    write("etc/hostname", b"needle\n")?;
    write("etc/a name", b"with a space\n")?;
    write("etc/a.conf", b"a\n")?;
    write("etc/b.conf", b"b\n")?;
    write("etc/\x1b[2J", b"hostile\n")?;
    write("notes.txt", "line of notes\x1b]0;title\x07\n".repeat(500).as_bytes())?;
    write("bin/bytes", &(0..=255).cycle().take(100_000).collect::<Vec<u8>>())?;
    let mut far = vec![b'.'; 4_000_000];
    for (at, text) in [
        (0, &b"begin sought\n"[..]),
        (2_999_995, b"\nthe sought of the middle\n"),
        (3_500_000, b"\xff\xfe\0"),
    ] {
        far[at..at + text.len()].copy_from_slice(text);
    }
    write("bin/far", &far)?;
    context(symlink("etc/fstab", root.join("link")), "link")?;
    Ok(root)
}

/// An image of these files.
fn image(name: &str, scratch: &Scratch) -> Check<Image> {
    Image::make(name, 32, &["-t", "ext4"], Some(&tree(scratch)?))
}

/// What the judge says of an image that was written.
fn is_clean(image: &Path) -> Check {
    interop::program::run_ok("e2fsck", &["-f".as_ref(), "-n".as_ref(), image]).map(drop)
}

/// What debugfs reads at `path`.
fn content(image: &Path, path: &str) -> Check<String> {
    interop::program::run_ok("debugfs", &["-R".as_ref(), format!("cat {path}").as_ref(), image.as_os_str()])
}

/// The command under test, as a word of sh(1).
fn command() -> Check<String> {
    Ok(format!("'{}'", rump::binary()?.display()))
}
