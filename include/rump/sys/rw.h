/* Reading, writing, seeking, and how long a file is. */
#ifndef RUMP_SYS_RW_H
#define RUMP_SYS_RW_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;

/**
 * Reads where the open file is at, and moves it. Of a socket, pipe or device it takes what is there, and waits for that
 * unless O_NONBLOCK is set.
 *
 * @returns how many bytes there were, 0 at the end; -1 and errno
 * @errors EINVAL (longer than there can be), EFAULT (null), EBADF (not open, or not for reading), EISDIR, EINVAL (a
 * queue of events), EAGAIN, EINTR, EIO
 */
ssize_t rump_sys_read(int fd, void *buf, size_t length);

/**
 * As read, into several buffers.
 *
 * @returns how many bytes there were, 0 at the end; -1 and errno
 * @errors EINVAL (more than 1024 buffers, or longer than there can be), EFAULT (null), EBADF (not open, or not for
 * reading), EISDIR, EINVAL (a queue of events), EAGAIN, EINTR, EIO
 */
ssize_t rump_sys_readv(int fd, const struct iovec *vectors, int count);

/**
 * Reads at an offset; the open file does not move.
 *
 * @returns how many bytes there were, 0 at the end; -1 and errno
 * @errors EINVAL (a negative offset, or too long), EFAULT (null), EBADF (not open, or not for reading), ESPIPE (it has
 * no offset), EISDIR, EIO
 */
ssize_t rump_sys_pread(int fd, void *buf, size_t length, off_t offset);
ssize_t rump_sys_preadv(int fd, const struct iovec *vectors, int count, off_t offset);

/**
 * Writes where the open file is at, or at the end with O_APPEND, and moves it.
 *
 * @returns how many bytes were written; -1 and errno
 * @errors EINVAL (longer than there can be), EFAULT (null), EBADF (not open, or not for writing), EINVAL (a queue of
 * events), EFBIG, ENOSPC, EIO, EPIPE, EAGAIN, EINTR
 */
ssize_t rump_sys_write(int fd, const void *buf, size_t length);

/**
 * As write, of several buffers.
 *
 * @returns how many bytes were written; -1 and errno
 * @errors EINVAL (more than 1024 buffers, or longer than there can be), EFAULT (null), EBADF (not open, or not for
 * writing), EINVAL (a queue of events), EFBIG, ENOSPC, EIO, EPIPE, EAGAIN, EINTR
 */
ssize_t rump_sys_writev(int fd, const struct iovec *vectors, int count);

/**
 * Writes at an offset, with O_APPEND too; the open file does not move.
 *
 * @returns how many bytes were written; -1 and errno
 * @errors EINVAL (a negative offset, or too long), EFAULT (null), EBADF (not open, or not for writing), ESPIPE (it
 * has no offset), EPERM (not at the end of a file that is only appended to), EFBIG, ENOSPC, EIO
 */
ssize_t rump_sys_pwrite(int fd, const void *buf, size_t length, off_t offset);
ssize_t rump_sys_pwritev(int fd, const struct iovec *vectors, int count, off_t offset);

/**
 * Moves an open file: to the offset (SEEK_SET), by it (SEEK_CUR), from the end on (SEEK_END), or to the first data
 * (SEEK_DATA) or hole (SEEK_HOLE) from the offset on, where the host has those names.
 *
 * @returns where it is then; -1 and errno
 * @errors EINVAL (no such whence), EBADF, ESPIPE (it has no offset), EINVAL (negative), EOVERFLOW, ENXIO (SEEK_DATA or
 * SEEK_HOLE beyond the end)
 */
off_t rump_sys_lseek(int fd, off_t offset, int whence);

/**
 * Cuts or extends a file; what it is longer reads as zeros.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (negative), EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EISDIR, EROFS, EPERM (an
 * immutable file), EACCES, EINVAL (no regular file), EPERM (it is only appended to), EFBIG, ENOSPC, EIO
 */
int rump_sys_truncate(const char *path, off_t size);

/**
 * Cuts or extends an open file.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (negative), EBADF, EINVAL (not open for writing, or no regular file), EPERM (flags of the file),
 * EFBIG, ENOSPC, EIO
 */
int rump_sys_ftruncate(int fd, off_t size);

#ifdef __cplusplus
}
#endif

#endif
