//! A kernel, a process of it, and memory of a client.

use rump_abi::netbsd::Layout;
use rump_abi::{AddressFamily, Errno, Mode, OpenFlags, SocketType};
use rump_host_posix::PosixHost;
use rump_kern::{Fd, Kernel, Process};
use rump_kpi::KResult;
use rump_sysproxy::calls::{self, Args, Requests, Values};
use rump_sysproxy::memory::ClientMemory;

/// Where the memory of the client begins, and how much there is.
pub const BASE: u64 = 0x7f00_0000_0000;
const LENGTH: usize = 4 << 20;
/// An address where there is none.
pub const NOWHERE: u64 = 0xdead_0000_0000;

pub struct Arena {
    bytes: Vec<u8>,
    used: usize,
}

impl Arena {
    fn range(&self, address: u64, length: usize) -> KResult<std::ops::Range<usize>> {
        let begin =
            address.checked_sub(BASE).and_then(|begin| usize::try_from(begin).ok()).ok_or(Errno::EFAULT)?;
        let end = begin.checked_add(length).filter(|end| *end <= self.bytes.len());
        Ok(begin..end.ok_or(Errno::EFAULT)?)
    }
}

impl ClientMemory for Arena {
    fn copyin(&mut self, address: u64, into: &mut [u8]) -> KResult<()> {
        let range = self.range(address, into.len())?;
        into.copy_from_slice(&self.bytes[range]);
        Ok(())
    }

    fn copyinstr(&mut self, address: u64, most: usize) -> KResult<Vec<u8>> {
        let begin = self.range(address, 0)?.start;
        let there = &self.bytes[begin..];
        let there = &there[..there.len().min(most)];
        let end = there.iter().position(|byte| *byte == 0);
        let short = if there.len() < most { Errno::EFAULT } else { Errno::ENAMETOOLONG };
        Ok(there[..end.ok_or(short)?].to_vec())
    }

    fn copyout(&mut self, address: u64, bytes: &[u8]) -> KResult<()> {
        let range = self.range(address, bytes.len())?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    fn map(&mut self, _length: u64) -> KResult<u64> {
        Err(Errno::ENOMEM.into())
    }
}

pub struct Rig {
    pub process: Process,
    requests: Requests,
    pub arena: Arena,
    /// A regular file, `/file`, which can be read and written, and the root.
    pub file: u64,
    pub root: u64,
    /// Two sockets that are connected.
    pub pair: [u64; 2],
}

impl Rig {
    pub fn new() -> Self {
        let builder = Kernel::builder(PosixHost::new()).component(rumpfs_tmpfs::component());
        let builder = builder.component(rumpnet_local::component()).component(rumpnet_inet::component());
        let kernel = builder.boot().unwrap();
        let process = kernel.process();
        let file = process.open("/file", OpenFlags::CREAT | OpenFlags::RDWR, Mode::new(0o644)).unwrap();
        process.pwrite(file, b"content", 0).unwrap();
        process.mkdir("/dir", Mode::new(0o755)).unwrap();
        process.symlink("file", "/link").unwrap();
        let root = process.open("/", OpenFlags::DIRECTORY, Mode::new(0)).unwrap();
        let flags = OpenFlags::empty();
        let pair = process.socketpair(AddressFamily::Local, SocketType::Stream, 0, flags).unwrap();
        process.send(pair[1], b"hello", rump_abi::MessageFlags::empty()).unwrap();
        let number = |fd: Fd| u64::from(fd.0);
        let arena = Arena { bytes: vec![0; LENGTH], used: 0 };
        let (file, root, pair) = (number(file), number(root), pair.map(number));
        Self { process, requests: Requests::default(), arena, file, root, pair }
    }

    /// Room that is zero; its address.
    pub fn room(&mut self, length: usize) -> u64 {
        let begin = self.arena.used;
        self.arena.used = (begin + length).next_multiple_of(16);
        assert!(self.arena.used <= LENGTH);
        BASE + begin as u64
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> u64 {
        let address = self.room(bytes.len());
        self.arena.copyout(address, bytes).unwrap();
        address
    }

    pub fn clear(&mut self, address: u64, length: usize) {
        self.arena.copyout(address, &vec![0; length]).unwrap();
    }

    pub fn text(&mut self, text: &str) -> u64 {
        self.bytes(&[text.as_bytes(), &[0]].concat())
    }

    pub fn place(&mut self, value: &impl Layout) -> u64 {
        self.bytes(&value.to_bytes())
    }

    pub fn at(&mut self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.arena.copyin(address, &mut bytes).unwrap();
        bytes
    }

    pub fn read<T: Layout>(&mut self, address: u64) -> T {
        T::read(&self.at(address, T::SIZE)).unwrap()
    }

    pub fn both(&mut self, number: u32, slots: &[u64]) -> Result<Values, Errno> {
        let body: Vec<u8> = slots.iter().flat_map(|slot| slot.to_ne_bytes()).collect();
        let args = Args::new(&body).map_err(|error| error.errno)?;
        calls::call(&self.process, &self.requests, number, args, &mut self.arena).map_err(|error| error.errno)
    }

    /// Makes a call; what is in the first register.
    pub fn call(&mut self, number: u32, slots: &[u64]) -> Result<i64, Errno> {
        self.both(number, slots).map(|[value, _]| value)
    }

    pub fn may_wait(&self, number: u32, slots: &[u64]) -> bool {
        let body: Vec<u8> = slots.iter().flat_map(|slot| slot.to_ne_bytes()).collect();
        calls::may_wait(&self.process, number, Args::new(&body).unwrap())
    }
}
