//! What only the simulated host does: faults, power cuts, devices, time by hand. Same seed, same result.

use rump_abi::{Errno, FileType};
use rump_host_sim::{Faults, SimDisk, SimHost};
use rump_hyper::{Access, BlockIo, Clock, Console, Entropy, HostError, HostFs, Lock, Params, Threads};
use std::sync::Arc;
use std::time::Duration;

const PATH: &str = "/sim/disk.img";
const SECTOR: usize = 512;

fn disk_of(length: usize) -> (Arc<SimDisk>, Arc<dyn BlockIo>) {
    let host = SimHost::new(1);
    let disk = host.add_file(PATH, vec![0; length]);
    let io = host.open(PATH.as_bytes(), Access::ReadWrite, Lock::Advisory).unwrap();
    (disk, io)
}

/// Which of the first `count` I/Os fail, counted from 1.
fn failing(faults: Faults, count: u64) -> Vec<u64> {
    let (disk, io) = disk_of(SECTOR);
    disk.set_faults(faults);
    (1..=count).filter(|_| io.read_at(0, &mut [0]).is_err()).collect()
}

/// The first byte of every sector.
fn marks(disk: &SimDisk) -> Vec<u8> {
    disk.bytes().chunks(SECTOR).map(|sector| sector[0]).collect()
}

#[test]
fn the_nth_io_fails_once_or_for_ever() {
    let once = Faults { fail_at: Some(3), ..Faults::default() };
    assert_eq!(failing(once, 5), [3]);
    assert_eq!(failing(Faults { for_ever: true, ..once }, 5), [3, 4, 5]);
    assert_eq!(failing(Faults::default(), 100), []);
}

#[test]
fn reads_writes_and_flushes_count_but_refused_ranges_do_not() {
    let (disk, io) = disk_of(SECTOR);
    disk.set_faults(Faults { fail_at: Some(4), ..Faults::default() });
    assert_eq!(io.read_at(u64::MAX, &mut [0]).unwrap_err().errno, Errno::EINVAL);
    io.read_at(0, &mut [0]).unwrap();
    io.write_at(0, &[1]).unwrap();
    io.flush().unwrap();
    assert_eq!(io.flush().unwrap_err().errno, Errno::EIO);
}

#[test]
fn setting_faults_counts_from_the_beginning_again() {
    let (disk, io) = disk_of(SECTOR);
    io.flush().unwrap();
    disk.set_faults(Faults { fail_at: Some(1), ..Faults::default() });
    assert!(io.flush().is_err());
    io.flush().unwrap();
}

#[test]
fn faults_by_probability_follow_from_the_seed() {
    let faults = Faults { per_10000: 2500, seed: 7, ..Faults::default() };
    let hits = failing(faults, 10_000);
    assert_eq!(hits, failing(faults, 10_000));
    assert!((2300..2700).contains(&hits.len()), "{} of 10000 failed", hits.len());
    assert_ne!(hits, failing(Faults { seed: 8, ..faults }, 10_000));
}

#[test]
fn probability_reaches_from_never_to_always() {
    let seeded = Faults { seed: 7, ..Faults::default() };
    assert_eq!(failing(seeded, 1000).len(), 0);
    assert_eq!(failing(Faults { per_10000: 10_000, ..seeded }, 1000).len(), 1000);
}

#[test]
fn a_planned_fault_does_not_move_the_probable_ones() {
    let probable = Faults { per_10000: 500, seed: 7, ..Faults::default() };
    let mut expected = failing(probable, 1000);
    let planned = (1..).find(|n| !expected.contains(n)).unwrap();
    expected.push(planned);
    expected.sort_unstable();
    assert_eq!(failing(Faults { fail_at: Some(planned), ..probable }, 1000), expected);
}

#[test]
fn errors_of_io_name_the_path() {
    let (disk, io) = disk_of(SECTOR);
    disk.set_faults(Faults { per_10000: 10_000, ..Faults::default() });
    let expected = HostError { errno: Errno::EIO, what: format!("{PATH}: input/output error") };
    assert_eq!(io.read_at(0, &mut [0]), Err(expected.clone()));
    assert_eq!(io.write_at(0, &[1]), Err(expected.clone()));
    assert_eq!(io.flush(), Err(expected));
    let error = io.read_at(u64::MAX, &mut [0]).unwrap_err();
    assert_eq!(error.what, format!("{PATH}: invalid argument"));
}

#[test]
fn a_failed_write_changes_nothing_and_a_failed_flush_makes_nothing_durable() {
    let (disk, io) = disk_of(SECTOR);
    disk.set_faults(Faults { fail_at: Some(1), ..Faults::default() });
    io.write_at(0, &[1]).unwrap_err();
    assert_eq!(marks(&disk), [0]);
    disk.set_faults(Faults { fail_at: Some(2), ..Faults::default() });
    io.write_at(0, &[2]).unwrap();
    io.flush().unwrap_err();
    assert_eq!(marks(&disk), [2]);
    disk.power_cut();
    assert_eq!(marks(&disk), [0]);
}

#[test]
fn a_power_cut_loses_what_was_not_flushed() {
    let (disk, io) = disk_of(2 * SECTOR);
    io.write_at(0, &[1]).unwrap();
    io.flush().unwrap();
    io.write_at(0, &[2]).unwrap();
    io.write_at(SECTOR as u64, &[2]).unwrap();
    assert_eq!(marks(&disk), [2, 2]);
    disk.power_cut();
    assert_eq!(marks(&disk), [1, 0]);
    io.flush().unwrap();
    disk.power_cut();
    assert_eq!(marks(&disk), [1, 0], "a lost write must not come back");
}

#[test]
fn a_flush_keeps_the_last_of_overlapping_writes() {
    let (disk, io) = disk_of(2 * SECTOR);
    for value in [1, 2, 3] {
        io.write_at(100, &[value; SECTOR]).unwrap();
    }
    let before = disk.bytes();
    io.flush().unwrap();
    disk.power_cut();
    assert_eq!(disk.bytes(), before);
}

/// The disk after one write over 64 sectors, none aligned with it, was torn.
fn torn(seed: u64) -> Vec<u8> {
    let (disk, io) = disk_of(65 * SECTOR);
    io.write_at(100, &[1; 64 * SECTOR]).unwrap();
    disk.power_cut_torn(seed);
    disk.bytes()
}

#[test]
fn a_torn_write_keeps_the_same_sectors_for_the_same_seed() {
    assert_eq!(torn(7), torn(7));
    assert_ne!(torn(7), torn(8));
}

#[test]
fn a_torn_write_is_torn_only_between_sectors_of_the_disk() {
    let bytes = torn(7);
    let inner: Vec<_> = bytes.chunks(SECTOR).skip(1).take(63).collect();
    assert!(inner.iter().all(|sector| sector.iter().all(|byte| *byte == sector[0])));
    let kept = inner.iter().filter(|sector| sector[0] == 1).count();
    assert!((16..48).contains(&kept), "{kept} of 63 sectors were kept");
    assert!(bytes[..100].iter().chain(&bytes[64 * SECTOR + 100..]).all(|byte| *byte == 0));
}

#[test]
fn a_torn_power_cut_spares_what_was_flushed() {
    for seed in 0..20 {
        let (disk, io) = disk_of(8 * SECTOR);
        io.write_at(0, &[1; 4 * SECTOR]).unwrap();
        io.flush().unwrap();
        io.write_at(4 * SECTOR as u64, &[2; 4 * SECTOR]).unwrap();
        disk.power_cut_torn(seed);
        assert_eq!(marks(&disk)[..4], [1; 4]);
    }
}

#[test]
fn a_torn_power_cut_may_keep_a_later_write_and_lose_an_earlier_one() {
    let outcomes: Vec<_> = (0..50)
        .map(|seed| {
            let (disk, io) = disk_of(2 * SECTOR);
            io.write_at(0, &[1]).unwrap();
            io.write_at(SECTOR as u64, &[2]).unwrap();
            disk.power_cut_torn(seed);
            marks(&disk)
        })
        .collect();
    for outcome in [[0, 0], [1, 0], [0, 2], [1, 2]] {
        assert!(outcomes.contains(&outcome.into()), "{outcome:?} never happened");
    }
}

#[test]
fn a_device_tells_its_type_and_capacity_and_works_as_a_file() {
    let host = SimHost::new(1);
    let disk = host.add_device("/dev/sd0", vec![0; 4096]);
    let stat = host.stat(b"/dev/sd0").unwrap();
    assert_eq!((stat.file_type, stat.size_bytes), (FileType::BlockDevice, 4096));
    let io = host.open(b"/dev/sd0", Access::ReadWrite, Lock::Advisory).unwrap();
    io.write_at(0, &[1]).unwrap();
    assert_eq!(disk.bytes()[0], 1);
    let busy = host.open(b"/dev/sd0", Access::Read, Lock::Advisory).err().unwrap();
    assert_eq!(busy.what, "/dev/sd0 is locked by this simulation");
}

#[test]
fn time_passes_only_when_told() {
    let host = SimHost::new(1);
    let (start, wall) = (host.monotonic(), host.realtime());
    assert_eq!(host.monotonic(), start);
    host.advance(Duration::from_millis(1500));
    host.sleep(Duration::from_millis(500));
    assert_eq!(host.monotonic(), start + Duration::from_secs(2));
    assert_eq!((host.realtime().sec, host.realtime().nsec), (wall.sec + 2, wall.nsec));
    host.advance(Duration::MAX);
    assert_eq!(host.monotonic(), Duration::MAX);
    assert_eq!(host.realtime().sec, i64::MAX);
}

#[test]
fn time_passes_with_each_look_at_it_if_asked() {
    let host = SimHost::new(1);
    host.set_tick(Duration::from_secs(3));
    let start = host.monotonic();
    assert_eq!(host.monotonic(), start + Duration::from_secs(3));
    assert!(host.realtime() < host.realtime());
}

#[test]
fn random_bytes_follow_from_the_seed() {
    let fill = |seed| {
        let mut buf = [0; 32];
        SimHost::new(seed).fill(&mut buf).unwrap();
        buf
    };
    assert_eq!(fill(7), fill(7));
    assert_ne!(fill(7), fill(8));
}

#[test]
fn console_and_parameters_are_kept() {
    let host = SimHost::new(1);
    host.write_line("one");
    host.write_line("two");
    assert_eq!(host.console_lines(), ["one", "two"]);
    host.set_param("RUMP_NCPU", "2");
    host.set_param("RUMP_NCPU", "4");
    assert_eq!(host.find("RUMP_NCPU").as_deref(), Some("4"));
}
