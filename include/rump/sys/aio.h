/*
 * Asynchronous input and output. A request is a struct aiocb of the host's, with a descriptor of the kernel's; it is known by its
 * address. The structure and its buffer stay where they are, and are left alone, until the request is done.
 */
#ifndef RUMP_SYS_AIO_H
#define RUMP_SYS_AIO_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct aiocb;
struct sigevent;
struct timespec;

/**
 * Begins to read into a buffer, or to write from one, at an offset; of no meaning for what has no offsets, and for writing with
 * O_APPEND. aio_sigevent says how the program hears that it is done: SIGEV_NONE or SIGEV_SIGNAL; signal 0 is none.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null, or the buffer is), EBADF (negative), EINVAL (more bytes than there can be, or another way of telling),
 * EBADF (not open, or not for that), EINVAL (the offset is negative, or the request is in progress), EAGAIN (512 are in
 * progress)
 */
int rump_sys_aio_read(struct aiocb *request);
int rump_sys_aio_write(struct aiocb *request);

/**
 * Begins to make durable what earlier requests and calls wrote to a file: O_SYNC all, O_DSYNC the content.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (neither), EFAULT (null), EBADF (not open, or not for writing), EINVAL (no file of a file system, another way
 * of telling, or the request is in progress), EAGAIN (512 are in progress)
 */
int rump_sys_aio_fsync(int operation, struct aiocb *request);

/**
 * Tells how a request does.
 *
 * @returns EINPROGRESS (it is not done), 0 (it is), ECANCELED (rump_sys_aio_cancel), the error number of one that failed; -1
 * and errno
 * @errors EINVAL (no such request, or its result was taken)
 */
int rump_sys_aio_error(const struct aiocb *request);

/**
 * Takes the result of a request that is done, once.
 *
 * @returns how many bytes were read or written, or 0; -1 and errno
 * @errors EINVAL (no such request, or it is not done), that of the request
 */
ssize_t rump_sys_aio_return(struct aiocb *request);

/**
 * Waits until one of some requests is done, for a time, or for ever if that is null. Null requests do not count; where there is
 * no other, nothing is waited for.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (a negative number, or more than 512), EFAULT (null), EINVAL (no time), EINTR, EAGAIN (the time is over)
 */
int rump_sys_aio_suspend(const struct aiocb *const list[], int count, const struct timespec *timeout);

/**
 * Cancels a request to a descriptor, or with null all; those that were begun go on.
 *
 * @returns AIO_CANCELED, AIO_NOTCANCELED (some go on), AIO_ALLDONE (there was none in progress); -1 and errno
 * @errors EBADF, EINVAL (the request has another descriptor)
 */
int rump_sys_aio_cancel(int fd, struct aiocb *request);

/**
 * Begins requests of aio_lio_opcode LIO_READ and LIO_WRITE; null ones and LIO_NOP do not count. With LIO_WAIT it waits until all
 * are done, with LIO_NOWAIT the event, unless it is null, says how the program hears that. One that cannot begin for other
 * reasons than those of its structure fails as if it had.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (another mode, another way of telling, a negative number, or more than 512), EFAULT (null), EINVAL (another
 * operation), EBADF (a negative descriptor), EAGAIN (some did not begin: 512 are in progress), EIO (some did not begin, or failed
 * while it waited), EINTR (while it waited; they go on)
 */
int rump_sys_lio_listio(int mode, struct aiocb *const list[], int count, struct sigevent *event);

#ifdef __cplusplus
}
#endif

#endif
