//! Bytes as what a client asks of a server: system calls with arguments of any kind, over memory of any content.
//!
//! The first bytes are the client's memory. A step behind them is a call and its arguments, each a byte that says of which kind
//! it is, and what that needs. Calls that would wait for somebody else are not made, as nobody else is there.

use rump_host_sim::SimHost;
use rump_kpi::{Errno, KResult};
use rump_sysproxy::calls::{self, Args, Requests, SERVED};
use rump_sysproxy::memory::ClientMemory;
use rumpkit::Process;

/// Where the client's memory begins, and how long it is; what is given to it beyond its content is zero.
const BASE: u64 = 0x1_0000;
const LENGTH: usize = 1 << 16;
/// Bytes of its content.
const CONTENT: usize = 512;
const MOST_STEPS: usize = 64;
const ARGUMENTS: usize = 6;

/// Numbers of calls that wait for disks alone, of which there are none.
const OF_DISKS: [u32; 7] = [21, 22, 36, 95, 241, 354, 410];
/// `open`, `openat` and `fhopen`, each with the slot of its flags: a fifo would wait.
const OPENING: [(u32, usize); 3] = [(5, 1), (468, 2), (396, 2)];
const NONBLOCK: u64 = 0x4;

struct Memory(Vec<u8>);

impl Memory {
    fn place(&mut self, address: u64, length: usize) -> KResult<&mut [u8]> {
        let begin = address.checked_sub(BASE).and_then(|begin| usize::try_from(begin).ok());
        let rest = begin.and_then(|begin| self.0.get_mut(begin..)).ok_or(Errno::EFAULT)?;
        rest.get_mut(..length).ok_or_else(|| Errno::EFAULT.into())
    }
}

impl ClientMemory for Memory {
    fn copyin(&mut self, address: u64, into: &mut [u8]) -> KResult<()> {
        into.copy_from_slice(self.place(address, into.len())?);
        Ok(())
    }

    fn copyinstr(&mut self, address: u64, most: usize) -> KResult<Vec<u8>> {
        let left = (BASE + LENGTH as u64).saturating_sub(address);
        let bytes = self.place(address, most.min(left as usize))?;
        let end = bytes.iter().position(|byte| *byte == 0).ok_or(Errno::ENAMETOOLONG)?;
        Ok(bytes[..end].to_vec())
    }

    fn copyout(&mut self, address: u64, bytes: &[u8]) -> KResult<()> {
        self.place(address, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    fn map(&mut self, _length: u64) -> KResult<u64> {
        Err(Errno::ENOMEM.into())
    }
}

struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u64 {
        u16::from_le_bytes([self.byte(), self.byte()]).into()
    }

    fn argument(&mut self) -> u64 {
        match self.byte() % 8 {
            0 => 0,
            1 => u64::MAX,
            // Descriptors, lengths, flags.
            2 | 3 => (self.byte() % 16).into(),
            4 => self.word(),
            5 => 1 << (self.byte() % 64),
            // Of the content, so that it means something.
            6 => BASE + self.word() % CONTENT as u64,
            _ => BASE + self.word(),
        }
    }
}

/// Runs it: it ends, and no call keeps more than its memory is long.
pub fn run(data: &[u8]) {
    let (content, steps) = data.split_at(data.len().min(CONTENT));
    let Ok(kernel) = rumpkit::kernel(SimHost::new(1)) else { return };
    let process = kernel.process();
    let mut memory = Memory(vec![0; LENGTH]);
    memory.0[..content.len()].copy_from_slice(content);
    let (mut script, requests) = (Script(steps), Requests::default());
    for _ in 0..MOST_STEPS {
        if script.0.is_empty() {
            break;
        }
        step(&process, &requests, &mut memory, &mut script);
    }
}

fn step(process: &Process, requests: &Requests, memory: &mut Memory, script: &mut Script<'_>) {
    let number = SERVED[usize::from(script.byte()) % SERVED.len()];
    let mut slots = [(); ARGUMENTS].map(|()| script.argument());
    for (_, slot) in OPENING.iter().filter(|(opening, _)| *opening == number) {
        slots[*slot] |= NONBLOCK;
    }
    let body: Vec<u8> = slots.iter().flat_map(|slot| slot.to_ne_bytes()).collect();
    let Ok(args) = Args::new(&body) else { return };
    if OF_DISKS.contains(&number) || !calls::may_wait(process, number, args) {
        let _ = calls::call(process, requests, number, args, memory);
    }
}

/// Memory with paths, addresses and small numbers in it, and calls.
pub fn seed(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u8
    };
    let mut bytes = b"/a\0b\0/\0tmpfs\0user.x\0..\0".to_vec();
    bytes.resize(64, 0);
    // An address of a socket, and structures that point into this memory.
    bytes.extend([16, 2, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    while bytes.len() < CONTENT {
        bytes.extend([next(), next() % 2, 1, 0, 0, 0, 0, 0, next() % 64, 0, 0, 0, 0, 0, 0, 0]);
    }
    bytes.extend((0..1024).map(|_| next()));
    bytes
}
