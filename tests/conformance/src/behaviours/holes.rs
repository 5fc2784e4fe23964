//! Files with holes, and finding data and holes: lseek(2) with SEEK_DATA and SEEK_HOLE.

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{Errno::*, OpenFlags, Whence};

const SPARSE: Capabilities = Capabilities::SPARSE;
const MIB: usize = 1 << 20;

behaviours! {
    a_hole_reads_as_zeroes: Capabilities::empty();
    a_hole_takes_no_space: SPARSE;
    a_hole_is_filled_in_parts: SPARSE;
    data_is_found_behind_a_hole: SPARSE;
    a_hole_is_found_behind_data: SPARSE;
    the_end_of_a_file_is_a_hole: Capabilities::empty();
    there_is_nothing_to_find_beyond_the_end: Capabilities::empty();
    a_file_of_nothing_but_a_hole_has_no_data: SPARSE;
    many_pieces_far_apart_come_back: SPARSE;
    a_byte_far_out_comes_back: SPARSE;
    cutting_within_a_hole_keeps_the_data_before: SPARSE;
}

fn a_hole_reads_as_zeroes(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, b"x", 20_000).unwrap();
    let bytes = content(p, fd);
    assert_eq!((bytes.len(), bytes[20_000]), (20_001, b'x'));
    assert!(bytes[..20_000].iter().all(|byte| *byte == 0));
}

fn a_hole_takes_no_space(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, b"x", 16 * MIB as u64).unwrap();
    let stat = p.fstat(fd).unwrap();
    assert!(stat.size == 16 * MIB as u64 + 1 && stat.blocks * 512 < MIB as u64, "{} blocks", stat.blocks);
}

fn a_hole_is_filled_in_parts(p: &Process) {
    let fd = create(p, "f");
    p.ftruncate(fd, 300_000).unwrap();
    let mut expected = vec![0; 300_000];
    for (turn, at) in [250_000, 10, 131_072, 65_530, 4096, 299_999 - 100].into_iter().enumerate() {
        p.pwrite(fd, &[turn as u8 + 1; 100], at as u64).unwrap();
        expected[at..at + 100].fill(turn as u8 + 1);
        assert!(content(p, fd) == expected, "{at}");
    }
}

fn data_is_found_behind_a_hole(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, &[1; 1000], MIB as u64).unwrap();
    let found = p.lseek(fd, 0, Whence::Data).unwrap() as usize;
    // Drivers count in blocks, the largest of which has 64 KiB, or in clusters.
    assert!(found > MIB / 2 && found <= MIB, "{found}");
    assert_eq!(p.lseek(fd, MIB as i64 + 5, Whence::Data).unwrap() as usize, MIB + 5);
}

fn a_hole_is_found_behind_data(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, &[1; 1000], 0).unwrap();
    p.pwrite(fd, &[1; 1000], MIB as u64).unwrap();
    let found = p.lseek(fd, 10, Whence::Hole).unwrap() as usize;
    assert!((1000..MIB / 2).contains(&found), "{found}");
    assert_eq!(p.lseek(fd, found as i64 + 7, Whence::Hole).unwrap() as usize, found + 7);
    assert_eq!(p.lseek(fd, MIB as i64, Whence::Hole).unwrap() as usize, MIB + 1000);
}

fn the_end_of_a_file_is_a_hole(p: &Process) {
    put(p, "f", &[1; 5000]);
    let fd = open(p, "f", OpenFlags::empty()).unwrap();
    assert_eq!(p.lseek(fd, 0, Whence::Data).unwrap(), 0);
    assert_eq!(p.lseek(fd, 4999, Whence::Data).unwrap(), 4999);
    assert_eq!(p.lseek(fd, 100, Whence::Hole).unwrap(), 5000);
}

fn there_is_nothing_to_find_beyond_the_end(p: &Process) {
    put(p, "f", &[1; 5000]);
    let fd = open(p, "f", OpenFlags::empty()).unwrap();
    for offset in [5000, 5001, i64::MAX, -1] {
        fails(p.lseek(fd, offset, Whence::Data), ENXIO);
        fails(p.lseek(fd, offset, Whence::Hole), ENXIO);
    }
    assert_eq!(p.lseek(fd, 0, Whence::Cur).unwrap(), 0);
}

fn a_file_of_nothing_but_a_hole_has_no_data(p: &Process) {
    let fd = create(p, "f");
    p.ftruncate(fd, MIB as u64).unwrap();
    fails(p.lseek(fd, 0, Whence::Data), ENXIO);
    assert_eq!(p.lseek(fd, 0, Whence::Hole).unwrap(), 0);
}

fn many_pieces_far_apart_come_back(p: &Process) {
    let fd = create(p, "f");
    let place = |n: u64| n * n * 70_001 + n;
    for n in (0..60).rev() {
        p.pwrite(fd, &[n as u8 + 1; 10], place(n)).unwrap();
    }
    let mut buf = [0; 12];
    for n in 0..59 {
        p.pread(fd, &mut buf, place(n)).unwrap();
        assert_eq!((&buf[..10], &buf[10..]), (&[n as u8 + 1; 10][..], &[0, 0][..]), "{n}");
    }
}

fn a_byte_far_out_comes_back(p: &Process) {
    let fd = create(p, "f");
    let far = 3 << 30;
    p.pwrite(fd, b"x", far).unwrap();
    let mut buf = [1; 3];
    assert_eq!(p.pread(fd, &mut buf, far - 2).unwrap(), 3);
    assert_eq!((&buf, p.fstat(fd).unwrap().size), (b"\0\0x", far + 1));
}

fn cutting_within_a_hole_keeps_the_data_before(p: &Process) {
    let fd = create(p, "f");
    p.pwrite(fd, b"abc", 0).unwrap();
    p.pwrite(fd, b"xyz", 2 * MIB as u64).unwrap();
    p.ftruncate(fd, MIB as u64).unwrap();
    p.ftruncate(fd, 3 * MIB as u64).unwrap();
    let bytes = content(p, fd);
    assert!(bytes[..3] == *b"abc" && bytes[3..].iter().all(|byte| *byte == 0));
}
