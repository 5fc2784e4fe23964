//! Every call that is served: it does its work, and no arguments harm.

use super::good::{arguments, expected};
use super::rig::{BASE, NOWHERE, Rig};
use rump_abi::Errno;
use rump_abi::netbsd::numbers::{self, *};
use rump_kern::Process;
use rump_sysproxy::calls::SERVED;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn every_call_does_its_work() {
    for &number in SERVED {
        let mut rig = Rig::new();
        let slots = arguments(&mut rig, number);
        let answer = rig.call(number, &slots);
        let name = numbers::name(number);
        assert_eq!(answer.err(), expected(number), "{name:?}");
    }
}

#[test]
fn numbers_of_others_are_refused() {
    let mut rig = Rig::new();
    for number in (0..600).filter(|number| !SERVED.contains(number)) {
        assert_eq!(rig.call(number, &[0; 8]), Err(Errno::ENOSYS), "{number}");
    }
    assert_eq!(rig.call(u32::MAX, &[]), Err(Errno::ENOSYS));
}

#[test]
fn the_table_is_in_order() {
    assert!(SERVED.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(SERVED.iter().all(|number| numbers::name(*number).is_some()));
}

#[test]
fn the_documentation_names_the_calls_that_are_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/status.md");
    let status = std::fs::read_to_string(path).unwrap();
    let section = status.split("\n## ").find(|section| section.starts_with("Remote calls")).unwrap();
    // The names of a row are between the first marks of its second column.
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(1));
    let names = rows.filter_map(|names| names.strip_prefix('`')?.strip_suffix('`'));
    let mut told: Vec<String> = names.flat_map(str::split_whitespace).map(str::to_uppercase).collect();
    let mut served: Vec<_> = SERVED.iter().filter_map(|number| numbers::name(*number)).collect();
    told.sort_unstable();
    served.sort_unstable();
    assert_eq!(told, served);
}

/// Whether a call may do without what a slot points to.
fn is_optional(number: u32, slot: usize) -> bool {
    match number {
        // Nobody is told what was left of a sleep that was long enough.
        COMPAT_50_NANOSLEEP | __NANOSLEEP50 => slot == 1,
        // Who is on the other side of a stream has no name to tell.
        RECVFROM => slot == 4,
        // Its error is its value.
        CLOCK_NANOSLEEP => true,
        // It is known by its address alone.
        AIO_CANCEL => slot == 1,
        _ => false,
    }
}

#[test]
fn an_address_where_nothing_is_is_refused() {
    for &number in SERVED {
        let mut rig = Rig::new();
        let good = arguments(&mut rig, number);
        let is_address = |slot: &u64| (BASE..BASE + (4 << 20)).contains(slot);
        let addresses: Vec<usize> = (0..good.len()).filter(|at| is_address(&good[*at])).collect();
        for at in addresses.into_iter().filter(|at| !is_optional(number, *at)) {
            for wrong in [NOWHERE, u64::MAX, u64::MAX - 8] {
                let mut rig = Rig::new();
                let mut slots = arguments(&mut rig, number);
                slots[at] = wrong;
                let (answer, name) = (rig.call(number, &slots), numbers::name(number));
                assert_eq!(answer, Err(Errno::EFAULT), "{name:?}, argument {at}: {wrong:#x}");
            }
        }
    }
}

/// Interrupts what blocks, until it is dropped.
struct Watchdog {
    process: Arc<Mutex<Option<Process>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watchdog {
    fn new(process: &Process) -> Self {
        let process = Arc::new(Mutex::new(Some(process.clone())));
        let watched = process.clone();
        let thread = std::thread::spawn(move || {
            loop {
                // Not locked while it sleeps: who wants to change what is watched would wait for luck.
                let Some(process) = watched.lock().unwrap().clone() else { return };
                process.interrupt();
                drop(process);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { process, thread: Some(thread) }
    }

    fn watch(&self, process: &Process) {
        *self.process.lock().unwrap() = Some(process.clone());
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        *self.process.lock().unwrap() = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a client may put into any slot.
const HOSTILE: [u64; 9] =
    [0, 1, BASE, BASE + (4 << 20) - 1, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];

#[test]
fn no_argument_harms() {
    let mut rig = Rig::new();
    let watchdog = Watchdog::new(&rig.process);
    for &number in SERVED {
        let count = arguments(&mut Rig::new(), number).len();
        for at in 0..count {
            rig = Rig::new();
            let good = arguments(&mut rig, number);
            watchdog.watch(&rig.process);
            for hostile in HOSTILE {
                let mut slots = good.clone();
                slots[at] = hostile;
                rig.may_wait(number, &slots);
                let _ = rig.call(number, &slots);
            }
        }
    }
}

#[test]
fn a_message_that_is_too_short_is_refused() {
    for &number in SERVED {
        let mut rig = Rig::new();
        let slots = arguments(&mut rig, number);
        // Who halts needs no arguments.
        if slots.is_empty() || number == REBOOT {
            continue;
        }
        let expected = match number {
            // Its error is its value.
            CLOCK_NANOSLEEP => Ok(Errno::EINVAL as i64),
            _ => Err(Errno::EINVAL),
        };
        assert_eq!(rig.call(number, &[]), expected, "{:?}", numbers::name(number));
    }
}
