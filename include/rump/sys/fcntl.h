/* Flags of descriptors and open files. */
#ifndef RUMP_SYS_FCNTL_H
#define RUMP_SYS_FCNTL_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Asks for and changes what is known of a descriptor: F_DUPFD and F_DUPFD_CLOEXEC duplicate it to the lowest free
 * number that is not below the argument, F_GETFD and F_SETFD are about FD_CLOEXEC, F_GETFL and F_SETFL about O_APPEND,
 * O_NONBLOCK, O_SYNC and O_DSYNC. F_GETLK, F_SETLK and F_SETLKW ask for, take and wait for locks of parts of a file, by
 * the host's struct flock; they are the process's.
 *
 * @returns a descriptor, flags, or 0; -1 and errno
 * @errors EFAULT (null), EINVAL (no such command, a number that no descriptor has, or a lock that is none), EBADF
 * (not open, or not for what is locked), EPERM (F_SETFL without O_APPEND, of a file that is only appended to),
 * EMFILE, EOVERFLOW (beyond all files), EAGAIN (somebody has a lock there), EDEADLK, EINTR
 */
int rump_sys_fcntl(int fd, int command, ...);

/**
 * Locks an open file for others (LOCK_SH: who share it may lock it, too; LOCK_EX: nobody may), or unlocks it (LOCK_UN).
 * It waits for others' locks, those of fcntl among them, but with LOCK_NB.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such operation), EBADF, EOPNOTSUPP (in no file system), EWOULDBLOCK (somebody has a lock), EINTR
 */
int rump_sys_flock(int fd, int operation);

#ifdef __cplusplus
}
#endif

#endif
