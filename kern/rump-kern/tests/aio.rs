//! Asynchronous input and output, by the kernel's threads and without them.

mod common;

use common::*;
use rump_abi::{AddressFamily, Errno, Errno::*, OpenFlags, Signal, SocketType, TimeSpec};
use rump_host_sim::SimHost;
use rump_kern::*;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Raised = Arc<Mutex<Vec<Signal>>>;

struct Rig {
    host: Arc<SimHost>,
    p: Process,
    raised: Raised,
}

/// Does a test with threads and without.
fn both(test: impl Fn(Rig)) {
    ["1", "0"].into_iter().for_each(|threads| test(rig(threads)));
}

fn rig(threads: &str) -> Rig {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", threads);
    let raised = Raised::default();
    let noted = raised.clone();
    let raise = move |_, signal| {
        noted.lock().unwrap().push(signal);
        Handling::Ignored
    };
    let builder = Kernel::builder(host.clone()).component(rumpfs_tmpfs::component());
    let builder = builder.component(rumpnet_local::component());
    let kernel = builder.signals(SignalModel::Raise(Arc::new(raise))).boot().unwrap();
    Rig { host, p: kernel.process(), raised }
}

fn bytes(bytes: impl Into<Vec<u8>>) -> Arc<AioBytes> {
    Arc::new(AioBytes::new(bytes.into()))
}

fn request(key: u64, fd: Fd, offset: u64, buffer: &Arc<AioBytes>) -> AioRequest {
    AioRequest { key: AioKey(key), fd, offset, buffer: buffer.clone(), notify: Notify::None }
}

fn wait(p: &Process, key: u64) -> Result<usize, Errno> {
    p.aio_suspend(&[AioKey(key)], None).unwrap();
    p.aio_return(AioKey(key)).map_err(|error| error.errno)
}

fn is_in_progress(p: &Process, key: u64) -> bool {
    p.aio_error(AioKey(key)).unwrap() == AioStatus::InProgress
}

fn until(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30));
        std::thread::yield_now();
    }
}

#[test]
fn what_is_written_is_read() {
    both(|Rig { p, raised, .. }| {
        let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
        let data: Vec<u8> = (0..100_000_u32).map(|byte| byte as u8).collect();
        let mut write = request(1, fd, 5, &bytes(data.clone()));
        write.notify = Notify::Signal(Signal::SIGUSR1);
        p.aio_write(&write).unwrap();
        assert_eq!(wait(&p, 1), Ok(100_000));
        until(|| *raised.lock().unwrap() == [Signal::SIGUSR1]);
        let buffer = bytes(vec![0; 200_000]);
        p.aio_read(&request(2, fd, 5, &buffer)).unwrap();
        p.aio_suspend(&[AioKey(2)], None).unwrap();
        assert_eq!(p.aio_error(AioKey(2)).unwrap(), AioStatus::Done(100_000));
        assert_eq!(p.aio_return(AioKey(2)).unwrap(), 100_000);
        assert!(buffer.to_vec()[..100_000] == data[..]);
        // The open file's offset stays where it was.
        assert_eq!(p.lseek(fd, 0, Whence::Cur).unwrap(), 0);
        fails(p.aio_error(AioKey(2)), EINVAL);
        fails(p.aio_return(AioKey(2)), EINVAL);
    });
}

#[test]
fn errors_come_when_they_are_known() {
    both(|Rig { p, .. }| {
        put(&p, "/f", b"content");
        let (r, w) =
            (open(&p, "/f", OpenFlags::empty()).unwrap(), open(&p, "/f", OpenFlags::WRONLY).unwrap());
        let buffer = bytes([0; 9]);
        fails(p.aio_read(&request(1, Fd(99), 0, &buffer)), EBADF);
        fails(p.aio_read(&request(1, w, 0, &buffer)), EBADF);
        fails(p.aio_write(&request(1, r, 0, &buffer)), EBADF);
        fails(p.aio_fsync(AioSync::All, AioKey(1), r, Notify::None), EBADF);
        fails(p.aio_read(&request(1, r, u64::MAX, &buffer)), EINVAL);
        let [_, pipe] = p.pipe().unwrap();
        fails(p.aio_fsync(AioSync::All, AioKey(1), pipe, Notify::None), EINVAL);
        fails(p.aio_error(AioKey(1)), EINVAL);
        let dir = open(&p, "/", OpenFlags::empty()).unwrap();
        p.aio_read(&request(1, dir, 0, &buffer)).unwrap();
        assert_eq!(wait(&p, 1), Err(EISDIR));
        p.aio_write(&request(1, w, i64::MAX as u64, &buffer)).unwrap();
        p.aio_suspend(&[AioKey(1)], None).unwrap();
        assert!(matches!(p.aio_error(AioKey(1)).unwrap(), AioStatus::Failed(error) if error.errno == EFBIG));
        // A result that nobody took makes room for the next request of that key.
        p.aio_read(&request(1, r, 0, &buffer)).unwrap();
        assert_eq!(wait(&p, 1), Ok(7));
    });
}

#[test]
fn a_read_of_a_pipe_waits_for_what_is_written() {
    both(|Rig { p, .. }| {
        let [r, w] = p.pipe().unwrap();
        let buffers: Vec<_> = (0..20).map(|_| bytes([0; 4])).collect();
        for (buffer, key) in buffers.iter().zip(0..) {
            p.aio_read(&request(key, r, 0, buffer)).unwrap();
        }
        // More wait than there are threads, and others go on.
        let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
        p.aio_write(&request(99, fd, 0, &bytes(*b"x"))).unwrap();
        assert_eq!(wait(&p, 99), Ok(1));
        assert!(is_in_progress(&p, 0));
        fails(p.aio_return(AioKey(0)), EINVAL);
        fails(p.aio_read(&request(0, r, 0, &buffers[0])), EINVAL);
        for key in 0..20 {
            p.write(w, &[key as u8; 4]).unwrap();
        }
        for (buffer, key) in buffers.iter().zip(0..) {
            assert_eq!(wait(&p, key), Ok(4));
            assert_eq!(buffer.to_vec(), [key as u8; 4]);
        }
        p.aio_read(&request(0, r, 0, &buffers[0])).unwrap();
        p.close(w).unwrap();
        assert_eq!(wait(&p, 0), Ok(0));
        let [r, _w] = p.pipe2(OpenFlags::NONBLOCK).unwrap();
        p.aio_read(&request(0, r, 0, &buffers[0])).unwrap();
        assert_eq!(wait(&p, 0), Err(EAGAIN));
    });
}

#[test]
fn a_write_goes_on_until_all_is_written() {
    both(|Rig { p, raised, .. }| {
        let [a, b] = p.socketpair(AddressFamily::Local, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
        let [r, w] = p.pipe().unwrap();
        for (from, to) in [(w, r), (a, b)] {
            let data: Vec<u8> = (0..1_000_000_u32).map(|byte| (byte >> 3) as u8).collect();
            p.aio_write(&request(1, from, 0, &bytes(data.clone()))).unwrap();
            p.aio_write(&request(2, from, 0, &bytes(*b"the end"))).unwrap();
            let mut all = Vec::new();
            while all.len() < 1_000_007 {
                let mut part = [0; 9_999];
                let count = p.read(to, &mut part).unwrap();
                all.extend_from_slice(&part[..count]);
                let _ = p.aio_error(AioKey(1));
            }
            assert!(all[..1_000_000] == data[..] && &all[1_000_000..] == b"the end");
            assert_eq!((wait(&p, 1), wait(&p, 2)), (Ok(1_000_000), Ok(7)));
        }
        p.close(r).unwrap();
        p.aio_write(&request(1, w, 0, &bytes(*b"x"))).unwrap();
        assert_eq!(wait(&p, 1), Err(EPIPE));
        assert!(raised.lock().unwrap().is_empty());
    });
}

#[test]
fn what_appends_does_so_in_order() {
    both(|Rig { p, .. }| {
        let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::WRONLY | OpenFlags::APPEND).unwrap();
        for key in 0..300 {
            p.aio_write(&request(key, fd, 77, &bytes([key as u8; 100]))).unwrap();
        }
        p.aio_fsync(AioSync::Data, AioKey(1000), fd, Notify::None).unwrap();
        assert_eq!(wait(&p, 1000), Ok(0));
        for key in 0..300 {
            assert_eq!(p.aio_return(AioKey(key)).unwrap(), 100);
        }
        let mut content = vec![0; 40_000];
        let r = open(&p, "/f", OpenFlags::empty()).unwrap();
        assert_eq!(p.read(r, &mut content).unwrap(), 30_000);
        assert!(content[..30_000].chunks(100).zip(0..).all(|(part, key)| part == [key as u8; 100]));
    });
}

#[test]
fn suspending_ends_by_a_timeout_and_an_interruption() {
    both(|Rig { host, p, .. }| {
        let [r, w] = p.pipe().unwrap();
        p.aio_read(&request(1, r, 0, &bytes([0; 4]))).unwrap();
        let short = Some(TimeSpec { sec: 0, nsec: 0 });
        fails(p.aio_suspend(&[AioKey(1)], short), EAGAIN);
        fails(p.aio_suspend(&[], short), EAGAIN);
        fails(p.aio_suspend(&[AioKey(1)], Some(TimeSpec { sec: -1, nsec: 0 })), EINVAL);
        p.aio_suspend(&[AioKey(1), AioKey(2)], None).unwrap();
        let suspend = |timeout| {
            let p = p.clone();
            std::thread::spawn(move || p.aio_suspend(&[AioKey(1)], timeout))
        };
        let thread = suspend(Some(TimeSpec { sec: 1000, nsec: 0 }));
        until(|| {
            host.advance(Duration::from_secs(1));
            thread.is_finished()
        });
        fails(thread.join().unwrap(), EAGAIN);
        let thread = suspend(None);
        until(|| {
            p.interrupt();
            thread.is_finished()
        });
        fails(thread.join().unwrap(), EINTR);
        let thread = suspend(None);
        p.write(w, b"x").unwrap();
        thread.join().unwrap().unwrap();
        assert_eq!(wait(&p, 1), Ok(1));
    });
}

#[test]
fn what_was_not_begun_can_be_cancelled() {
    both(|Rig { p, raised, .. }| {
        let [r, w] = p.pipe().unwrap();
        let [other, _w] = p.pipe().unwrap();
        for key in 1..=3 {
            let mut read = request(key, r, 0, &bytes([0; 4]));
            read.notify = Notify::Signal(Signal::SIGUSR2);
            p.aio_read(&read).unwrap();
        }
        p.aio_read(&request(9, other, 0, &bytes([0; 4]))).unwrap();
        // It is a matter of moments until the first waits for the pipe.
        until(|| p.aio_cancel(r, Some(AioKey(1))).unwrap() != AioCancel::NotCanceled);
        assert!(
            matches!(p.aio_error(AioKey(1)).unwrap(), AioStatus::Failed(error) if error.errno == ECANCELED)
        );
        assert_eq!(raised.lock().unwrap().len(), 1);
        p.write(w, b"2").unwrap();
        assert_eq!(wait(&p, 2), Ok(1));
        assert_eq!(p.aio_cancel(r, Some(AioKey(2))).unwrap(), AioCancel::AllDone);
        until(|| p.aio_cancel(r, None).unwrap() == AioCancel::Canceled || !is_in_progress(&p, 3));
        assert_eq!(wait(&p, 3), Err(ECANCELED));
        assert_eq!(p.aio_cancel(r, None).unwrap(), AioCancel::AllDone);
        fails(p.aio_cancel(Fd(99), None), EBADF);
        assert!(is_in_progress(&p, 9));
    });
}

#[test]
fn a_list_is_waited_for_or_told_of() {
    both(|Rig { p, raised, .. }| {
        let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
        let write = |key: u64| {
            let mut request = request(key, fd, key * 10, &bytes([key as u8; 10]));
            request.notify = Notify::Signal(Signal::SIGUSR1);
            (AioOperation::Write, request)
        };
        let list: Vec<_> = (0..100).map(write).collect();
        p.lio_listio(&list, ListMode::Wait).unwrap();
        until(|| raised.lock().unwrap().len() == 100);
        (0..100).for_each(|key| assert_eq!(p.aio_return(AioKey(key)).unwrap(), 10));
        raised.lock().unwrap().clear();
        let list: Vec<_> =
            (0..100).map(|key| (AioOperation::Read, request(key, fd, key * 10, &bytes([0; 10])))).collect();
        p.lio_listio(&list, ListMode::NoWait(Notify::Signal(Signal::SIGIO))).unwrap();
        until(|| *raised.lock().unwrap() == [Signal::SIGIO]);
        (0..100).for_each(|key| assert_eq!(p.aio_return(AioKey(key)).unwrap(), 10));
        p.lio_listio(&[], ListMode::NoWait(Notify::Signal(Signal::SIGHUP))).unwrap();
        assert_eq!(raised.lock().unwrap().pop(), Some(Signal::SIGHUP));
        p.lio_listio(&[], ListMode::Wait).unwrap();
        let long = vec![list[0].clone(); 513];
        fails(p.lio_listio(&long, ListMode::Wait), EINVAL);
    });
}

#[test]
fn what_fails_in_a_list_leaves_the_others_alone() {
    both(|Rig { p, .. }| {
        let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
        let dir = open(&p, "/", OpenFlags::empty()).unwrap();
        let buffer = bytes([1; 10]);
        let list = |bad: Fd| {
            vec![
                (AioOperation::Write, request(1, fd, 0, &buffer)),
                (AioOperation::Read, request(2, bad, 0, &bytes([0; 10]))),
                (AioOperation::Write, request(3, fd, 10, &buffer)),
            ]
        };
        for (bad, errno) in [(Fd(99), EBADF), (dir, EISDIR)] {
            fails(p.lio_listio(&list(bad), ListMode::Wait), EIO);
            assert_eq!([1, 2, 3].map(|key| wait(&p, key)), [Ok(10), Err(errno), Ok(10)]);
        }
        // Without waiting it is known of none but the first.
        p.lio_listio(&list(dir), ListMode::NoWait(Notify::None)).unwrap();
        assert_eq!([1, 2, 3].map(|key| wait(&p, key)), [Ok(10), Err(EISDIR), Ok(10)]);
        fails(p.lio_listio(&list(Fd(99)), ListMode::NoWait(Notify::None)), EIO);
        assert_eq!([1, 2, 3].map(|key| wait(&p, key)), [Ok(10), Err(EBADF), Ok(10)]);
    });
}

#[test]
fn there_is_an_end_to_how_many_are_in_progress() {
    both(|Rig { p, .. }| {
        let [r, w] = p.pipe().unwrap();
        let buffer = bytes([0; 1]);
        for key in 0..512 {
            p.aio_read(&request(key, r, 0, &buffer)).unwrap();
        }
        fails(p.aio_read(&request(512, r, 0, &buffer)), EAGAIN);
        let list = [(AioOperation::Read, request(600, r, 0, &buffer))];
        fails(p.lio_listio(&list, ListMode::Wait), EAGAIN);
        assert_eq!(wait(&p, 600), Err(EAGAIN));
        p.close(w).unwrap();
        (0..512).for_each(|key| assert_eq!(wait(&p, key), Ok(0)));
        p.aio_read(&request(512, r, 0, &buffer)).unwrap();
        assert_eq!(wait(&p, 512), Ok(0));
    });
}

#[test]
fn requests_keep_neither_their_process_nor_its_kernel() {
    both(|Rig { host, p, .. }| {
        let buffer = bytes([0; 1]);
        let child = p.fork();
        for p in [&p, &child] {
            let [r, _w] = p.pipe().unwrap();
            (0..9).for_each(|key| p.aio_read(&request(key, r, 0, &buffer)).unwrap());
        }
        child.exit();
        fails(child.aio_error(AioKey(0)), EINVAL);
        drop((p, child));
        until(|| Arc::strong_count(&host) == 1 && Arc::strong_count(&buffer) == 1);
    });
}

#[test]
fn another_program_has_no_requests() {
    both(|Rig { p, raised, .. }| {
        let [read, write] = p.pipe().unwrap();
        p.fcntl(write, Fcntl::SetFd { cloexec: true }).unwrap();
        let writer = p.dup(write).unwrap();
        let buffer = bytes([0; 3]);
        let told = AioRequest { notify: Notify::Signal(Signal::SIGUSR1), ..request(1, read, 0, &buffer) };
        p.aio_read(&told).unwrap();
        p.aio_read(&request(2, read, 0, &bytes([0; 3]))).unwrap();
        p.exec();
        assert_eq!(p.aio_error(AioKey(1)).unwrap_err().errno, EINVAL);
        assert_eq!(p.write(write, b"x").unwrap_err().errno, EBADF);
        until(|| Arc::strong_count(&buffer) == 2);
        // What comes is the new program's, whose requests may have the same keys.
        assert_eq!(p.write(writer, b"abc").unwrap(), 3);
        let other = bytes([0; 3]);
        p.aio_read(&request(1, read, 0, &other)).unwrap();
        assert_eq!(wait(&p, 1), Ok(3));
        assert_eq!((other.to_vec(), buffer.to_vec()), (b"abc".to_vec(), vec![0; 3]));
        assert!(raised.lock().unwrap().is_empty());
    });
}

#[test]
fn a_halt_ends_all() {
    both(|Rig { p, .. }| {
        let [r, _w] = p.pipe().unwrap();
        p.aio_read(&request(1, r, 0, &bytes([0; 1]))).unwrap();
        let waiter = p.clone();
        let thread = std::thread::spawn(move || waiter.aio_suspend(&[AioKey(1)], None));
        p.reboot().unwrap();
        fails(thread.join().unwrap(), ENXIO);
        fails(p.aio_error(AioKey(1)), ENXIO);
        fails(p.aio_read(&request(2, r, 0, &bytes([0; 1]))), ENXIO);
    });
}
