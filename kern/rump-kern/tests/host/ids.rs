//! Who processes are, after any calls that change it.

use crate::common::*;
use crate::workers::{Random, Workers, agree, done};
use rump_kern::{Credentials, Process};

/// Numbers that calls ask for; the first means "as it is".
const IDS: [i64; 4] = [-1, 0, 5, 7];

fn three(text: &str) -> Vec<u32> {
    text.trim_matches(['(', ')']).split(", ").map(|id| id.parse().unwrap()).collect()
}

/// What can be told of a process: effective and real numbers; the saved ones show in what it may do.
fn told(p: &Process) -> String {
    let mut groups = p.getgroups();
    groups.sort();
    format!("({}, {}, {}, {}, {:?})", p.getuid(), p.geteuid(), p.getgid(), p.getegid(), groups)
}

const TOLD: &str = "(os.getuid(), os.geteuid(), os.getgid(), os.getegid(), sorted(os.getgroups()))";

fn call(p: &Process, random: &mut Random) -> (String, String) {
    let (first, second) = (random.of(&IDS), random.of(&IDS));
    let some = |id: i64| u32::try_from(id).ok();
    let one = some(first).unwrap_or(9);
    match random.below(7) {
        0 => (format!("os.setuid({one})"), done(p.setuid(one))),
        1 => (format!("os.setgid({one})"), done(p.setgid(one))),
        // Linux lets the effective one stay as it is also where POSIX answers EPERM.
        2 if one != p.geteuid() => (format!("os.seteuid({one})"), done(p.seteuid(one))),
        3 if one != p.getegid() => (format!("os.setegid({one})"), done(p.setegid(one))),
        4 => (format!("os.setreuid({first}, {second})"), done(p.setreuid(some(first), some(second)))),
        5 => (format!("os.setregid({first}, {second})"), done(p.setregid(some(first), some(second)))),
        _ => (format!("os.setgroups([{one}, 3])"), done(p.setgroups(&[one, 3]))),
    }
}

#[test]
fn who_a_process_is_follows_from_its_calls_as_at_the_host() {
    for seed in 0..24 {
        let (mut workers, mut random) = (Workers::begin(), Random::new(seed));
        let p = process();
        let [uid, gid] = ["os.getresuid()", "os.getresgid()"].map(|ask| three(&workers.ask(1, ask))[1]);
        let groups = workers.ask(1, "os.getgroups()");
        let groups = groups.trim_matches(['[', ']']).split(", ").filter_map(|id| id.parse().ok()).collect();
        p.set_credentials(Credentials { uid, gid, groups });
        for step in 0..40 {
            let (expression, ours) = call(&p, &mut random);
            agree(seed, step, &expression, &ours, &workers.ask(1, &expression));
            agree(seed, step, &expression, &told(&p), &workers.ask(1, TOLD));
        }
    }
}
