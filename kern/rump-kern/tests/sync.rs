//! Which call asks a driver to make what durable, on a file system that counts.

mod common;

use common::*;
use rump_abi::{DevNumber, Errno, FileFlags, FileType, Ino, OpenFlags, StatVfs, TimeSpec};
use rump_host_sim::SimHost;
use rump_kern::{Fcntl, Kernel, Process};
use rump_kpi::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const ROOT: Ino = Ino(1);
const FILE: Ino = Ino(2);

/// Calls of `fsync`, `fdatasync` and of `sync` of the file system.
struct Counts {
    fsync: AtomicUsize,
    fdatasync: AtomicUsize,
    sync: AtomicUsize,
}

/// A file system of one file, `f`, that takes every write and keeps nothing.
struct CountingType(Counts);

static COUNTING: [CountingType; 4] = [const {
    CountingType(Counts {
        fsync: AtomicUsize::new(0),
        fdatasync: AtomicUsize::new(0),
        sync: AtomicUsize::new(0),
    })
}; 4];

impl FileSystemType for CountingType {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn probe(&self, _device: &Arc<dyn BlockDevice>) -> KResult<Option<FileSystemInfo>> {
        Ok(None)
    }

    fn mount(
        &self,
        _device: Option<Arc<dyn BlockDevice>>,
        _read_only: bool,
        options: &str,
        _environment: &Environment,
    ) -> KResult<Arc<dyn FileSystem>> {
        let counter = options.parse::<usize>().ok().and_then(|number| COUNTING.get(number));
        Ok(Arc::new(Counting(&counter.ok_or(Errno::EINVAL)?.0)))
    }
}

struct Counting(&'static Counts);

impl FileSystem for Counting {
    fn root(&self) -> Ino {
        ROOT
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        Ok(Arc::new(CountingNode { counts: self.0, is_root: ino == ROOT }))
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        Err(Errno::ENOTSUP.into())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::WRITE
    }

    fn sync(&self) -> KResult<()> {
        self.0.sync.fetch_add(1, SeqCst);
        Ok(())
    }
}

struct CountingNode {
    counts: &'static Counts,
    is_root: bool,
}

impl Node for CountingNode {
    fn attr(&self) -> KResult<Attr> {
        let time = TimeSpec::default();
        Ok(Attr {
            file_type: if self.is_root { FileType::Directory } else { FileType::Regular },
            mode: mode(0o777),
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: DevNumber::default(),
            size: 0,
            blocks: 0,
            blksize: 512,
            atime: time,
            mtime: time,
            ctime: time,
            birthtime: None,
            flags: FileFlags::empty(),
        })
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        if self.is_root && name == b"f" { Ok(FILE) } else { Err(Errno::ENOENT.into()) }
    }

    fn write_at(&self, _offset: u64, buf: &[u8]) -> KResult<usize> {
        Ok(buf.len())
    }

    fn fsync(&self) -> KResult<()> {
        self.counts.fsync.fetch_add(1, SeqCst);
        Ok(())
    }

    fn fdatasync(&self) -> KResult<()> {
        self.counts.fdatasync.fetch_add(1, SeqCst);
        Ok(())
    }
}

/// A process with the file system of this number at `/m`.
fn mounted(number: usize) -> (Process, &'static Counts) {
    let kernel = Kernel::builder(SimHost::new(1))
        .component(rumpfs_tmpfs::component())
        .component(Component::FileSystem(&COUNTING[number]))
        .boot()
        .unwrap();
    let process = kernel.process();
    process.mkdir("/m", mode(0o755)).unwrap();
    let options = number.to_string();
    process.mount("counting", "/m", rump_kern::MountArgs { options, ..Default::default() }).unwrap();
    (process, &COUNTING[number].0)
}

fn counted(counts: &Counts) -> (usize, usize) {
    (counts.fsync.load(SeqCst), counts.fdatasync.load(SeqCst))
}

#[test]
fn writes_are_made_durable_as_the_flags_say() {
    let (p, counts) = mounted(0);
    let plain = open(&p, "/m/f", OpenFlags::WRONLY).unwrap();
    p.write(plain, b"x").unwrap();
    assert_eq!(counted(counts), (0, 0));
    let data = open(&p, "/m/f", OpenFlags::WRONLY | OpenFlags::DSYNC).unwrap();
    p.write(data, b"x").unwrap();
    p.pwritev(data, &[b"x", b"y"], 7).unwrap();
    assert_eq!(counted(counts), (0, 2));
    let all = open(&p, "/m/f", OpenFlags::WRONLY | OpenFlags::SYNC | OpenFlags::DSYNC).unwrap();
    p.pwrite(all, b"x", 0).unwrap();
    assert_eq!(counted(counts), (1, 2));
}

#[test]
fn flags_that_are_set_later_count() {
    let (p, counts) = mounted(1);
    let fd = open(&p, "/m/f", OpenFlags::WRONLY).unwrap();
    p.fcntl(fd, Fcntl::SetFl(OpenFlags::DSYNC)).unwrap();
    p.write(fd, b"x").unwrap();
    p.fcntl(fd, Fcntl::SetFl(OpenFlags::SYNC)).unwrap();
    p.write(fd, b"x").unwrap();
    assert_eq!(counted(counts), (1, 1));
    assert_eq!(p.fcntl(fd, Fcntl::GetFl).unwrap(), (OpenFlags::WRONLY | OpenFlags::SYNC).bits());
}

#[test]
fn fsync_and_fdatasync_are_told_apart() {
    let (p, counts) = mounted(2);
    let fd = open(&p, "/m/f", OpenFlags::empty()).unwrap();
    p.fsync(fd).unwrap();
    assert_eq!(counted(counts), (1, 0));
    p.fdatasync(fd).unwrap();
    assert_eq!(counted(counts), (1, 1));
}

#[test]
fn sync_unmount_and_halt_ask_the_file_system() {
    let (p, counts) = mounted(3);
    p.sync().unwrap();
    let before = counts.sync.load(SeqCst);
    assert!(before >= 1);
    p.unmount("/m", rump_kern::Unmount::Normal).unwrap();
    assert!(counts.sync.load(SeqCst) > before);
    let options = "3".to_string();
    p.mount("counting", "/m", rump_kern::MountArgs { options, ..Default::default() }).unwrap();
    let before = counts.sync.load(SeqCst);
    p.reboot().unwrap();
    assert!(counts.sync.load(SeqCst) > before);
}
