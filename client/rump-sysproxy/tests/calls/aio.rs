//! Asynchronous requests, as bytes in a client's memory.

use super::good::{NOBODY, block};
use super::rig::{NOWHERE, Rig};
use rump_abi::netbsd::aio::*;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::time::Timespec;
use rump_abi::{Errno, OpenFlags};

/// The end of a request that is done, and of one that is not.
fn ended(rig: &mut Rig, block: u64) -> (i32, i32, i64) {
    let block: Aiocb = rig.read(block);
    (block.state, block.errno, block.retval)
}

fn content(rig: &mut Rig, block: u64) -> Vec<u8> {
    let block: Aiocb = rig.read(block);
    rig.at(block.buf, 4)
}

/// Waits until a request is done; hears of it.
fn suspend(rig: &mut Rig, blocks: &[u64]) -> Result<i64, Errno> {
    let bytes: Vec<u8> = blocks.iter().flat_map(|block| block.to_le_bytes()).collect();
    let (list, limit) = (rig.bytes(&bytes), rig.place(&Timespec { sec: 10, nsec: 0 }));
    rig.call(__AIO_SUSPEND50, &[list, blocks.len() as u64, limit])
}

#[test]
fn what_was_read_comes_once_when_the_client_hears_of_it() {
    let mut rig = Rig::new();
    let block = block(&mut rig, LIO_NOP);
    assert_eq!(rig.call(AIO_READ, &[block]), Ok(0));
    assert_eq!(suspend(&mut rig, &[0, block]), Ok(0));
    assert_eq!((content(&mut rig, block), ended(&mut rig, block)), (b"nten".to_vec(), (JOB_DONE, 0, 4)));
    // The memory is the client's again.
    let place = rig.read::<Aiocb>(block).buf;
    rig.clear(place, 4);
    assert_eq!(rig.call(AIO_ERROR, &[block]), Ok(0));
    assert_eq!(rig.call(AIO_RETURN, &[block]), Ok(4));
    assert_eq!(content(&mut rig, block), [0; 4]);
    assert_eq!(rig.call(AIO_RETURN, &[block]), Err(Errno::EINVAL));
    assert_eq!(rig.call(AIO_ERROR, &[block]), Err(Errno::EINVAL));
}

#[test]
fn a_request_that_waits_can_be_cancelled() {
    let mut rig = Rig::new();
    let asked = block(&mut rig, LIO_NOP);
    let waiting = Aiocb { fildes: rig.pair[1] as i32, ..rig.read(asked) };
    let block = rig.place(&waiting);
    assert_eq!(rig.call(AIO_READ, &[block]), Ok(0));
    assert_eq!(rig.call(AIO_ERROR, &[block]), Ok(Errno::EINPROGRESS as i64));
    assert_eq!(rig.call(AIO_RETURN, &[block]), Err(Errno::EINVAL));
    let soon = rig.place(&Timespec { sec: 0, nsec: 1000 });
    let list = rig.place(&block);
    assert_eq!(rig.call(__AIO_SUSPEND50, &[list, 1, soon]), Err(Errno::EAGAIN));
    // Until it waits, a thread may just have begun it.
    let cancelled = loop {
        match rig.call(AIO_CANCEL, &[rig.pair[1], block]).unwrap() as i32 {
            AIO_NOTCANCELED => std::thread::yield_now(),
            answer => break answer,
        }
    };
    assert_eq!(cancelled, AIO_CANCELED);
    assert_eq!(rig.call(AIO_CANCEL, &[rig.pair[1], 0]), Ok(AIO_ALLDONE.into()));
    assert_eq!(rig.call(AIO_ERROR, &[block]), Ok(Errno::ECANCELED as i64));
    assert_eq!(ended(&mut rig, block), (JOB_DONE, Errno::ECANCELED as i32, -1));
    assert_eq!((rig.call(AIO_RETURN, &[block]), content(&mut rig, block)), (Ok(-1), b"abcd".to_vec()));
}

#[test]
fn lists_wait_or_not() {
    let mut rig = Rig::new();
    let (write, read) = (block(&mut rig, LIO_WRITE), block(&mut rig, LIO_READ));
    let list = rig.place(&[write, 0]);
    assert_eq!(rig.call(LIO_LISTIO, &[LIO_WAIT as u64, list, 2, 0]), Ok(0));
    assert_eq!(ended(&mut rig, write), (JOB_DONE, 0, 4));
    let list = rig.place(&read);
    let event = rig.place(&NOBODY);
    assert_eq!(rig.call(LIO_LISTIO, &[LIO_NOWAIT as u64, list, 1, event]), Ok(0));
    assert_eq!(suspend(&mut rig, &[read]), Ok(0));
    assert_eq!(content(&mut rig, read), b"abcd");
    for mode in [LIO_WAIT, LIO_NOWAIT, 7] {
        let wrong = block(&mut rig, 99);
        let list = rig.place(&[write, wrong]);
        assert_eq!(rig.call(LIO_LISTIO, &[mode as u64, list, 2, 0]), Err(Errno::EINVAL));
        assert_eq!(rig.call(LIO_LISTIO, &[mode as u64, list, 513, 0]), Err(Errno::EINVAL));
    }
    let closed = Aiocb { fildes: 999, ..rig.read(read) };
    let closed = rig.place(&closed);
    let list = rig.place(&[write, closed]);
    assert_eq!(rig.call(LIO_LISTIO, &[LIO_WAIT as u64, list, 2, 0]), Err(Errno::EIO));
    assert_eq!(rig.call(AIO_ERROR, &[closed]), Ok(Errno::EBADF as i64));
    assert_eq!(rig.call(AIO_RETURN, &[write]), Ok(4));
}

#[test]
fn what_makes_no_sense_does_not_begin() {
    let mut rig = Rig::new();
    let good = block(&mut rig, LIO_NOP);
    let good: Aiocb = rig.read(good);
    let told = |notify, signo| rump_abi::netbsd::signal::Sigevent { notify, signo, ..NOBODY };
    for (asked, errno) in [
        (Aiocb { fildes: -1, ..good }, Errno::EBADF),
        (Aiocb { buf: 0, ..good }, Errno::EFAULT),
        (Aiocb { nbytes: u64::MAX, ..good }, Errno::EINVAL),
        (Aiocb { nbytes: 1 << 40, ..good }, Errno::EAGAIN),
        (Aiocb { offset: -1, ..good }, Errno::EINVAL),
        (Aiocb { sigevent: told(1, 0), ..good }, Errno::EINVAL),
        (Aiocb { sigevent: told(2, 0), ..good }, Errno::EINVAL),
    ] {
        let block = rig.place(&asked);
        for number in [AIO_READ, AIO_WRITE] {
            assert_eq!(rig.call(number, &[block]), Err(errno), "{asked:?}");
            assert_eq!(rig.call(AIO_ERROR, &[block]), Err(Errno::EINVAL), "{asked:?}");
        }
    }
    let nowhere = rig.place(&Aiocb { buf: NOWHERE, ..good });
    assert_eq!(rig.call(AIO_WRITE, &[nowhere]), Err(Errno::EFAULT));
    let block = rig.place(&good);
    assert_eq!(rig.call(AIO_FSYNC, &[7, block]), Err(Errno::EINVAL));
    assert_eq!(rig.call(AIO_FSYNC, &[OpenFlags::DSYNC.bits().into(), block]), Ok(0));
    assert_eq!((suspend(&mut rig, &[block]), ended(&mut rig, block)), (Ok(0), (JOB_DONE, 0, 0)));
    for count in [0, 513, u64::MAX] {
        assert_eq!(rig.call(__AIO_SUSPEND50, &[block, count, 0]), Err(Errno::EAGAIN));
    }
}

#[test]
fn what_is_kept_for_a_client_is_bounded() {
    let mut rig = Rig::new();
    let asked = block(&mut rig, LIO_NOP);
    let (asked, place) = (rig.read::<Aiocb>(asked), rig.room(1 << 20));
    let file = Aiocb { buf: place, nbytes: 1 << 20, offset: 0, ..asked };
    let blocks: Vec<u64> = (0..70).map(|_| rig.place(&file)).collect();
    // What is written does not have to be asked for: its room is there again once it is done.
    for block in &blocks {
        while let Err(errno) = rig.call(AIO_WRITE, &[*block]) {
            assert_eq!(errno, Errno::EAGAIN);
            std::thread::yield_now();
        }
    }
    for block in &blocks {
        assert_eq!(suspend(&mut rig, &[*block]), Ok(0));
    }
    // What was read does, but for what a client has heard of.
    let began = blocks.iter().take_while(|block| rig.call(AIO_READ, &[**block]).is_ok()).count();
    assert_eq!(began, 64);
    assert_eq!(suspend(&mut rig, &blocks[..1]), Ok(0));
    assert_eq!(rig.call(AIO_READ, &[blocks[65]]), Ok(0));
    assert_eq!(rig.call(AIO_READ, &[blocks[66]]), Err(Errno::EAGAIN));
}
