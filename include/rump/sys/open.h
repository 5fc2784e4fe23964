/* Opening and closing files, descriptors, pipes. */
#ifndef RUMP_SYS_OPEN_H
#define RUMP_SYS_OPEN_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Opens a file, or makes it with O_CREAT, where the permissions are one more argument. Flags are the host's, of which
 * O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK, O_SYNC, O_DSYNC, O_NOFOLLOW, O_DIRECTORY and O_CLOEXEC count; others
 * are ignored. openat begins relative paths at dir, or at the working directory for AT_FDCWD.
 *
 * @returns a descriptor; -1 and errno
 * @errors EOPNOTSUPP (O_PATH or O_TMPFILE), EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT,
 * ENOTDIR, EACCES, ELOOP, EINVAL (O_WRONLY and O_RDWR together), EEXIST (O_CREAT and O_EXCL), EISDIR, ENOTDIR
 * (O_DIRECTORY), ELOOP (O_NOFOLLOW), EROFS, EPERM (flags of the file, or an immutable directory where one is made),
 * EACCES, EOPNOTSUPP (a socket), ENXIO (a device without a driver, or a fifo that nobody reads), EMFILE, ENOSPC, EIO
 */
int rump_sys_open(const char *path, int flags, ...);
int rump_sys_openat(int dir, const char *path, int flags, ...);

/**
 * Closes a descriptor. Calls that block on it answer EBADF.
 *
 * @returns 0; -1 and errno
 * @errors EBADF
 */
int rump_sys_close(int fd);

/**
 * Duplicates a descriptor to the lowest free number.
 *
 * @returns a descriptor; -1 and errno
 * @errors EBADF, EMFILE
 */
int rump_sys_dup(int fd);

/**
 * Duplicates a descriptor to a number, where what was open before is closed.
 *
 * @returns the number; -1 and errno
 * @errors EBADF (not open, or no number of a descriptor)
 */
int rump_sys_dup2(int fd, int to);

/**
 * As dup2, with O_CLOEXEC of the new descriptor and O_NONBLOCK of the open file.
 *
 * @returns the number; -1 and errno
 * @errors EINVAL (other flags, or both are the same), EBADF (not open, or no number of a descriptor)
 */
int rump_sys_dup3(int fd, int to, int flags);

/**
 * Makes a pipe: what is written to ends[1] is read from ends[0]. pipe2 takes O_NONBLOCK and O_CLOEXEC.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (of flags that are not known), EFAULT (null), EMFILE
 */
int rump_sys_pipe(int ends[2]);
int rump_sys_pipe2(int ends[2], int flags);

#ifdef __cplusplus
}
#endif

#endif
