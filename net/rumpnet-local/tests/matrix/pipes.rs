//! Pipes and fifos.

use crate::system::*;
use rump_abi::{Errno::*, FileType, OpenFlags, PollEvents};

behaviours! {
    what_is_written_is_read
    a_pipe_goes_one_way
    without_writers_it_ends
    without_readers_it_is_broken
    a_pipe_is_polled
    a_pipe_holds_sixty_four_kibibytes
    a_small_write_is_whole_or_not_at_all
    empty_writes_and_reads_do_nothing
    a_pipe_has_no_offset
    a_pipe_is_no_socket
    a_fifo_is_opened_without_blocking
    a_fifo_without_writers_yet_has_no_end_in_poll
    a_fifo_opened_for_both_does_not_block
    what_nobody_read_of_a_fifo_is_lost
    a_removed_fifo_goes_on
}

const NONBLOCK: OpenFlags = OpenFlags::NONBLOCK;

/// A pipe that does not block.
fn pipe(s: &dyn System) -> [Fd; 2] {
    let pipe = s.pipe().unwrap();
    pipe.iter().for_each(|fd| s.set_nonblocking(*fd, true).unwrap());
    pipe
}

fn read(s: &dyn System, fd: Fd) -> Answer<Vec<u8>> {
    let mut bytes = vec![0; 200_000];
    let count = s.read(fd, &mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}

fn fill(s: &dyn System, fd: Fd, part: usize) -> usize {
    let mut total = 0;
    while let Ok(count) = s.write(fd, &vec![1; part]) {
        total += count;
    }
    total
}

fn what_is_written_is_read(s: &dyn System) {
    let [r, w] = pipe(s);
    assert_eq!(read(s, r), Err(EAGAIN));
    assert_eq!(s.write(w, b"abc"), Ok(3));
    assert_eq!(s.writev(w, &[b"de", b"f"]), Ok(3));
    assert_eq!(read(s, r), Ok(b"abcdef".to_vec()));
    assert_eq!(read(s, r), Err(EAGAIN));
}

fn a_pipe_goes_one_way(s: &dyn System) {
    let [r, w] = pipe(s);
    assert_eq!(s.write(r, b"x"), Err(EBADF));
    assert_eq!(read(s, w), Err(EBADF));
}

fn without_writers_it_ends(s: &dyn System) {
    let [r, w] = pipe(s);
    s.write(w, b"last").unwrap();
    s.close(w).unwrap();
    assert_eq!(s.ready(r), PollEvents::IN | PollEvents::HUP);
    assert_eq!(read(s, r), Ok(b"last".to_vec()));
    assert_eq!(read(s, r), Ok(vec![]));
    assert_eq!(s.ready(r), PollEvents::HUP);
}

fn without_readers_it_is_broken(s: &dyn System) {
    let [r, w] = pipe(s);
    s.close(r).unwrap();
    assert_eq!(s.write(w, b"x"), Err(EPIPE));
    assert!(s.ready(w).contains(PollEvents::ERR));
}

fn a_pipe_is_polled(s: &dyn System) {
    let [r, w] = pipe(s);
    assert_eq!((s.ready(r), s.ready(w)), (PollEvents::empty(), PollEvents::OUT));
    s.write(w, b"x").unwrap();
    assert_eq!((s.ready(r), s.ready(w)), (PollEvents::IN, PollEvents::OUT));
    fill(s, w, 4096);
    assert_eq!((s.ready(r), s.ready(w)), (PollEvents::IN, PollEvents::empty()));
}

fn a_pipe_holds_sixty_four_kibibytes(s: &dyn System) {
    let [r, w] = pipe(s);
    assert_eq!(fill(s, w, 4096), 65_536);
    assert_eq!(s.readable(r), Ok(65_536));
    assert_eq!(read(s, r).unwrap().len(), 65_536);
    assert_eq!(s.write(w, &[2; 100_000]), Ok(65_536));
}

fn a_small_write_is_whole_or_not_at_all(s: &dyn System) {
    let [r, w] = pipe(s);
    assert_eq!(fill(s, w, 4096), 65_536);
    let mut bytes = [0; 1000];
    s.read(r, &mut bytes).unwrap();
    assert_eq!(s.write(w, &[3; 4096]), Err(EAGAIN));
    s.read(r, &mut [0; 3096]).unwrap();
    assert_eq!(s.write(w, &[3; 4096]), Ok(4096));
}

fn empty_writes_and_reads_do_nothing(s: &dyn System) {
    let [r, w] = pipe(s);
    assert_eq!(s.write(w, b""), Ok(0));
    assert_eq!(s.read(r, &mut []), Ok(0));
    assert_eq!(s.ready(r), PollEvents::empty());
}

fn a_pipe_has_no_offset(s: &dyn System) {
    let [r, w] = pipe(s);
    assert_eq!(s.seek(r), Err(ESPIPE));
    assert_eq!(s.read_at(r, &mut [0]), Err(ESPIPE));
    assert_eq!(s.truncate(w), Err(EINVAL));
    assert_eq!(s.sync(w), Err(EINVAL));
    assert_eq!(s.change_directory(r), Err(ENOTDIR));
    assert_eq!(s.type_of(r), Ok(FileType::Fifo));
}

fn a_pipe_is_no_socket(s: &dyn System) {
    let [r, w] = pipe(s);
    assert_eq!(s.put(w, b"x"), Err(ENOTSOCK));
    assert_eq!(s.take(r, 1), Err(ENOTSOCK));
    assert_eq!(s.listen(r, 1), Err(ENOTSOCK));
    assert_eq!(s.own_name(r), Err(ENOTSOCK));
    assert_eq!(s.number(r, Number::Type), Err(ENOTSOCK));
}

fn a_fifo_is_opened_without_blocking(s: &dyn System) {
    let path = s.path("fifo");
    s.mkfifo(&path).unwrap();
    assert_eq!(s.open(&path, OpenFlags::WRONLY | NONBLOCK), Err(ENXIO));
    let r = s.open(&path, NONBLOCK).unwrap();
    let w = s.open(&path, OpenFlags::WRONLY | NONBLOCK).unwrap();
    s.write(w, b"abc").unwrap();
    assert_eq!(read(s, r), Ok(b"abc".to_vec()));
    assert_eq!(read(s, r), Err(EAGAIN));
    s.close(w).unwrap();
    assert_eq!(read(s, r), Ok(vec![]));
}

fn a_fifo_without_writers_yet_has_no_end_in_poll(s: &dyn System) {
    let path = s.path("fifo");
    s.mkfifo(&path).unwrap();
    let r = s.open(&path, NONBLOCK).unwrap();
    assert_eq!(s.ready(r), PollEvents::empty());
    assert_eq!(read(s, r), Ok(vec![]));
    let w = s.open(&path, OpenFlags::WRONLY).unwrap();
    s.close(w).unwrap();
    assert_eq!(s.ready(r), PollEvents::HUP);
    let again = s.open(&path, OpenFlags::WRONLY).unwrap();
    assert_eq!(s.ready(r), PollEvents::empty());
    s.write(again, b"x").unwrap();
    assert_eq!(s.ready(r), PollEvents::IN);
}

fn a_fifo_opened_for_both_does_not_block(s: &dyn System) {
    let path = s.path("fifo");
    s.mkfifo(&path).unwrap();
    let both = s.open(&path, OpenFlags::RDWR).unwrap();
    s.write(both, b"self").unwrap();
    assert_eq!(read(s, both), Ok(b"self".to_vec()));
    s.set_nonblocking(both, true).unwrap();
    assert_eq!(read(s, both), Err(EAGAIN));
}

fn what_nobody_read_of_a_fifo_is_lost(s: &dyn System) {
    let path = s.path("fifo");
    s.mkfifo(&path).unwrap();
    let both = s.open(&path, OpenFlags::RDWR).unwrap();
    s.write(both, b"lost").unwrap();
    s.close(both).unwrap();
    let r = s.open(&path, NONBLOCK).unwrap();
    assert_eq!(read(s, r), Ok(vec![]));
}

fn a_removed_fifo_goes_on(s: &dyn System) {
    let path = s.path("fifo");
    s.mkfifo(&path).unwrap();
    let r = s.open(&path, NONBLOCK).unwrap();
    let w = s.open(&path, OpenFlags::WRONLY).unwrap();
    s.unlink(&path).unwrap();
    s.mkfifo(&path).unwrap();
    assert_eq!(s.open(&path, OpenFlags::WRONLY | NONBLOCK), Err(ENXIO));
    s.write(w, b"on").unwrap();
    assert_eq!(read(s, r), Ok(b"on".to_vec()));
    assert_eq!(s.type_of(r), Ok(FileType::Fifo));
}
