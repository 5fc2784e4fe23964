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
 * O_NONBLOCK, O_SYNC and O_DSYNC.
 *
 * @returns a descriptor, flags, or 0; -1 and errno
 * @errors EINVAL (no such command, or a number that no descriptor has), EBADF, EMFILE
 */
int rump_sys_fcntl(int fd, int command, ...);

#ifdef __cplusplus
}
#endif

#endif
