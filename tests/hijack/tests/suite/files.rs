//! Programs on files.

use crate::rig::{Carrier, ROOT, Twins, compiled, equal, sorted};
use interop::Check;
use interop::program::{Finished, lacks, run_ok};
use interop::suite::Suite;
use std::path::Path;

/// How what is printed is compared.
#[derive(Clone, Copy)]
pub enum Print {
    /// As it is.
    Same,
    /// In whatever order.
    Sorted,
    /// Without the lines that say how much room directories take, and without their sizes.
    Listing,
}

/// A program. `{}` stands for the tree, `{out}` for a file of the host.
pub struct Row {
    pub name: &'static str,
    pub words: &'static [&'static str],
    pub print: Print,
}

pub const fn row(name: &'static str, words: &'static [&'static str], print: Print) -> Row {
    Row { name, words, print }
}

use Print::{Listing, Same, Sorted};

const ROWS: &[Row] = &[
    row("ls", &["ls", "{}"], Same),
    row("ls_of_everything", &["ls", "-laR", "--time-style=+%s", "{}"], Listing),
    row("ls_of_nothing", &["ls", "{}/nowhere"], Same),
    row("cat", &["cat", "{}/etc/passwd", "{}/home/anna/notes.txt", "{}/etc/fstab.link"], Same),
    row("cat_of_a_directory", &["cat", "{}/etc"], Same),
    row(
        "stat",
        &["stat", "-c", "%n %s %f %h %u %g %Y", "{}/etc/fstab", "{}/etc/broken", "{}/etc/passwd"],
        Same,
    ),
    row("stat_follows", &["stat", "-L", "-c", "%n %s %f", "{}/etc/fstab.link", "{}/etc/broken"], Same),
    row("wc", &["wc", "{}/home/anna/notes.txt", "{}/home/anna/data.bin"], Same),
    row("sha256sum", &["sha256sum", "{}/home/anna/data.bin", "{}/etc/fstab"], Same),
    row("head_and_tail", &["tail", "-n", "3", "{}/home/anna/notes.txt", "{}/etc/passwd"], Same),
    row("sort", &["sort", "-u", "{}/home/anna/notes.txt"], Same),
    row("cmp", &["cmp", "{}/etc/fstab", "{}/etc/passwd"], Same),
    row("diff_of_trees", &["diff", "-r", "--no-dereference", "{}/etc", "{}/home"], Same),
    row("du", &["du", "-ab", "--exclude=[a-z]", "{}/home/anna/notes.txt", "{}/etc/passwd"], Same),
    row("readlink", &["readlink", "-f", "{}/etc/anna/notes.txt"], Same),
    row("realpath", &["realpath", "{}/etc/../etc/anna/./notes.txt"], Same),
    row("find", &["find", "{}", "-printf", "%p %y %m %n %l %T@\n"], Sorted),
    row("find_by_size", &["find", "{}", "-type", "f", "-size", "+100k", "-newermt", "2001-01-01"], Sorted),
    row("find_deletes", &["find", "{}/home", "-name", "item*", "-delete"], Same),
    row("grep", &["grep", "-r", "anna", "{}/etc/passwd", "{}/etc/fstab"], Same),
    row("grep_of_a_tree", &["grep", "-rc", "item 1", "{}/home/anna/.config"], Sorted),
    row("sed_in_place", &["sed", "-i", "s/anna/berta/", "{}/etc/passwd"], Same),
    row("awk", &["awk", "-F:", "{ print $1 > \"{}/names\" } END { print NR }", "{}/etc/passwd"], Same),
    row("tar_creates", &["tar", "--sort=name", "-C", "{}", "-cf", "{out}", "."], Same),
    row("tar_lists", &["tar", "-C", "{}", "-cvf", "{}/../all.tar", "etc"], Sorted),
    row("cp_a", &["cp", "-a", "{}/home", "{}/copy"], Same),
    row("cp_into_the_kernel", &["cp", "-r", "/usr/share/doc/bash", "{}/copy"], Same),
    row("cp_out_of_the_kernel", &["cp", "-r", "{}/etc", "{out}"], Same),
    row("cp_of_a_hole", &["cp", "--sparse=always", "{}/home/anna/data.bin", "{}/copy"], Same),
    row("mv", &["mv", "-v", "{}/etc/passwd", "{}/home/moved"], Same),
    row("mv_over", &["mv", "{}/etc/passwd", "{}/etc/fstab"], Same),
    row("mv_of_a_tree", &["mv", "{}/deep/a", "{}/shallow"], Same),
    row("mv_out_of_the_kernel", &["mv", "{}/home/anna/notes.txt", "{out}"], Same),
    row("ln", &["ln", "{}/etc/passwd", "{}/hard"], Same),
    row("ln_s", &["ln", "-s", "etc/passwd", "{}/soft"], Same),
    row("ln_over_the_kernels", &["ln", "/etc/hostname", "{}/hard"], Same),
    row("mkdir_p", &["mkdir", "-p", "-m", "750", "{}/new/and/newer"], Same),
    row("rmdir", &["rmdir", "{}/empty", "{}/etc"], Same),
    row("rm_rf", &["rm", "-rf", "{}/home", "{}/deep"], Same),
    row("touch", &["touch", "-d", "@1600000000", "{}/etc/passwd", "{}/fresh"], Same),
    row("chmod", &["chmod", "-R", "go-rwx", "{}/home"], Same),
    row("truncate", &["truncate", "-s", "12345", "{}/etc/passwd"], Same),
    row(
        "dd",
        &[
            "dd",
            "if={}/home/anna/data.bin",
            "of={}/part",
            "bs=1000",
            "count=7",
            "skip=3",
            "conv=fsync",
            "status=none",
        ],
        Same,
    ),
    row("install", &["install", "-D", "-m", "600", "{}/etc/fstab", "{}/usr/lib/fstab"], Same),
    row("mktemp", &["mktemp", "-u", "-p", "{}", "fixed"], Same),
    row("tee", &["tee", "{}/teed"], Same),
    row("split", &["split", "-b", "100000", "{}/home/anna/data.bin", "{}/part."], Same),
    row("xz", &["xz", "-k", "{}/home/anna/data.bin"], Same),
    row("bzip2", &["bzip2", "{}/home/anna/notes.txt"], Same),
    row("od", &["od", "-c", "{}/etc/fstab"], Same),
    row("tac", &["tac", "{}/etc/passwd"], Same),
    row("chown", &["chown", "-R", "1000:1001", "{}/etc"], Same),
    row("fallocate", &["fallocate", "-l", "100000", "{}/etc/room"], Same),
    row("gzip", &["gzip", "-kn", "{}/home/anna/data.bin"], Same),
    row("rsync", &["rsync", "-a", "{}/home/", "{out}"], Same),
    row(
        "dash_builtins",
        &["dash", "-c", "cd {}/etc && read line < passwd && echo $line > ../line && pwd && echo *"],
        Same,
    ),
    row(
        "dash_redirects",
        &[
            "dash",
            "-c",
            "exec 3>{}/three; echo one >&3; echo two >&3; exec 3>&-; while read a b; do echo $b $a; done < {}/etc/fstab",
        ],
        Same,
    ),
    row(
        "bash_builtins",
        &[
            "bash",
            "-c",
            "cd {}/home/anna; printf '%s\\n' * > ../list; mapfile -t all < ../list; echo ${#all[@]}; [[ -f notes.txt && -L ../../etc/anna ]] && pwd",
        ],
        Same,
    ),
    row(
        "bash_restores_output",
        &["bash", "-c", "echo a > {}/a; echo b; { echo c; echo d >&2; } > {}/c 2> {}/d; echo e"],
        Same,
    ),
    row(
        "dash_runs_programs_one_after_the_other",
        &[
            "dash",
            "-c",
            "cp {}/etc/passwd {}/p; sort {}/p | head -n 1; mv {}/p {}/q; ls {}/etc | wc -l; grep -c fox {}/home/anna/notes.txt",
        ],
        Same,
    ),
    row(
        "python_walks",
        &[
            "/usr/bin/python3",
            "-c",
            "import os\nfor at, folders, files in sorted(os.walk('{}')): print(at, sorted(folders), sorted(files))",
        ],
        Same,
    ),
    row(
        "python_writes",
        &[
            "/usr/bin/python3",
            "-c",
            "import os, shutil, tempfile\nos.chdir('{}')\nopen('x', 'w').write('text\\n' * 10000)\nwith open('x', 'r+b') as f: f.seek(5); f.write(b'TEXT'); f.truncate(100)\nshutil.copytree('home', 'copy', symlinks=True)\nos.replace('x', 'y')\nd = tempfile.mkdtemp(dir='.'); os.rmdir(d)\nprint(os.getcwd(), os.path.realpath('etc/anna'), os.stat('y').st_size)",
        ],
        Same,
    ),
    row(
        "python_sqlite",
        &[
            "/usr/bin/python3",
            "-c",
            "import sqlite3\nc = sqlite3.connect('{}/db')\nc.execute('create table t (a, b)')\nc.executemany('insert into t values (?, ?)', [(n, str(n)) for n in range(2000)])\nc.commit()\nprint(c.execute('select sum(a), count(*) from t').fetchall())\nprint(c.execute('pragma integrity_check').fetchall())",
        ],
        Same,
    ),
];

pub const JUDGES: &[&str] = &["mke2fs", "e2fsck", "debugfs", "diff", "find"];

pub fn add(suite: &mut Suite) {
    for (carrier, folder) in [(Carrier::Local, "files"), (Carrier::Remote, "remote_files")] {
        for row in ROWS {
            let needed = lacks(JUDGES).or_else(|| lacks(&row.words[..1]));
            suite.add(format!("{folder}::{}", row.name), needed, move || check(row, carrier));
        }
        let needed = lacks(JUDGES).or_else(|| lacks(&["tar"]));
        suite.add(format!("{folder}::git"), needed.or_else(|| lacks(&["git"])), move || git(carrier));
        let gcc = lacks(JUDGES).or_else(|| lacks(&["gcc"]));
        suite.add(format!("{folder}::walks_of_libc"), gcc, move || {
            c_program("walks", include_str!("programs/walks.c"), carrier)
        });
        suite.add(format!("{folder}::copies_and_statx"), gcc, move || {
            c_program("copies", include_str!("programs/copies.c"), carrier)
        });
        suite.add(format!("{folder}::tar_goes_out_and_in"), needed, move || tar_goes_out_and_in(carrier));
        let name = format!("{folder}::what_was_written_is_there_for_the_next");
        suite.add(name, needed, move || next_program(carrier));
    }
}

pub fn check(row: &Row, carrier: Carrier) -> Check {
    let twins = Twins::make(row.name, carrier)?;
    let (host, rump) = (twins.at_host(row.words)?, twins.at_rump(row.words)?);
    same(row.print, &twins, &host, &rump)?;
    let out = ["host", "rump"].map(|name| twins.path(name));
    if Path::new(&out[0]).exists() && row.name != "tar_creates" {
        run_ok("diff", &["-r", "--no-dereference", &out[0], &out[1]])?;
    }
    twins.compare()
}

pub fn same(print: Print, twins: &Twins, host: &Finished, rump: &Finished) -> Check {
    let text = |finished: &Finished, root: &str, out: &str| {
        let text = String::from_utf8_lossy(&finished.stdout).replace(root, "TREE");
        let complaint = finished.stderr.replace(root, "TREE");
        let text = text.replace(out, "OUT");
        let text = match print {
            Same => text,
            Sorted => sorted(text),
            Listing => listing(&text),
        };
        (text, complaint.replace(out, "OUT"))
    };
    let (host_text, host_complaint) = text(host, &twins.tree(), &twins.path("host"));
    let (rump_text, rump_complaint) = text(rump, ROOT, &twins.path("rump"));
    if host.status != rump.status {
        return Err(format!("the host ended with {}, we with {}", host.verdict(), rump.verdict()));
    }
    equal("standard output", &host_text, &rump_text)?;
    equal("standard error", &host_complaint, &rump_complaint)
}

/// A long listing without what directories take.
fn listing(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("total "));
    let cut = lines.map(|line| {
        let mut words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        if line.starts_with('d') && words.len() > 6 {
            words.remove(4);
            // Nor how many are in what is above the tree.
            words.remove(1);
        }
        words.join(" ")
    });
    cut.filter(|line| !line.ends_with(" ..")).collect::<Vec<_>>().join("\n")
}

/// An archive of the tree, unpacked by the same program.
fn tar_goes_out_and_in(carrier: Carrier) -> Check {
    let twins = Twins::make("tar", carrier)?;
    for words in [
        &["tar", "-C", "{}", "-cf", "{out}", "etc", "home", "deep"][..],
        &["mkdir", "{}/again"],
        &["tar", "-C", "{}/again", "-xf", "{out}"],
    ] {
        let (host, rump) = (twins.at_host(words)?, twins.at_rump(words)?);
        same(Same, &twins, &host, &rump)?;
    }
    twins.compare()
}

/// A program that is told the tree, and a folder of the host that it may make.
fn c_program(name: &str, text: &str, carrier: Carrier) -> Check {
    let twins = Twins::make(name, carrier)?;
    let program = compiled(Path::new(&twins.path(name)), text)?;
    let words = [program.as_str(), "{}", "{out}"];
    let (host, rump) = (twins.at_host(&words)?, twins.at_rump(&words)?);
    same(Same, &twins, &host, &rump)?;
    twins.compare()
}

/// A repository that the host made, which changed since.
fn git(carrier: Carrier) -> Check {
    let twins = Twins::make_with("git", carrier, |tree| {
        let git = |words: &[&str]| {
            let all = ["-C", tree, "-c", "user.name=x", "-c", "user.email=x@example.org"];
            run_ok("git", &[&all[..], words].concat()).map(drop)
        };
        git(&["init", "-q"])?;
        git(&["add", "."])?;
        git(&["commit", "-q", "-m", "all"])?;
        run_ok(
            "sh",
            &["-c", &format!("cd {tree} && rm etc/fstab && echo more >> etc/passwd && echo new > new")],
        )
        .map(drop)
    })?;
    for words in [
        &["git", "--no-optional-locks", "-C", "{}", "status", "--short"][..],
        &["git", "-C", "{}", "log", "--stat", "--format=%s"],
        &["git", "-C", "{}", "rev-list", "--objects", "--all"],
        &["git", "-C", "{}", "ls-files", "-s", "etc"],
        &["git", "-C", "{}", "grep", "-c", "fox", "HEAD"],
    ] {
        let (host, rump) = (twins.at_host(words)?, twins.at_rump(words)?);
        same(Same, &twins, &host, &rump)?;
    }
    twins.compare()
}

/// The image holds what the program before wrote, whether it had a kernel of its own or not.
fn next_program(carrier: Carrier) -> Check {
    let twins = Twins::make("next", carrier)?;
    for words in [
        &["/usr/bin/python3", "-c", "import os\nopen('{}/new', 'w').write('x' * 70000)\nos._exit(3)"][..],
        &["dash", "-c", "echo more >> {}/new; exec cat {}/new"],
        &["dash", "-c", "cd {}/etc; echo here > here; exec cat here fstab"],
        &["wc", "-c", "{}/new"],
    ] {
        let (host, rump) = (twins.at_host(words)?, twins.at_rump(words)?);
        same(Same, &twins, &host, &rump)?;
    }
    twins.compare()
}
