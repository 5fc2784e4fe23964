//! What flags of files forbid. The superuser's, as Linux has only those.

use crate::common::*;
use crate::workers::{Random, Workers, agree, done};
use rump_abi::{FileFlags, OpenFlags, XattrFlags};
use rump_kern::Process;
use rump_kpi::{SetTime, TimeSpec};

const NAMES: [&str; 5] = ["d", "d/f", "d/g", "d/h", "d/e"];

/// Modes of `open`, here and there.
const OPEN: [(OpenFlags, &str); 6] = [
    (OpenFlags::empty(), "os.O_RDONLY"),
    (OpenFlags::WRONLY, "os.O_WRONLY"),
    (OpenFlags::RDWR.union(OpenFlags::APPEND), "os.O_RDWR | os.O_APPEND"),
    (OpenFlags::WRONLY.union(OpenFlags::TRUNC), "os.O_WRONLY | os.O_TRUNC"),
    (OpenFlags::TRUNC, "os.O_TRUNC"),
    (
        OpenFlags::WRONLY.union(OpenFlags::CREAT).union(OpenFlags::APPEND),
        "os.O_WRONLY | os.O_CREAT | os.O_APPEND",
    ),
];

const FLAGS: [(FileFlags, u32); 4] = [
    (FileFlags::empty(), 0),
    (FileFlags::SF_IMMUTABLE, 0x10),
    (FileFlags::SF_APPEND, 0x20),
    (FileFlags::SF_IMMUTABLE.union(FileFlags::SF_APPEND), 0x30),
];

/// One call: what it is at the host, and our answer.
fn call(p: &Process, random: &mut Random, at: &dyn Fn(&str) -> String) -> (String, String) {
    let (name, other) = (random.of(&NAMES), random.of(&NAMES[1..4]));
    let (path, host, to) = (format!("/{name}"), at(name), at(other));
    let is_dir = matches!(name, "d" | "d/e");
    // Linux looks at nothing else when both names are of one file.
    let ino = |path: &str| p.lstat(path).map(|stat| stat.ino).ok();
    let are_one = ino(&path).is_some() && ino(&path) == ino(&format!("/{other}"));
    match random.below(13) {
        0 | 1 => {
            let (flags, number) = random.of(&FLAGS);
            (format!("chattr({host}, {number})"), done(p.chflags(&path, flags)))
        }
        2..5 => {
            let (flags, name) = random.of(if is_dir { &OPEN[..5] } else { &OPEN[..] });
            let ours = open(p, &path, flags).map(|fd| p.close(fd).unwrap());
            (format!("os.close(os.open({host}, {name}))"), done(ours))
        }
        5 if !is_dir => (format!("os.unlink({host})"), done(p.unlink(&path))),
        6 if !is_dir && !are_one => {
            (format!("os.rename({host}, {to})"), done(p.rename(&path, format!("/{other}"))))
        }
        7 if !is_dir => (format!("os.link({host}, {to})"), done(p.link(&path, format!("/{other}")))),
        8 => (format!("os.chmod({host}, 0o700)"), done(p.chmod(&path, mode(0o700)))),
        9 => (format!("os.chown({host}, 5, -1)"), done(p.chown(&path, Some(5), None))),
        10 => {
            let now = [Some(SetTime::Now); 2];
            (format!("os.utime({host})"), done(p.utimensat(None, &path, now, rump_abi::AtFlags::empty())))
        }
        11 => {
            let then = [Some(SetTime::To(TimeSpec { sec: 1, nsec: 0 })); 2];
            let ours = p.utimensat(None, &path, then, rump_abi::AtFlags::empty());
            (format!("os.utime({host}, (1, 1))"), done(ours))
        }
        12 if name == "d/e" => (format!("os.rmdir({host})"), done(p.rmdir(&path))),
        12 if !is_dir => (format!("os.truncate({host}, 3)"), done(p.truncate(&path, 3))),
        _ if name == "d/e" => (format!("os.mkdir({host})"), done(p.mkdir(&path, mode(0o755)))),
        _ => {
            let ours = p.setxattr(&path, "user.a", b"v", XattrFlags::empty());
            (format!("os.setxattr({host}, 'user.a', b'v')"), done(ours))
        }
    }
}

#[test]
fn what_flags_forbid_is_forbidden_as_at_the_host() {
    for seed in 0..16 {
        let (mut workers, mut random) = (Workers::begin(), Random::new(seed));
        if workers.ask(1, "os.geteuid()") != "0" {
            eprintln!("not compared with the host: its flags are the superuser's");
            return;
        }
        let dir = crate::limits::scratch(&format!("flags-{seed}"));
        std::fs::create_dir_all(&dir).unwrap();
        let at = |name: &str| format!("{:?}", format!("{dir}/{name}"));
        let p = process();
        for (name, path) in NAMES.map(|name| (name, at(name))).into_iter().take(2) {
            if name == "d" {
                assert_eq!(workers.ask(1, &format!("os.mkdir({path})")), "None");
                p.mkdir("/d", mode(0o755)).unwrap();
            } else {
                workers.ask(1, &format!("os.close(os.open({path}, os.O_CREAT))"));
                put(&p, "/d/f", b"");
            }
        }
        for step in 0..250 {
            let (expression, ours) = call(&p, &mut random, &at);
            agree(seed, step, &expression, &ours, &workers.ask(1, &expression));
        }
        for name in NAMES {
            workers.ask(1, &format!("chattr({}, 0)", at(name)));
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
