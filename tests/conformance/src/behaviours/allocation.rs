//! Reserving and freeing space: fallocate(2).

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{AllocateFlags, Errno::*, OpenFlags};

const ALLOCATE: Capabilities = Capabilities::ALLOCATE;
const EXTEND: AllocateFlags = AllocateFlags::empty();
const KEEP: AllocateFlags = AllocateFlags::KEEP_SIZE;
const PUNCH: AllocateFlags = AllocateFlags::PUNCH_HOLE.union(KEEP);
const ZERO: AllocateFlags = AllocateFlags::ZERO_RANGE;
const KIB: u64 = 1024;

behaviours! {
    reserving_extends_with_zeroes: ALLOCATE;
    reserving_takes_space: ALLOCATE;
    reserving_may_keep_the_size: ALLOCATE;
    reserving_keeps_what_is_there: ALLOCATE;
    reserved_space_is_written: ALLOCATE;
    punching_makes_zeroes_and_keeps_the_size: ALLOCATE;
    punching_keeps_what_is_beside: ALLOCATE;
    punching_frees_space: ALLOCATE;
    punching_beyond_the_end_changes_nothing: ALLOCATE;
    a_punched_hole_is_written_again: ALLOCATE;
    zeroing_makes_zeroes: ALLOCATE;
    zeroing_extends_unless_told: ALLOCATE;
    wrong_reservations_are_refused: ALLOCATE;
    allocation_moves_times: ALLOCATE;
}

fn reserving_extends_with_zeroes(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, b"abc", 0).unwrap();
    p.fallocate(fd, EXTEND, 1000, 50_000).unwrap();
    let bytes = content(p, fd);
    assert!(bytes.len() == 51_000 && bytes[..3] == *b"abc" && bytes[3..].iter().all(|byte| *byte == 0));
    p.fallocate(fd, EXTEND, 0, 10).unwrap();
    assert_eq!(p.fstat(fd).unwrap().size, 51_000);
}

fn reserving_takes_space(p: &Process) {
    let (fd, before) = (create(p, "f"), p.statvfs(".").unwrap());
    p.fallocate(fd, EXTEND, 0, 1024 * KIB).unwrap();
    let after = p.statvfs(".").unwrap();
    assert!(p.fstat(fd).unwrap().blocks >= 2048);
    assert!((before.blocks_free - after.blocks_free) * u64::from(before.block_size) >= 1024 * KIB);
}

fn reserving_may_keep_the_size(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, b"abc", 0).unwrap();
    p.fallocate(fd, KEEP, 0, 256 * KIB).unwrap();
    let stat = p.fstat(fd).unwrap();
    assert!(stat.size == 3 && stat.blocks >= 512, "{stat:?}");
    p.ftruncate(fd, 100_000).unwrap();
    assert!(content(p, fd)[3..].iter().all(|byte| *byte == 0));
}

fn reserving_keeps_what_is_there(p: &Process) {
    let (fd, bytes) = (create(p, "f"), pattern(100_000));
    p.pwrite(fd, &bytes, 0).unwrap();
    p.fallocate(fd, EXTEND, 10, 99_990).unwrap();
    assert!(content(p, fd) == bytes);
}

fn reserved_space_is_written(p: &Process) {
    let fd = create(p, "f");
    p.fallocate(fd, EXTEND, 0, 256 * KIB).unwrap();
    let mut expected = vec![0; 256 * 1024];
    for (turn, at) in [5000, 131_000, 0, 262_000].into_iter().enumerate() {
        p.pwrite(fd, &[turn as u8 + 1; 140], at as u64).unwrap();
        expected[at..at + 140].fill(turn as u8 + 1);
        assert!(content(p, fd) == expected, "{at}");
    }
}

fn punching_makes_zeroes_and_keeps_the_size(p: &Process) {
    let (fd, mut expected) = (create(p, "f"), pattern(200_000));
    p.pwrite(fd, &expected, 0).unwrap();
    p.fallocate(fd, PUNCH, 65_536, 65_536).unwrap();
    expected[65_536..131_072].fill(0);
    assert!(content(p, fd) == expected);
    p.fallocate(fd, PUNCH, 150_000, 1 << 30).unwrap();
    expected[150_000..].fill(0);
    assert!(content(p, fd) == expected);
}

fn punching_keeps_what_is_beside(p: &Process) {
    let fd = create(p, "f");
    for (offset, length) in [(1, 1), (1000, 30), (4095, 2), (4097, 8190), (10, 100_000)] {
        let mut expected = pattern(150_000);
        p.pwrite(fd, &expected, 0).unwrap();
        p.fallocate(fd, PUNCH, offset, length).unwrap();
        expected[offset as usize..(offset + length) as usize].fill(0);
        assert!(content(p, fd) == expected, "{length} bytes at {offset}");
    }
}

fn punching_frees_space(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, &pattern(1 << 20), 0).unwrap();
    let (before, free) = (p.fstat(fd).unwrap().blocks, p.statvfs(".").unwrap().blocks_free);
    p.fallocate(fd, PUNCH, 128 * KIB, 768 * KIB).unwrap();
    assert!(before - p.fstat(fd).unwrap().blocks > 1024);
    assert!(p.statvfs(".").unwrap().blocks_free > free);
}

fn punching_beyond_the_end_changes_nothing(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, b"abc", 0).unwrap();
    p.fallocate(fd, PUNCH, 100_000, 100_000).unwrap();
    assert_eq!(content(p, fd), b"abc");
}

fn a_punched_hole_is_written_again(p: &Process) {
    let (fd, bytes) = (create(p, "f"), pattern(300_000));
    p.pwrite(fd, &bytes, 0).unwrap();
    p.fallocate(fd, PUNCH, 1000, 250_000).unwrap();
    p.pwrite(fd, &bytes[1000..251_000], 1000).unwrap();
    assert!(content(p, fd) == bytes);
}

fn zeroing_makes_zeroes(p: &Process) {
    let fd = create(p, "f");
    for (offset, length) in [(0, 100_000), (1, 1), (4095, 2), (5000, 60_000)] {
        let mut expected = pattern(100_000);
        p.pwrite(fd, &expected, 0).unwrap();
        p.fallocate(fd, ZERO, offset, length).unwrap();
        expected[offset as usize..(offset + length) as usize].fill(0);
        assert!(content(p, fd) == expected, "{length} bytes at {offset}");
    }
}

fn zeroing_extends_unless_told(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, b"abcdef", 0).unwrap();
    p.fallocate(fd, ZERO | KEEP, 4, 100_000).unwrap();
    assert_eq!(content(p, fd), b"abcd\0\0");
    p.fallocate(fd, ZERO, 2, 10).unwrap();
    assert_eq!(content(p, fd), b"ab\0\0\0\0\0\0\0\0\0\0");
}

fn wrong_reservations_are_refused(p: &Process) {
    let fd = create(p, "f");
    fails(p.fallocate(fd, EXTEND, 0, 0), EINVAL);
    fails(p.fallocate(fd, EXTEND, i64::MAX as u64, 10), EFBIG);
    fails(p.fallocate(fd, EXTEND, u64::MAX, 10), EFBIG);
    fails(p.fallocate(fd, AllocateFlags::PUNCH_HOLE, 0, 10), ENOTSUP);
    fails(p.fallocate(fd, PUNCH | ZERO, 0, 10), ENOTSUP);
    let reader = open(p, "f", OpenFlags::empty()).unwrap();
    fails(p.fallocate(reader, EXTEND, 0, 10), EBADF);
    assert_eq!(p.fstat(fd).unwrap().size, 0);
}

fn allocation_moves_times(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, &[1; 10_000], 0).unwrap();
    for flags in [EXTEND, PUNCH, ZERO] {
        let before = p.fstat(fd).unwrap();
        p.fallocate(fd, flags, 0, 20_000).unwrap();
        let after = p.fstat(fd).unwrap();
        assert!(after.mtime > before.mtime && after.ctime > before.ctime, "{flags:?}");
    }
}
