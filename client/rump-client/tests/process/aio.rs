//! Asynchronous requests: the same keys, buffers and answers as of a process that is here.

use crate::rig::Rig;
use crate::same;
use rump_abi::{Errno, Mode, OpenFlags, Signal, TimeSpec};
use rump_client::RemoteProcess;
use rump_kern::{
    AioBytes, AioCancel, AioKey, AioOperation, AioRequest, AioStatus, AioSync, Fd, ListMode, Notify,
};
use rump_kpi::KError;
use std::sync::Arc;

const RW: OpenFlags = OpenFlags::RDWR.union(OpenFlags::CREAT);
const MODE: Mode = Mode::new(0o640);
/// What no descriptor is.
const NONE: Fd = Fd(77);
const LIMIT: Option<TimeSpec> = Some(TimeSpec { sec: 10, nsec: 0 });

fn asked(key: u64, fd: Fd, offset: u64, bytes: &[u8]) -> (AioRequest, Arc<AioBytes>) {
    let bytes = Arc::new(AioBytes::new(bytes.to_vec()));
    (AioRequest { key: AioKey(key), fd, offset, buffer: bytes.clone(), notify: Notify::None }, bytes)
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq)]
struct End {
    status: Result<AioStatus, Errno>,
    taken: Result<usize, Errno>,
}

/// Waits for a request, and takes its answer.
macro_rules! end {
    ($process:ident, $key:expr) => {{
        $process.aio_suspend(&[$key], LIMIT).map_err(|error| error.errno).unwrap();
        let status = $process.aio_error($key).map_err(|error| error.errno);
        let taken = $process.aio_return($key).map_err(|error| error.errno);
        Ok::<End, KError>(End { status, taken })
    }};
}

#[test]
fn files_are_written_and_read() {
    let rig = Rig::apart();
    let fd = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    let reading = same!(rig, |process| process.open("f", OpenFlags::empty(), MODE)).unwrap();
    let content: Vec<u8> = (0..300_000u32).map(|at| (at % 251) as u8).collect();
    for (key, fd, offset) in [
        (1, fd, 0),
        (1, fd, 100),
        (2, reading, 0),
        (3, NONE, 0),
        (u64::MAX, fd, u64::MAX),
        (0, fd, i64::MAX as u64 + 1),
    ] {
        let key = AioKey(key);
        same!(rig, |process| {
            let (request, _) = asked(key.0, fd, offset, &content);
            process.aio_write(&request).and_then(|()| end!(process, key))
        })
        .ok();
        for sync in [AioSync::All, AioSync::Data] {
            same!(rig, |process| {
                process.aio_fsync(sync, key, fd, Notify::None).and_then(|()| end!(process, key))
            })
            .ok();
        }
        for length in [0, 10, 300_000, 400_000] {
            same!(rig, |process| {
                let (request, bytes) = asked(key.0, fd, offset, &vec![1; length]);
                let done = process.aio_read(&request).and_then(|()| end!(process, key));
                done.map(|done| (done, bytes.to_vec()))
            })
            .ok();
        }
    }
    assert_eq!(rig.here.fstat(fd).unwrap().size, 300_100);
}

#[test]
fn what_is_not_known_is_refused() {
    let rig = Rig::apart();
    let fd = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    let key = AioKey(5);
    same!(rig, |process| process.aio_error(key)).unwrap_err();
    same!(rig, |process| process.aio_return(key)).unwrap_err();
    same!(rig, |process| process.aio_suspend(&[key], LIMIT)).unwrap();
    let wrong = TimeSpec { sec: -1, nsec: 0 };
    same!(rig, |process| process.aio_suspend(&[key], Some(wrong))).unwrap_err();
    for (fd, key) in [(fd, None), (fd, Some(key)), (NONE, None), (NONE, Some(key))] {
        same!(rig, |process| process.aio_cancel(fd, key)).ok();
    }
    same!(rig, |process| process.aio_fsync(AioSync::All, key, NONE, Notify::None)).unwrap_err();
    same!(rig, |process| process.aio_error(key)).unwrap_err();
}

#[test]
fn a_request_that_waits_is_in_progress_until_something_comes() {
    let rig = Rig::apart();
    let [reading, writing] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    let (one, other) = (AioKey(1), AioKey(2));
    same!(rig, |process| {
        let (request, bytes) = asked(one.0, reading, 0, &[0; 8]);
        process.aio_read(&request)?;
        assert_eq!(process.aio_error(one)?, AioStatus::InProgress);
        let again = process.aio_read(&request).unwrap_err().errno;
        let early = process.aio_return(one).unwrap_err().errno;
        let soon = Some(TimeSpec { sec: 0, nsec: 1000 });
        let late = process.aio_suspend(&[one], soon).unwrap_err().errno;
        process.write(writing, b"abc")?;
        process.aio_suspend(&[one], LIMIT)?;
        // What was read is there before anybody asks how it went.
        let there = bytes.to_vec();
        Ok(((again, early, late), there, end!(process, one)?))
    })
    .unwrap();
    same!(rig, |process| {
        let (request, _) = asked(other.0, reading, 0, &[0; 8]);
        process.aio_read(&request)?;
        // A thread may just look whether something came.
        let cancelled = loop {
            match process.aio_cancel(reading, Some(other))? {
                AioCancel::NotCanceled => std::thread::yield_now(),
                cancelled => break cancelled,
            }
        };
        Ok((cancelled, process.aio_cancel(reading, None)?, end!(process, other)?))
    })
    .unwrap();
    // A key is free again, though nobody took the answer.
    same!(rig, |process| {
        for text in [b"one", b"two"] {
            process.write(writing, text)?;
            let (request, bytes) = asked(one.0, reading, 0, &[0; 3]);
            process.aio_read(&request)?;
            process.aio_suspend(&[one], LIMIT)?;
            assert_eq!(bytes.to_vec(), text);
        }
        end!(process, one)
    })
    .unwrap();
}

#[test]
fn one_thread_waits_while_another_does_what_it_waits_for() {
    let rig = Rig::new();
    let there = &rig.there;
    let [reading, writing] = there.pipe2(OpenFlags::empty()).unwrap();
    let (request, bytes) = asked(1, reading, 0, &[0; 8]);
    there.aio_read(&request).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| there.aio_suspend(&[AioKey(1)], LIMIT).unwrap());
        // It can be asked for meanwhile.
        assert_eq!(there.aio_error(AioKey(1)).unwrap(), AioStatus::InProgress);
        there.write(writing, b"abcd").unwrap();
        waiting.join().unwrap();
    });
    assert_eq!(&bytes.to_vec()[..4], b"abcd");
    assert_eq!(there.aio_return(AioKey(1)).unwrap(), 4);
}

#[test]
fn lists_begin_together() {
    let rig = Rig::apart();
    let fd = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    let [reading, _writing] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    let (read, write) = (AioOperation::Read, AioOperation::Write);
    let waits = ListMode::Wait;
    // Of each: operation, key, descriptor and offset. Those of a list may go in any order, and touch no bytes of another.
    let lists = [
        (vec![], waits),
        (vec![(write, 1, fd, 0), (write, 2, fd, 100)], waits),
        (vec![(read, 1, fd, 0), (read, 2, fd, 50), (read, 3, fd, 1000)], waits),
        (vec![(read, 1, fd, 0), (read, 2, NONE, 0), (write, 3, fd, u64::MAX)], waits),
        (vec![(read, 1, fd, 0), (read, 2, NONE, 0)], ListMode::NoWait(Notify::None)),
        (vec![(read, 1, fd, 5), (write, 2, fd, 200)], ListMode::NoWait(Notify::Signal(Signal::SIGUSR1))),
        (vec![(read, 1, fd, 5), (read, 9, fd, 7)], waits),
    ];
    // One of the keys is in progress all the while.
    same!(rig, |process| process.aio_read(&asked(9, reading, 0, &[0; 4]).0)).unwrap();
    for (list, mode) in lists {
        same!(rig, |process| {
            let (requests, buffers): (Vec<_>, Vec<_>) = list
                .iter()
                .map(|(operation, key, fd, offset)| {
                    let (request, bytes) = asked(*key, *fd, *offset, &[*key as u8; 40]);
                    ((*operation, request), bytes)
                })
                .unzip();
            let done = process.lio_listio(&requests, mode).map_err(|error| error.errno).err();
            let known = list.iter().map(|(_, key, ..)| AioKey(*key)).filter(|key| key.0 != 9);
            let ends: Vec<_> = known.map(|key| end!(process, key).unwrap()).collect();
            let bytes: Vec<_> = buffers.iter().map(|bytes| bytes.to_vec()).collect();
            Ok((done, ends, bytes))
        })
        .unwrap();
    }
    let (one, _) = asked(1, fd, 0, b"x");
    let many = vec![(write, one); 513];
    same!(rig, |process| process.lio_listio(&many, waits)).unwrap_err();
    assert_eq!(rig.there.aio_error(AioKey(9)).unwrap(), AioStatus::InProgress);
}

#[test]
fn a_server_that_has_gone_has_no_requests() {
    let rig = Rig::new();
    let fd = rig.there.open("/f", RW, MODE).unwrap();
    let (request, _) = asked(1, fd, 0, b"text");
    rig.there.aio_write(&request).unwrap();
    rig.there.reboot().unwrap();
    let gone = Errno::ENOTCONN;
    assert_eq!(rig.there.aio_error(AioKey(1)).unwrap_err().errno, gone);
    assert_eq!(rig.there.aio_error(AioKey(2)).unwrap_err().errno, gone);
    assert_eq!(rig.there.aio_read(&request).unwrap_err().errno, gone);
    assert_eq!(rig.there.aio_suspend(&[AioKey(1)], None).unwrap_err().errno, gone);
}

#[test]
fn another_program_has_no_requests() {
    let rig = Rig::new();
    let [read, write] = rig.there.pipe2(OpenFlags::empty()).unwrap();
    let (before, buffer) = asked(1, read, 0, &[0; 3]);
    rig.there.aio_read(&before).unwrap();
    rig.there.connection().exec().unwrap();
    // It was forgotten there, and nothing waits for what is written now.
    let program = RemoteProcess::new(rig.there.connection().clone());
    assert_eq!(rig.there.aio_error(before.key).unwrap_err().errno, Errno::EINVAL);
    assert_eq!(program.write(write, b"abc").unwrap(), 3);
    let (after, other) = asked(1, read, 0, &[0; 3]);
    program.aio_read(&after).unwrap();
    let end = end!(program, after.key).unwrap();
    assert_eq!((end.status, end.taken), (Ok(AioStatus::Done(3)), Ok(3)));
    assert_eq!((other.to_vec(), buffer.to_vec()), (b"abc".to_vec(), vec![0; 3]));
}
