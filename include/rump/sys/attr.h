/* Changing attributes of files. */
#ifndef RUMP_SYS_ATTR_H
#define RUMP_SYS_ATTR_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;
struct timeval;

/* Flags of files, with NetBSD's values. */
#define RUMP_UF_NODUMP 0x00000001	/* left out of dumps */
#define RUMP_UF_IMMUTABLE 0x00000002	/* nothing of it changes */
#define RUMP_UF_APPEND 0x00000004	/* it is only appended to */
#define RUMP_UF_OPAQUE 0x00000008	/* a directory through which union mounts do not look */
#define RUMP_SF_ARCHIVED 0x00010000	/* it was archived */
#define RUMP_SF_IMMUTABLE 0x00020000	/* as RUMP_UF_IMMUTABLE */
#define RUMP_SF_APPEND 0x00040000	/* as RUMP_UF_APPEND */

/**
 * Changes the permissions of a file; lchmod those of a symbolic link itself, and fchmodat with AT_SYMLINK_NOFOLLOW.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (of flags that are not known), EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT,
 * ENOTDIR, EACCES, ELOOP, EROFS, EPERM (somebody else's, or flags of the file), EINVAL (a sticky bit of what is no
 * directory, but for the superuser)
 */
int rump_sys_chmod(const char *path, mode_t mode);
int rump_sys_lchmod(const char *path, mode_t mode);
int rump_sys_fchmodat(int dir, const char *path, mode_t mode, int flags);

/**
 * Changes the permissions of an open file.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, EINVAL (in no file system), EROFS, EPERM (somebody else's, or flags of the file), EINVAL (a sticky
 * bit of what is no directory, but for the superuser), EIO
 */
int rump_sys_fchmod(int fd, mode_t mode);

/**
 * Changes who owns a file; -1 leaves the one or the other as it is. lchown is about a symbolic link itself, and so is
 * fchownat with AT_SYMLINK_NOFOLLOW.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (of flags that are not known), EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT,
 * ENOTDIR, EACCES, ELOOP, EROFS, EPERM (flags of the file, somebody else's, or to somebody else), EIO
 */
int rump_sys_chown(const char *path, uid_t owner, gid_t group);
int rump_sys_lchown(const char *path, uid_t owner, gid_t group);
int rump_sys_fchownat(int dir, const char *path, uid_t owner, gid_t group, int flags);

/**
 * Changes who owns an open file.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, EINVAL (in no file system), EROFS, EPERM (flags of the file, somebody else's, or to somebody else),
 * EIO
 */
int rump_sys_fchown(int fd, uid_t owner, gid_t group);

/**
 * Sets the times of access and of change of content, in this order; null sets both to the present. lutimes is about a
 * symbolic link itself.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (microseconds of a second or more), EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP,
 * EROFS, EPERM (flags of the file, or somebody else's), EACCES (to the present, and not allowed to write), EIO
 */
int rump_sys_utimes(const char *path, const struct timeval *times);
int rump_sys_lutimes(const char *path, const struct timeval *times);

/**
 * Sets the times of an open file.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (parts of a second or more), EBADF, EINVAL (in no file system), EROFS, EPERM (flags of the file, or
 * somebody else's), EACCES (to the present, and not allowed to write), EIO
 */
int rump_sys_futimes(int fd, const struct timeval *times);
int rump_sys_futimens(int fd, const struct timespec *times);

/**
 * Sets the times of access and of change of content, where UTIME_NOW as nanoseconds is the present and UTIME_OMIT
 * leaves one as it is. With AT_SYMLINK_NOFOLLOW it is about a symbolic link itself.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (other flags, or nanoseconds of a second or more), EFAULT (null), EBADF and ENOTDIR (of dir),
 * ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EROFS, EPERM (flags of the file, or somebody else's), EACCES (to the
 * present, and not allowed to write), EIO
 */
int rump_sys_utimensat(int dir, const char *path, const struct timespec *times, int flags);

/**
 * Changes the flags of a file, RUMP_UF_ for owners and RUMP_SF_ for the superuser; lchflags those of a symbolic link
 * itself.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EINVAL (other flags), EROFS, EPERM (somebody
 * else's, or flags of the superuser), EOPNOTSUPP (the file system has none), EIO
 */
int rump_sys_chflags(const char *path, unsigned long flags);
int rump_sys_lchflags(const char *path, unsigned long flags);

/**
 * Changes the flags of an open file.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, EINVAL (other flags, or in no file system), EROFS, EPERM (somebody else's, or flags of the superuser),
 * EOPNOTSUPP (the file system has none), EIO
 */
int rump_sys_fchflags(int fd, unsigned long flags);

/**
 * Makes descriptors of a file useless, whoever has them: calls answer EIO. The file can be opened again.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EPERM (neither the owner nor the superuser),
 * EOPNOTSUPP (a file of the host)
 */
int rump_sys_revoke(const char *path);

/**
 * Sets the mask of permissions that new files do not get.
 *
 * @returns the mask before
 */
mode_t rump_sys_umask(mode_t mask);

#ifdef __cplusplus
}
#endif

#endif
