/* Attributes of files. */
#ifndef RUMP_SYS_STAT_H
#define RUMP_SYS_STAT_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stat;

/**
 * Stores the attributes of a file; lstat those of a symbolic link itself, and fstatat with AT_SYMLINK_NOFOLLOW. Where
 * hosts have the time of birth, it is the time of change for file systems that have it not.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (of flags that are not known), EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT,
 * ENOTDIR, EACCES, ELOOP, EIO
 */
int rump_sys_stat(const char *path, struct stat *buf);
int rump_sys_lstat(const char *path, struct stat *buf);
int rump_sys_fstatat(int dir, const char *path, struct stat *buf, int flags);

/**
 * Stores the attributes of an open file, socket, pipe or queue.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, EIO, EFAULT (null)
 */
int rump_sys_fstat(int fd, struct stat *buf);

/**
 * Says whether a file may be read (R_OK), written (W_OK) and executed (X_OK), or is there (F_OK). faccessat takes
 * AT_EACCESS and AT_SYMLINK_NOFOLLOW.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (of flags that are not known), EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT,
 * ENOTDIR, EACCES, ELOOP, EROFS, EPERM (an immutable file), EACCES
 */
int rump_sys_access(const char *path, int mode);
int rump_sys_faccessat(int dir, const char *path, int mode, int flags);

#ifdef __cplusplus
}
#endif

#endif
