//! Opening, reading, writing, seeking and cutting files.

use crate::Process;
use crate::calls::*;
use rumpkit::kpi::Capabilities;
use rumpkit::{AtFlags, Errno::*, Fd, OpenFlags, Whence};

const PLAIN: Capabilities = Capabilities::empty();
const LINKS: Capabilities = Capabilities::SYMLINKS;

behaviours! {
    a_new_file_is_empty: PLAIN;
    written_bytes_are_read_back: PLAIN;
    a_read_at_or_past_the_end_gives_nothing: PLAIN;
    a_read_across_the_end_is_short: PLAIN;
    overwriting_keeps_the_rest: PLAIN;
    appending_ignores_the_offset: PLAIN;
    appends_of_two_descriptors_follow_each_other: PLAIN;
    positioned_io_leaves_the_offset: PLAIN;
    a_large_file_comes_back: PLAIN;
    small_writes_add_up: PLAIN;
    overwrites_across_blocks_come_back: PLAIN;
    vectors_are_one_stream: PLAIN;
    writing_nothing_changes_nothing: PLAIN;
    directories_are_not_read_or_written_as_files: PLAIN;
    truncation_at_open_empties: PLAIN;
    creation_of_what_is_there_keeps_it: PLAIN;
    exclusive_creation_refuses_what_is_there: PLAIN;
    exclusive_creation_refuses_a_dangling_link: LINKS;
    creation_through_a_dangling_link_makes_its_target: LINKS;
    directory_refuses_a_file: PLAIN;
    nofollow_refuses_a_link: LINKS;
    what_is_missing_is_not_opened: PLAIN;
    an_unlinked_file_lives_while_open: PLAIN;
    a_new_file_of_an_unlinked_ones_name_is_another: PLAIN;
    two_descriptors_see_the_same_bytes: PLAIN;
    the_access_mode_binds: PLAIN;
    cutting_keeps_the_beginning: PLAIN;
    extending_shows_zeroes: PLAIN;
    cut_and_extended_shows_zeroes: PLAIN;
    cutting_to_nothing_and_writing_again: PLAIN;
    truncation_checks_what_it_cuts: PLAIN;
    cutting_frees_space: PLAIN;
    removal_frees_space: PLAIN;
    synchronous_writes_come_back: PLAIN;
    seeking_counts_from_where_it_is_told: PLAIN;
    writing_beyond_the_largest_offset_fails: PLAIN;
    a_fifo_without_a_peer_is_not_opened: Capabilities::SPECIAL;
    random_writes_and_cuts_agree_with_a_model: PLAIN;
}

fn a_new_file_is_empty(p: &Process) {
    let fd = create(p, "f");
    assert_eq!(p.fstat(fd).unwrap().size, 0);
    assert_eq!(p.read(fd, &mut [0; 9]).unwrap(), 0);
}

fn written_bytes_are_read_back(p: &Process) {
    put(p, "f", b"hello");
    assert_eq!((get(p, "f"), stat(p, "f").size), (b"hello".to_vec(), 5));
}

fn a_read_at_or_past_the_end_gives_nothing(p: &Process) {
    put(p, "f", b"hello");
    let fd = open(p, "f", OpenFlags::empty()).unwrap();
    for offset in [5, 6, 4096, 1 << 40] {
        assert_eq!(p.pread(fd, &mut [0; 9], offset).unwrap(), 0, "{offset}");
    }
}

fn a_read_across_the_end_is_short(p: &Process) {
    put(p, "f", &pattern(5000));
    let fd = open(p, "f", OpenFlags::empty()).unwrap();
    let mut buf = [0; 2000];
    assert_eq!(p.pread(fd, &mut buf, 4000).unwrap(), 1000);
    assert_eq!(buf[..1000], pattern(5000)[4000..]);
}

fn overwriting_keeps_the_rest(p: &Process) {
    put(p, "f", b"0123456789");
    let fd = open(p, "f", OpenFlags::WRONLY).unwrap();
    p.pwrite(fd, b"abc", 3).unwrap();
    assert_eq!(get(p, "f"), b"012abc6789");
}

fn appending_ignores_the_offset(p: &Process) {
    put(p, "f", b"ab");
    let fd = open(p, "f", OpenFlags::WRONLY | OpenFlags::APPEND).unwrap();
    p.lseek(fd, 0, Whence::Set).unwrap();
    p.write(fd, b"cd").unwrap();
    assert_eq!(p.lseek(fd, 0, Whence::Cur).unwrap(), 4);
    assert_eq!(get(p, "f"), b"abcd");
}

fn appends_of_two_descriptors_follow_each_other(p: &Process) {
    let flags = OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::APPEND;
    let fds = [open(p, "f", flags).unwrap(), open(p, "f", flags).unwrap()];
    for turn in 0..100_u8 {
        p.write(fds[usize::from(turn % 2)], &[turn; 100]).unwrap();
    }
    let expected: Vec<u8> = (0..100_u8).flat_map(|turn| [turn; 100]).collect();
    assert_eq!(get(p, "f"), expected);
}

fn positioned_io_leaves_the_offset(p: &Process) {
    let fd = create(p, "f");
    p.write(fd, b"abcd").unwrap();
    p.pwrite(fd, b"X", 1).unwrap();
    let mut buf = [0; 2];
    p.pread(fd, &mut buf, 1).unwrap();
    assert_eq!((&buf, p.lseek(fd, 0, Whence::Cur).unwrap()), (b"Xc", 4));
}

fn a_large_file_comes_back(p: &Process) {
    let bytes = pattern(1_500_001);
    put(p, "f", &bytes);
    assert!(get(p, "f") == bytes);
    let fd = open(p, "f", OpenFlags::empty()).unwrap();
    let mut part = [0; 777];
    for offset in [0, 1, 1023, 4095, 12_288 * 4 - 3, 1_000_000] {
        p.pread(fd, &mut part, offset as u64).unwrap();
        assert_eq!(part, bytes[offset..offset + 777], "{offset}");
    }
}

fn small_writes_add_up(p: &Process) {
    let (fd, bytes) = (create(p, "f"), pattern(7000));
    for part in bytes.chunks(7) {
        assert_eq!(p.write(fd, part).unwrap(), 7);
    }
    assert_eq!(content(p, fd), bytes);
}

fn overwrites_across_blocks_come_back(p: &Process) {
    let mut bytes = pattern(70_000);
    put(p, "f", &bytes);
    let fd = open(p, "f", OpenFlags::RDWR).unwrap();
    for (turn, offset) in [1000, 1023, 4090, 8191, 65_535, 69_990].into_iter().enumerate() {
        let patch = [turn as u8 + 200; 20];
        p.pwrite(fd, &patch, offset as u64).unwrap();
        bytes.resize(bytes.len().max(offset + 20), 0);
        bytes[offset..offset + 20].copy_from_slice(&patch);
    }
    assert_eq!(content(p, fd), bytes);
}

fn vectors_are_one_stream(p: &Process) {
    let fd = create(p, "f");
    assert_eq!(p.writev(fd, &[b"ab", b"", b"cdef"]).unwrap(), 6);
    assert_eq!(p.pwritev(fd, &[b"X", b"Y"], 1).unwrap(), 2);
    let (mut one, mut two) = ([0; 4], [0; 4]);
    assert_eq!(p.preadv(fd, &mut [&mut one, &mut two], 0).unwrap(), 6);
    assert_eq!((&one, &two[..2]), (b"aXYd", &b"ef"[..]));
    p.lseek(fd, 5, Whence::Set).unwrap();
    assert_eq!(p.readv(fd, &mut [&mut one, &mut two]).unwrap(), 1);
}

fn writing_nothing_changes_nothing(p: &Process) {
    let fd = create(p, "f");
    let before = p.fstat(fd).unwrap();
    assert_eq!(p.pwrite(fd, b"", 5000).unwrap(), 0);
    let after = p.fstat(fd).unwrap();
    assert_eq!((after.size, after.mtime), (0, before.mtime));
}

fn directories_are_not_read_or_written_as_files(p: &Process) {
    mkdir(p, "d");
    let fd = open(p, "d", OpenFlags::empty()).unwrap();
    fails(p.read(fd, &mut [0]), EISDIR);
    for flags in [OpenFlags::RDWR, OpenFlags::WRONLY, OpenFlags::CREAT, OpenFlags::TRUNC] {
        fails(open(p, "d", flags), EISDIR);
    }
}

fn truncation_at_open_empties(p: &Process) {
    put(p, "f", &pattern(9000));
    open(p, "f", OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    assert_eq!((stat(p, "f").size, get(p, "f")), (0, Vec::new()));
}

fn creation_of_what_is_there_keeps_it(p: &Process) {
    put(p, "f", b"here");
    let before = ino(p, "f");
    let fd = create(p, "f");
    assert_eq!((content(p, fd), p.fstat(fd).unwrap().ino), (b"here".to_vec(), before));
}

fn exclusive_creation_refuses_what_is_there(p: &Process) {
    let flags = OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::RDWR;
    open(p, "f", flags).unwrap();
    mkdir(p, "d");
    fails(open(p, "f", flags), EEXIST);
    fails(open(p, "d", flags), EEXIST);
}

fn exclusive_creation_refuses_a_dangling_link(p: &Process) {
    p.symlink("none", "l").unwrap();
    fails(open(p, "l", OpenFlags::CREAT | OpenFlags::EXCL), EEXIST);
    fails(p.stat("none"), ENOENT);
}

fn creation_through_a_dangling_link_makes_its_target(p: &Process) {
    p.symlink("target", "l").unwrap();
    put(p, "l", b"x");
    assert_eq!(get(p, "target"), b"x");
}

fn directory_refuses_a_file(p: &Process) {
    put(p, "f", b"");
    mkdir(p, "d");
    fails(open(p, "f", OpenFlags::DIRECTORY), ENOTDIR);
    open(p, "d", OpenFlags::DIRECTORY).unwrap();
}

fn nofollow_refuses_a_link(p: &Process) {
    put(p, "f", b"");
    p.symlink("f", "l").unwrap();
    fails(open(p, "l", OpenFlags::NOFOLLOW), ELOOP);
    open(p, "f", OpenFlags::NOFOLLOW).unwrap();
}

fn what_is_missing_is_not_opened(p: &Process) {
    put(p, "f", b"");
    fails(open(p, "none", OpenFlags::empty()), ENOENT);
    fails(open(p, "none/f", OpenFlags::CREAT), ENOENT);
    fails(open(p, "f/x", OpenFlags::CREAT), ENOTDIR);
    fails(open(p, "new/", OpenFlags::CREAT), EISDIR);
}

fn an_unlinked_file_lives_while_open(p: &Process) {
    put(p, "f", b"abc");
    let fd = open(p, "f", OpenFlags::RDWR).unwrap();
    p.unlink("f").unwrap();
    fails(p.stat("f"), ENOENT);
    assert_eq!((p.fstat(fd).unwrap().nlink, content(p, fd)), (0, b"abc".to_vec()));
    let bytes = pattern(50_000);
    p.pwrite(fd, &bytes, 0).unwrap();
    assert_eq!(content(p, fd), bytes);
    p.ftruncate(fd, 10).unwrap();
    assert_eq!(content(p, fd), bytes[..10]);
}

fn a_new_file_of_an_unlinked_ones_name_is_another(p: &Process) {
    put(p, "f", b"old");
    let old = open(p, "f", OpenFlags::RDWR).unwrap();
    p.unlink("f").unwrap();
    put(p, "f", b"new one");
    assert_ne!(p.fstat(old).unwrap().ino, ino(p, "f"));
    assert_eq!((content(p, old), get(p, "f")), (b"old".to_vec(), b"new one".to_vec()));
}

fn two_descriptors_see_the_same_bytes(p: &Process) {
    let (one, two) = (create(p, "f"), open(p, "f", OpenFlags::RDWR).unwrap());
    p.write(one, b"abc").unwrap();
    assert_eq!(content(p, two), b"abc");
    p.ftruncate(two, 1).unwrap();
    assert_eq!(content(p, one), b"a");
    assert_eq!(p.lseek(two, 0, Whence::Cur).unwrap(), 0);
}

fn the_access_mode_binds(p: &Process) {
    put(p, "f", b"x");
    let (r, w) = (open(p, "f", OpenFlags::empty()).unwrap(), open(p, "f", OpenFlags::WRONLY).unwrap());
    fails(p.write(r, b"y"), EBADF);
    fails(p.pwrite(r, b"y", 0), EBADF);
    fails(p.read(w, &mut [0]), EBADF);
    fails(p.ftruncate(r, 0), EINVAL);
    fails(open(p, "f", OpenFlags::WRONLY | OpenFlags::RDWR), EINVAL);
    fails(p.read(Fd(99), &mut [0]), EBADF);
}

fn cutting_keeps_the_beginning(p: &Process) {
    let bytes = pattern(100_000);
    put(p, "f", &bytes);
    for size in [99_999, 65_536, 65_535, 4097, 4096, 1000, 1, 0] {
        p.truncate("f", size).unwrap();
        assert_eq!(get(p, "f"), bytes[..size as usize], "{size}");
    }
}

fn extending_shows_zeroes(p: &Process) {
    put(p, "f", b"abc");
    for size in [4, 1000, 5000, 70_000] {
        p.truncate("f", size).unwrap();
        let mut expected = vec![0; size as usize];
        expected[..3].copy_from_slice(b"abc");
        assert_eq!(get(p, "f"), expected, "{size}");
    }
}

fn cut_and_extended_shows_zeroes(p: &Process) {
    for cut in [0, 1, 100, 1024, 4096, 4099] {
        put(p, "f", &[7; 9000]);
        p.truncate("f", cut).unwrap();
        p.truncate("f", 9000).unwrap();
        let mut expected = vec![0; 9000];
        expected[..cut as usize].fill(7);
        assert_eq!(get(p, "f"), expected, "{cut}");
    }
}

fn cutting_to_nothing_and_writing_again(p: &Process) {
    for turn in 1..20 {
        put(p, "f", &pattern(turn * 3000));
        assert_eq!(get(p, "f"), pattern(turn * 3000));
        p.truncate("f", 0).unwrap();
    }
}

fn truncation_checks_what_it_cuts(p: &Process) {
    mkdir(p, "d");
    put(p, "f", b"");
    fails(p.truncate("d", 0), EISDIR);
    fails(p.truncate("none", 0), ENOENT);
    fails(p.truncate("f", u64::MAX), EINVAL);
    fails(p.truncate("f/", 0), ENOTDIR);
}

fn cutting_frees_space(p: &Process) {
    put(p, "f", &pattern(1 << 20));
    let (full, before) = (stat(p, "f").blocks, p.statvfs(".").unwrap().blocks_free);
    assert!(full >= 2048);
    p.truncate("f", 0).unwrap();
    assert!(stat(p, "f").blocks < 64);
    assert!(p.statvfs(".").unwrap().blocks_free > before);
}

fn removal_frees_space(p: &Process) {
    put(p, "f", b"");
    let before = p.statvfs(".").unwrap();
    p.unlink("f").unwrap();
    put(p, "f", &pattern(1 << 20));
    let full = p.statvfs(".").unwrap();
    let taken = (before.blocks_free - full.blocks_free) * u64::from(before.block_size);
    assert!(taken >= 1 << 20, "{taken} bytes taken");
    p.truncate("f", 0).unwrap();
    let after = p.statvfs(".").unwrap();
    assert_eq!((after.blocks_free, after.files_free), (before.blocks_free, before.files_free));
}

fn synchronous_writes_come_back(p: &Process) {
    for (name, flag) in [("s", OpenFlags::SYNC), ("d", OpenFlags::DSYNC)] {
        let fd = open(p, name, OpenFlags::CREAT | OpenFlags::RDWR | flag).unwrap();
        p.write(fd, &pattern(10_000)).unwrap();
        assert_eq!(content(p, fd), pattern(10_000));
        p.fsync(fd).unwrap();
        p.fdatasync(fd).unwrap();
    }
    let dir = open(p, ".", OpenFlags::DIRECTORY).unwrap();
    p.fsync(dir).unwrap();
    p.sync().unwrap();
}

fn seeking_counts_from_where_it_is_told(p: &Process) {
    let fd = create(p, "f");
    p.write(fd, b"0123456789").unwrap();
    assert_eq!(p.lseek(fd, 4, Whence::Set).unwrap(), 4);
    assert_eq!(p.lseek(fd, -1, Whence::Cur).unwrap(), 3);
    assert_eq!(p.lseek(fd, -2, Whence::End).unwrap(), 8);
    assert_eq!(p.lseek(fd, 90, Whence::End).unwrap(), 100);
    assert_eq!(p.read(fd, &mut [0]).unwrap(), 0);
    fails(p.lseek(fd, -1, Whence::Set), EINVAL);
    fails(p.lseek(fd, -101, Whence::Cur), EINVAL);
    assert_eq!(p.lseek(fd, 0, Whence::Cur).unwrap(), 100);
}

fn writing_beyond_the_largest_offset_fails(p: &Process) {
    let fd = create(p, "f");
    fails(p.pwrite(fd, b"ab", i64::MAX as u64), EFBIG);
    fails(p.pwrite(fd, b"ab", u64::MAX), EINVAL);
    assert_eq!(p.fstat(fd).unwrap().size, 0);
}

fn a_fifo_without_a_peer_is_not_opened(p: &Process) {
    p.mkfifo("fifo", mode(0o644)).unwrap();
    fails(open(p, "fifo", OpenFlags::WRONLY | OpenFlags::NONBLOCK), ENXIO);
    p.unlinkat(None, "fifo", AtFlags::empty()).unwrap();
}

fn random_writes_and_cuts_agree_with_a_model(p: &Process) {
    let (fd, mut model) = (create(p, "f"), Vec::new());
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut pick = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for turn in 0..400 {
        let (offset, length) = (pick(100_000), pick(10_000) + 1);
        if turn % 7 == 6 {
            p.ftruncate(fd, offset as u64).unwrap();
            model.resize(offset, 0);
        } else {
            let byte = turn as u8 | 1;
            p.pwrite(fd, &vec![byte; length], offset as u64).unwrap();
            model.resize(model.len().max(offset + length), 0);
            model[offset..offset + length].fill(byte);
        }
        if turn % 20 == 0 {
            assert!(content(p, fd) == model, "after {turn} turns");
        }
    }
    assert!(content(p, fd) == model);
}
