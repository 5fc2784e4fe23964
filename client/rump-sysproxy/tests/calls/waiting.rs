//! Which calls may have to wait.

use super::rig::Rig;
use rump_abi::MessageFlags;
use rump_abi::netbsd::numbers::*;
use rump_kern::Fd;

#[test]
fn reading_waits_where_nothing_is() {
    let rig = Rig::new();
    let [a, b] = rig.pair;
    // Five bytes are there for the first, none for the second.
    assert!(!rig.may_wait(READ, &[a, 0, 5]));
    assert!(rig.may_wait(READ, &[b, 0, 5]));
    assert!(rig.may_wait(RECVFROM, &[a, 0, 9, 0x40, 0, 0]));
    assert!(!rig.may_wait(RECVFROM, &[b, 0, 9, 0x80, 0, 0]));
    assert!(!rig.may_wait(READ, &[rig.file, 0, 5]));
    assert!(!rig.may_wait(READ, &[999, 0, 5]));
    let mut room = [0; 5];
    rig.process.recv(Fd(a as u32), &mut room, MessageFlags::empty()).unwrap();
    assert!(rig.may_wait(READ, &[a, 0, 5]));
}

#[test]
fn writing_waits_for_more_than_there_is_room_for() {
    let mut rig = Rig::new();
    assert!(!rig.may_wait(WRITE, &[rig.pair[0], 0, 5]));
    assert!(rig.may_wait(WRITE, &[rig.pair[0], 0, 1 << 30]));
    assert!(!rig.may_wait(WRITE, &[rig.file, 0, 1 << 30]));
    // A file that does not block never waits.
    assert_eq!(rig.call(FCNTL, &[rig.pair[0], 4, 4]), Ok(0));
    assert!(!rig.may_wait(WRITE, &[rig.pair[0], 0, 1 << 30]));
    assert!(!rig.may_wait(READ, &[rig.pair[0], 0, 1 << 30]));
}

#[test]
fn others_wait_by_what_they_are() {
    let rig = Rig::new();
    for (number, slots, waits) in [
        (GETPID, &[][..], false),
        (__STAT50, &[0, 0], false),
        (POLL, &[0, 0, 0], false),
        (POLL, &[0, 0, 1], true),
        (__NANOSLEEP50, &[0, 0], true),
        (FLOCK, &[0, 6], false),
        (FLOCK, &[0, 2], true),
        (FCNTL, &[0, 9, 0], true),
        (FCNTL, &[0, 8, 0], false),
        (OPEN, &[0, 0, 0], true),
        (OPEN, &[0, 4, 0], false),
        (FSYNC, &[rig.file], true),
        (AIO_READ, &[0], false),
        (__AIO_SUSPEND50, &[0, 0, 0], true),
        (LIO_LISTIO, &[1, 0, 0, 0], true),
        (LIO_LISTIO, &[0, 0, 0, 0], false),
        (CLOSE, &[rig.pair[0]], false),
        (9999, &[], false),
    ] {
        assert_eq!(rig.may_wait(number, slots), waits, "{number} {slots:?}");
    }
}
