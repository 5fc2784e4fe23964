//! Limits of resources and what they stop.

use crate::common::*;
use crate::workers::{Random, Workers, agree, answer_of, done};
use rump_abi::{AllocateFlags, OpenFlags, Resource, ResourceLimit};

/// Where files of the host are made.
pub fn scratch(name: &str) -> String {
    format!("{}/{name}-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id())
}

#[test]
fn the_length_of_files_is_limited_as_at_the_host() {
    let path = scratch("length");
    for seed in 0..12 {
        let (mut workers, mut random) = (Workers::begin(), Random::new(seed));
        let p = process();
        let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
        workers.ask(1, "globals().__setitem__('resource', __import__('resource'))");
        let opened = format!("opened({path:?}, os.O_CREAT | os.O_RDWR | os.O_TRUNC)");
        assert_eq!(workers.ask(1, &opened), "0");
        for step in 0..60 {
            let (length, offset) = (random.below(100) as u64, random.below(300) as u64);
            let (expression, ours) = match random.below(6) {
                0 => {
                    let (soft, hard) = (offset, ResourceLimit::INFINITY);
                    let set = format!("resource.setrlimit(resource.RLIMIT_FSIZE, ({soft}, -1))");
                    (set, done(p.setrlimit(Resource::FileSize, ResourceLimit { soft, hard })))
                }
                1 => (format!("os.ftruncate(files[0], {offset})"), done(p.ftruncate(fd, offset))),
                2 if length != 0 => (
                    format!("os.posix_fallocate(files[0], {offset}, {length})"),
                    done(p.fallocate(fd, AllocateFlags::empty(), offset, length)),
                ),
                3 => {
                    let count = p.write(fd, &vec![1; length as usize]);
                    (
                        format!("os.write(files[0], bytes({length}))"),
                        answer_of(count, |count| count.to_string()),
                    )
                }
                _ => {
                    let count = p.pwrite(fd, &vec![1; length as usize], offset);
                    let expression = format!("os.pwrite(files[0], bytes({length}), {offset})");
                    (expression, answer_of(count, |count| count.to_string()))
                }
            };
            agree(seed, step, &expression, &ours, &workers.ask(1, &expression));
            let size = p.fstat(fd).unwrap().size.to_string();
            agree(seed, step, &expression, &size, &workers.ask(1, "os.fstat(files[0]).st_size"));
        }
    }
    std::fs::remove_file(path).unwrap();
}
