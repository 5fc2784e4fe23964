//! Process groups and sessions, after any calls that change them.

use crate::common::*;
use crate::workers::{Random, Workers, agree, answer_of, done};
use rump_kern::Process;

/// A number of a process as one of the four, or of what is none of them.
fn index_of(pids: &[u32], pid: u32) -> String {
    pids.iter().position(|&known| known == pid).map_or("another".to_owned(), |index| index.to_string())
}

fn named(pids: &[u32], answer: &str) -> String {
    answer.parse().map_or(answer.to_owned(), |pid| index_of(pids, pid))
}

fn relation(p: &Process) -> (Vec<Process>, Vec<u32>) {
    let leader = p.fork();
    leader.setsid().unwrap();
    let (one, two) = (leader.fork(), leader.fork());
    let all = vec![leader, one.clone(), two, one.fork()];
    let pids = all.iter().map(Process::pid).collect();
    (all, pids)
}

#[test]
fn groups_and_sessions_follow_from_calls_as_at_the_host() {
    for seed in 0..24 {
        let (mut workers, mut random) = (Workers::begin(), Random::new(seed));
        let (ours, pids) = relation(&process());
        let host_pids = workers.pids.clone();
        for step in 0..60 {
            let (who, target, group) = (random.below(4), random.below(4), random.below(4));
            let (p, other, host_other) = (&ours[who], pids[target], host_pids[target]);
            let (expression, answer) = match random.below(6) {
                0 => {
                    (format!("os.getpgid({host_other})"), answer_of(p.getpgid(other), |pid| pid.to_string()))
                }
                1 => (format!("os.getsid({host_other})"), answer_of(p.getsid(other), |pid| pid.to_string())),
                2 => ("os.getppid()".to_owned(), p.getppid().to_string()),
                // Seldom: whoever leads a session goes nowhere.
                3 if random.below(4) == 0 => {
                    ("os.setsid()".to_owned(), answer_of(p.setsid(), |_| "None".to_owned()))
                }
                3 => ("os.getpgrp()".to_owned(), answer_of(p.getpgrp(), |pid| pid.to_string())),
                4 => (format!("os.setpgid({host_other}, 0)"), done(p.setpgid(other, 0))),
                _ => (
                    format!("os.setpgid({host_other}, {})", host_pids[group]),
                    done(p.setpgid(other, pids[group])),
                ),
            };
            let theirs = named(&host_pids, &workers.ask(who, &expression));
            agree(
                seed,
                step,
                format!("{who}: {expression} of {host_pids:?}"),
                &named(&pids, &answer),
                &theirs,
            );
        }
    }
}
