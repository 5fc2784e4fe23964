//! mmap(2) of files of the kernel, whose memory nobody shares: what is in the file is read into memory of the process's
//! own, so that what others write later is not seen there.

use super::on;
use crate::descriptors;
use crate::errno::{fail, get, set};
use crate::sys::rump_sys_pread;
use libc::{MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_WRITE, c_int, c_void, off_t, size_t};

interpose! {
    [mmap, mmap64](
        at: *mut c_void,
        length: size_t,
        protection: c_int,
        flags: c_int,
        fd: c_int,
        offset: off_t,
    ) -> *mut c_void, |host| {
        if flags & MAP_ANONYMOUS != 0 || descriptors::find(fd).is_none() {
            return host(at, length, protection, flags, fd, offset);
        }
        let is_shared = flags & libc::MAP_TYPE != MAP_PRIVATE;
        if is_shared && protection & PROT_WRITE != 0 {
            fail::<()>(libc::ENODEV);
            return MAP_FAILED;
        }
        let private = flags & !libc::MAP_TYPE | MAP_PRIVATE | MAP_ANONYMOUS;
        let memory = host(at, length, protection | PROT_WRITE, private, -1, 0);
        if memory == MAP_FAILED {
            return memory;
        }
        let is_filled = fill(memory, length, fd, offset);
        if is_filled && protection & PROT_WRITE == 0 {
            // SAFETY: memory that was mapped here.
            unsafe { libc::mprotect(memory, length, protection) };
        }
        if !is_filled {
            let errno = get();
            // SAFETY: as above.
            unsafe { libc::munmap(memory, length) };
            set(errno);
            return MAP_FAILED;
        }
        memory
    }
}

/// Reads what is in the file from there on; behind its end there are zeros.
fn fill(memory: *mut c_void, length: size_t, fd: c_int, offset: off_t) -> bool {
    let mut done = 0;
    while done < length {
        // SAFETY: within the memory.
        let to = unsafe { memory.byte_add(done) };
        match on(fd, || fail(libc::EBADF), |fd| rump_sys_pread(fd, to, length - done, offset + done as off_t))
        {
            0 => return true,
            got @ 1.. => done += got as usize,
            _ => return false,
        }
    }
    true
}
