//! What cannot be is told in words.

use crate::rig::{PATIENCE, binary, hijacked};
use interop::Check;
use interop::program::{lacks, run_within};
use interop::suite::Suite;
use std::process::Command;

/// A name, options of `rump run`, the program, the exit status, and what is told.
type Row = (&'static str, &'static [&'static str], &'static [&'static str], i32, &'static str);

const ROWS: &[Row] = &[
    ("a_program_that_is_not_there", &[], &["/nowhere/at/all"], 1, "/nowhere/at/all: "),
    ("a_program_that_is_static", &[], &["/sbin/ldconfig", "-p"], 1, "it is linked statically"),
    ("a_disk_without_a_place", &["--disk", "/a.img"], &["true"], 2, "it says no mount point"),
    (
        "an_image_that_is_not_there",
        &["--disk", "/no.img:/mnt"],
        &["ls", "/rump"],
        2,
        "rumphijack: /no.img: no ",
    ),
    ("a_list_of_sockets_that_is_none", &["--socket", "all:tcp"], &["ls", "/"], 1, "tcp is none of all, "),
    ("a_network_that_is_none", &["--if", "nothing:x"], &["ls", "/rump"], 2, "nothing:x"),
];

pub fn add(suite: &mut Suite) {
    for (name, options, words, status, text) in ROWS {
        suite.add(format!("refusals::{name}"), None, || check(options, words, *status, text));
    }
    suite.add("refusals::an_empty_policy_takes_nothing", None, empty_policy);
    suite.add("refusals::a_child_has_not_its_parents_kernel", lacks(&["/usr/bin/python3"]), || {
        let finished = run_within(&mut hijacked(&[], &["/usr/bin/python3", "-c", FORK])?, PATIENCE)?;
        let printed = String::from_utf8_lossy(&finished.stdout);
        if printed == "ENXIO\nhost\nwritten\n" {
            Ok(())
        } else {
            Err(format!("{}: {printed}", finished.verdict()))
        }
    });
    suite.add("refusals::the_exit_status_is_the_programs", None, || {
        let finished = run_within(&mut hijacked(&[], &["sh", "-c", "exit 42"])?, PATIENCE)?;
        if finished.status == Some(42) { Ok(()) } else { Err(finished.verdict()) }
    });
}

fn check(options: &[&str], words: &[&str], status: i32, text: &str) -> Check {
    let finished = run_within(&mut hijacked(options, words)?, PATIENCE)?;
    if finished.status == Some(status) && finished.stderr.contains(text) {
        return Ok(());
    }
    Err(format!("wanted {status} and {text:?}: {}", finished.verdict()))
}

/// With the library alone, as in `LD_PRELOAD=librumphijack.so RUMPHIJACK= program`.
fn empty_policy() -> Check {
    let library = binary()?.with_file_name("librumphijack.so");
    let mut command = Command::new("ls");
    command.arg("/rump").env("LD_PRELOAD", library).env("RUMPHIJACK", "");
    let finished = run_within(&mut command, PATIENCE)?;
    match finished.stderr.contains("No such file or directory") {
        true => Ok(()),
        false => Err(finished.verdict()),
    }
}

/// A child, programs of the host that it begins, and the parent's file all the while.
const FORK: &str = "import errno, os, subprocess, sys
file = open('/rump/file', 'w')
child = os.fork()
if child == 0:
    try:
        open('/rump/file')
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(subprocess.run(['echo', 'host'], capture_output=True, text=True).stdout, end='')
file.write('written')
file.close()
print(open('/rump/file').read())
";
