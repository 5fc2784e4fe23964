/* File systems, and limits of files. */
#ifndef RUMP_SYS_STATVFS_H
#define RUMP_SYS_STATVFS_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct statvfs;

/* NetBSD's flags of statvfs1: numbers are fresh either way. */
#define RUMP_ST_WAIT 1
#define RUMP_ST_NOWAIT 2

/**
 * Stores facts of the file system that a file is in. Flags are RUMP_ST_WAIT or RUMP_ST_NOWAIT.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (other flags), EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EIO
 */
int rump_sys_statvfs1(const char *path, struct statvfs *buf, int flags);

/**
 * Stores facts of the file system that an open file is in.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (other flags), EBADF, EINVAL (in no file system), EFAULT (null), EIO
 */
int rump_sys_fstatvfs1(int fd, struct statvfs *buf, int flags);

/**
 * Stores facts of all file systems that are mounted and seen, as many as fit in size bytes. If buf is null, it only
 * says how many there are.
 *
 * @returns how many; -1 and errno
 * @errors EINVAL (other flags), EIO
 */
int rump_sys_getvfsstat(struct statvfs *buf, size_t size, int flags);

/**
 * Says what a file is limited to, by the host's _PC_ names.
 *
 * @returns the limit, -1 with errno as it was if there is none; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EINVAL (no such limit)
 */
long rump_sys_pathconf(const char *path, int name);

/**
 * Says what an open file is limited to, by the host's _PC_ names.
 *
 * @returns the limit, -1 with errno as it was if there is none; -1 and errno
 * @errors EBADF, EINVAL (no such limit)
 */
long rump_sys_fpathconf(int fd, int name);

#ifdef __cplusplus
}
#endif

#endif
