/* Waiting for descriptors of the kernel. Structures and constants are the host's. */
#ifndef RUMP_SYS_POLL_H
#define RUMP_SYS_POLL_H

#include <sys/types.h>
#include <sys/select.h>
#include <poll.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;
struct timeval;

/**
 * Waits until something that is asked for is so, for so many milliseconds at most; for ever, if they are negative. pollts takes
 * a time, where null is for ever, and a mask (sigset_t) of signals that do not end the waiting; signals that the kernel keeps and
 * that are not in it do at once.
 *
 * @returns at how many descriptors something is so; -1 and errno
 * @errors EINVAL (more entries than descriptors there can be, or no time), EFAULT (null), EINTR
 */
int rump_sys_poll(struct pollfd *fds, nfds_t count, int milliseconds);
int rump_sys_pollts(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const void *mask);

/**
 * Waits until a descriptor of the first set can be read from, one of the second written to, or one of the third has urgent
 * data. The sets keep those of which it is so. The time is left as it was; null is for ever. The mask of pselect is as
 * that of rump_sys_pollts.
 *
 * @returns how many that are; -1 and errno
 * @errors EINVAL (no time, or a count beyond FD_SETSIZE), EBADF (one is not open), EINTR
 */
int rump_sys_select(int count, fd_set *readable, fd_set *writable, fd_set *urgent, struct timeval *timeout);
int rump_sys_pselect(int count, fd_set *readable, fd_set *writable, fd_set *urgent, const struct timespec *timeout,
    const void *mask);

#ifdef __cplusplus
}
#endif

#endif
