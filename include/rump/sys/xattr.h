/* Extended attributes, with the calls of Linux. Names begin with their namespace: user., trusted., security., system. */
#ifndef RUMP_SYS_XATTR_H
#define RUMP_SYS_XATTR_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Flags of setxattr. */
#define RUMP_XATTR_CREATE 0x1	/* it must not be there */
#define RUMP_XATTR_REPLACE 0x2	/* it must be there */

/**
 * Stores the value of an attribute; of size 0, it only says how long it is. The call with l is about a symbolic link
 * itself.
 *
 * @returns its length; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG and ENOENT and ENOTDIR and EACCES and ELOOP (of path), EBADF (of fd), EINVAL (an
 * empty name), ERANGE (a name of more than 255 bytes), EACCES, ENODATA (no such attribute; ENOATTR where the host has
 * it), ENOTSUP, ERANGE (too little room), EIO
 */
ssize_t rump_sys_getxattr(const char *path, const char *name, void *value, size_t size);
ssize_t rump_sys_lgetxattr(const char *path, const char *name, void *value, size_t size);
ssize_t rump_sys_fgetxattr(int fd, const char *name, void *value, size_t size);

/**
 * Stores the names of all attributes that may be seen, each with a zero behind it; of size 0, it only says how long
 * that is.
 *
 * @returns the length of all; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG and ENOENT and ENOTDIR and EACCES and ELOOP (of path), EBADF (of fd), ENOTSUP (of
 * fd, which is no file of a file system), ERANGE (too little room), EIO
 */
ssize_t rump_sys_listxattr(const char *path, char *list, size_t size);
ssize_t rump_sys_llistxattr(const char *path, char *list, size_t size);
ssize_t rump_sys_flistxattr(int fd, char *list, size_t size);

/**
 * Sets an attribute, which must not (RUMP_XATTR_CREATE) or must be there (RUMP_XATTR_REPLACE).
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG and ENOENT and ENOTDIR and EACCES and ELOOP (of path), EINVAL (other flags, or
 * both), EBADF (of fd), E2BIG (more than 65536 bytes), EROFS, EINVAL (an empty name), ERANGE (a name of more than 255
 * bytes), EACCES, EPERM (of another namespace, not the superuser; user. of what is neither a file nor a directory),
 * ENOTSUP, EEXIST, ENODATA, ENOSPC, EIO
 */
int rump_sys_setxattr(const char *path, const char *name, const void *value, size_t size, int flags);
int rump_sys_lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags);
int rump_sys_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);

/**
 * Removes an attribute.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG and ENOENT and ENOTDIR and EACCES and ELOOP (of path), EBADF (of fd), EROFS,
 * EINVAL (an empty name), ERANGE (a name of more than 255 bytes), EACCES, EPERM, ENOTSUP, ENODATA, EIO
 */
int rump_sys_removexattr(const char *path, const char *name);
int rump_sys_lremovexattr(const char *path, const char *name);
int rump_sys_fremovexattr(int fd, const char *name);

#ifdef __cplusplus
}
#endif

#endif
