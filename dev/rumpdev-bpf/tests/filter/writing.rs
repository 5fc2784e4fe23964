//! What is written to a filter is sent.

use crate::kernel::{IPV4_ONLY, Rig, STRANGE, fails};
use rump_abi::Errno;
use rumpdev_bpf::records;
use rumpdev_bpf::request::*;

#[test]
fn frames_are_sent_with_our_address_or_their_own() {
    let rig = Rig::new();
    let fd = rig.listening();
    let own = rig.domain.network().unwrap().port(rig.number).unwrap().hardware().unwrap();
    assert_eq!(rig.process.writev(fd, &[&STRANGE[..3], &STRANGE[3..]]).unwrap(), STRANGE.len());
    let sent = rig.seen.0.lock().unwrap().remove(0);
    assert_eq!((&sent[..6], &sent[6..12], &sent[12..]), (&STRANGE[..6], &own[..], &STRANGE[12..]));
    rig.set(fd, BIOCSHDRCMPLT, 1);
    assert_eq!(rig.value(fd, BIOCGHDRCMPLT), 1);
    rig.process.write(fd, STRANGE).unwrap();
    assert_eq!(rig.seen.0.lock().unwrap().remove(0), STRANGE);
    assert_eq!(rig.process.write(fd, b"").unwrap(), 0);
    fails(rig.process.write(fd, &STRANGE[..13]), Errno::EMSGSIZE);
    fails(rig.process.write(fd, &[0; 1515]), Errno::EMSGSIZE);
    rig.process.write(fd, &[0; 1514]).unwrap();
    rig.domain.network().unwrap().set_up(rig.number, false).unwrap();
    fails(rig.process.write(fd, STRANGE), Errno::ENETDOWN);
}

#[test]
fn a_lock_keeps_the_filter_of_what_is_written() {
    let rig = Rig::new();
    let fd = rig.listening();
    rig.set_filter(fd, BIOCSETWF, IPV4_ONLY).unwrap();
    fails(rig.process.write(fd, STRANGE), Errno::EPERM);
    let mut frame = STRANGE.to_vec();
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    rig.process.write(fd, &frame).unwrap();
    rig.process.ioctl_by_number(fd, BIOCLOCK, &mut []).unwrap();
    fails(rig.set_filter(fd, BIOCSETWF, &[]), Errno::EPERM);
    fails(rig.set_filter(fd, BIOCSETF, &[]), Errno::EPERM);
    fails(rig.set_interface(fd, "wire0"), Errno::EPERM);
    fails(rig.try_set(fd, BIOCSHDRCMPLT, 1), Errno::EPERM);
    fails(rig.try_set(fd, BIOCSFEEDBACK, 1), Errno::EPERM);
    // What tells, and how it is read, is still allowed.
    rig.set(fd, BIOCIMMEDIATE, 1);
    assert_eq!(rig.value(fd, BIOCGDLT), DLT_EN10MB);
    assert_eq!(records(&rig.read(fd).unwrap()).count(), 1);
}

#[test]
fn with_feedback_what_is_written_is_received() {
    let rig = Rig::new();
    let fd = rig.listening();
    let before = packets_in(&rig);
    rig.process.write(fd, STRANGE).unwrap();
    assert_eq!(packets_in(&rig), before);
    rig.set(fd, BIOCSFEEDBACK, 1);
    assert_eq!(rig.value(fd, BIOCGFEEDBACK), 1);
    rig.process.write(fd, STRANGE).unwrap();
    assert_eq!((packets_in(&rig), rig.seen.0.lock().unwrap().len()), (before + 1, 2));
}

fn packets_in(rig: &Rig) -> u64 {
    let all = rig.domain.network().unwrap().interfaces();
    all.iter().find(|info| info.number == rig.number).unwrap().statistics.packets_in
}
