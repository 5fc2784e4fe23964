//! Nodes of the root file system as programs see them.
#![forbid(unsafe_code)]

use rump_abi::event::{Event, EventFlags, Filter};
use rump_abi::{DevNumber, Errno, FileType, Mode, OpenFlags, PollEvents};
use rump_host_sim::SimHost;
use rump_hyper::Hypervisor;
use rump_kern::{Credentials, Kernel, MountArgs, PollFd, Process};
use rump_kpi::KResult;
use std::time::Duration;

fn boot(seed: u64) -> Process {
    let host: std::sync::Arc<dyn Hypervisor> = SimHost::new(seed);
    let builder = Kernel::builder(host).component(rumpfs_tmpfs::component());
    rumpdev_mem::components().into_iter().fold(builder, |b, c| b.component(c)).boot().unwrap().process()
}

fn fails<T: std::fmt::Debug>(answer: KResult<T>, errno: Errno) {
    assert_eq!(answer.unwrap_err().errno, errno);
}

const MODE: Mode = Mode::new(0);

#[test]
fn nodes_are_there_and_say_what_they_are() {
    let process = boot(1);
    for (path, major, minor, mode) in [
        ("/dev/null", 2, 2, 0o666),
        ("/dev/zero", 2, 12, 0o666),
        ("/dev/random", 46, 0, 0o666),
        ("/dev/urandom", 46, 1, 0o644),
    ] {
        let stat = process.stat(path).unwrap();
        assert_eq!((stat.file_type, stat.rdev), (FileType::CharDevice, DevNumber { major, minor }), "{path}");
        assert_eq!(stat.mode, Mode::new(mode), "{path}");
        let fd = process.open(path, OpenFlags::RDWR, MODE).unwrap();
        assert_eq!(process.fstat(fd).unwrap(), process.stat(path).unwrap());
    }
}

#[test]
fn null_zero_and_random_answer_what_they_are_for() {
    let read = |process: &Process, path: &str| {
        let fd = process.open(path, OpenFlags::RDWR | OpenFlags::TRUNC, MODE).unwrap();
        assert_eq!(process.writev(fd, &[b"gone", b"too"]).unwrap(), 7);
        let (mut one, mut two) = ([7_u8; 24], [7_u8; 8]);
        let count = process.readv(fd, &mut [&mut one, &mut two]).unwrap();
        fails(process.pread(fd, &mut one, 0), Errno::ESPIPE);
        process.close(fd).unwrap();
        [&one[..], &two].concat()[..count].to_vec()
    };
    let process = boot(1);
    assert_eq!(read(&process, "/dev/null"), b"");
    assert_eq!(read(&process, "/dev/zero"), [0; 32]);
    let random = read(&process, "/dev/random");
    assert_eq!(random.len(), 32);
    assert_ne!(random, read(&process, "/dev/urandom"));
    assert_ne!(random, [7; 32]);
}

#[test]
fn the_file_systems_that_are_mounted_have_no_devices() {
    let process = boot(1);
    process.mkdir("/m", Mode::new(0o755)).unwrap();
    process.mount("tmpfs", "/m", MountArgs::default()).unwrap();
    let null = DevNumber { major: 2, minor: 2 };
    for path in ["/m/null", "/null"] {
        process.mknod(path, FileType::CharDevice, Mode::new(0o666), null).unwrap();
    }
    fails(process.open("/m/null", OpenFlags::RDWR, MODE), Errno::ENXIO);
    process.open("/null", OpenFlags::RDWR, MODE).unwrap();
    // Neither a number that nobody has, nor a block device with one that somebody has.
    for (path, file_type, number) in [
        ("/block", FileType::BlockDevice, null),
        ("/unit", FileType::CharDevice, DevNumber { major: 2, minor: 3 }),
        ("/driver", FileType::CharDevice, DevNumber { major: 99, minor: 0 }),
    ] {
        process.mknod(path, file_type, Mode::new(0o666), number).unwrap();
        fails(process.open(path, OpenFlags::RDWR, MODE), Errno::ENXIO);
    }
}

#[test]
fn permissions_are_those_of_the_node() {
    let process = boot(1);
    process.set_credentials(Credentials { uid: 7, gid: 7, ..Credentials::root() });
    process.open("/dev/null", OpenFlags::RDWR, MODE).unwrap();
    process.open("/dev/urandom", OpenFlags::empty(), MODE).unwrap();
    fails(process.open("/dev/urandom", OpenFlags::WRONLY, MODE), Errno::EACCES);
    fails(process.mknod("/n", FileType::CharDevice, MODE, DevNumber::default()), Errno::EPERM);
}

#[test]
fn they_can_always_be_read_and_written() {
    let process = boot(1);
    let fd = process.open("/dev/zero", OpenFlags::RDWR, MODE).unwrap();
    let mut fds = [PollFd::new(fd, PollEvents::IN | PollEvents::OUT)];
    assert_eq!(process.poll(&mut fds, Some(Duration::ZERO)).unwrap(), 1);
    assert_eq!(fds[0].revents, PollEvents::IN | PollEvents::OUT);
    let queue = process.kqueue().unwrap();
    let add = Event {
        filter: Filter::Read,
        ident: fd.0.into(),
        flags: EventFlags::ADD,
        fflags: 0,
        data: 0,
        udata: 5,
    };
    let events = process.kevent(queue, &[add], 4, Some(Duration::ZERO)).unwrap();
    assert_eq!((events.len(), events[0].udata), (1, 5));
    // FIONBIO, FIONREAD and one that it does not know, by number.
    process.ioctl_by_number(fd, 0x8004_667e, &mut 1_u32.to_le_bytes()).unwrap();
    let mut count = [9; 4];
    process.ioctl_by_number(fd, 0x4004_667f, &mut count).unwrap();
    assert_eq!(count, [0; 4]);
    fails(process.ioctl_by_number(fd, 0x2000_4268, &mut []), Errno::ENOTTY);
    fails(process.ioctl_by_number(fd, 0x4004_667f, &mut [0; 3]), Errno::EINVAL);
}
