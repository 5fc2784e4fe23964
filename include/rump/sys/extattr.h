/* Extended attributes, with the calls of the BSDs: a namespace is a number, and not part of the name. */
#ifndef RUMP_SYS_EXTATTR_H
#define RUMP_SYS_EXTATTR_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RUMP_EXTATTR_NAMESPACE_USER 1	/* user. */
#define RUMP_EXTATTR_NAMESPACE_SYSTEM 2	/* trusted. */
#ifndef EXTATTR_NAMESPACE_USER
#define EXTATTR_NAMESPACE_USER RUMP_EXTATTR_NAMESPACE_USER
#define EXTATTR_NAMESPACE_SYSTEM RUMP_EXTATTR_NAMESPACE_SYSTEM
#endif

/**
 * Stores the value of an attribute as far as it fits; if data is null, it only says how long it is. The call with link
 * is about a symbolic link itself.
 *
 * @returns how many bytes there are; -1 and errno
 * @errors EFAULT (null), EINVAL (no such namespace), ENAMETOOLONG and ENOENT and ENOTDIR and EACCES and ELOOP (of
 * path), EBADF (of fd), EOPNOTSUPP (of fd, which is no file of a file system), EINVAL (an empty name), ENAMETOOLONG (a
 * name of more than 255 bytes with its prefix), EPERM (of the system, not the superuser), EACCES, ENODATA (no such
 * attribute; ENOATTR where the host has it), EOPNOTSUPP (the file system has none), EIO
 */
ssize_t rump_sys_extattr_get_file(const char *path, int space, const char *name, void *data, size_t size);
ssize_t rump_sys_extattr_get_link(const char *path, int space, const char *name, void *data, size_t size);
ssize_t rump_sys_extattr_get_fd(int fd, int space, const char *name, void *data, size_t size);

/**
 * Sets an attribute.
 *
 * @returns how many bytes it has; -1 and errno
 * @errors EFAULT (null), EINVAL (no such namespace), ENAMETOOLONG and ENOENT and ENOTDIR and EACCES and ELOOP (of
 * path), EBADF (of fd), EOPNOTSUPP (of fd, which is no file of a file system), EINVAL (an empty name), ENAMETOOLONG (a
 * name of more than 255 bytes with its prefix), EPERM (of the system, not the superuser), E2BIG (more than 65536
 * bytes), EROFS, EPERM (flags of the file; of users, of what is neither a file nor a directory; a sticky directory),
 * EACCES, EOPNOTSUPP (the file system has none), ENOSPC, EIO
 */
int rump_sys_extattr_set_file(const char *path, int space, const char *name, const void *data, size_t size);
int rump_sys_extattr_set_link(const char *path, int space, const char *name, const void *data, size_t size);
int rump_sys_extattr_set_fd(int fd, int space, const char *name, const void *data, size_t size);

/**
 * Removes an attribute.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EINVAL (no such namespace), ENAMETOOLONG and ENOENT and ENOTDIR and EACCES and ELOOP (of
 * path), EBADF (of fd), EOPNOTSUPP (of fd, which is no file of a file system), EINVAL (an empty name), ENAMETOOLONG (a
 * name of more than 255 bytes with its prefix), EPERM (of the system, not the superuser), EROFS, EPERM (flags of the
 * file; of users, of what is neither a file nor a directory; a sticky directory), EACCES, EOPNOTSUPP (the file system
 * has none), ENODATA, EIO
 */
int rump_sys_extattr_delete_file(const char *path, int space, const char *name);
int rump_sys_extattr_delete_link(const char *path, int space, const char *name);
int rump_sys_extattr_delete_fd(int fd, int space, const char *name);

/**
 * Stores the names of all attributes of a namespace as far as they fit, each behind a byte that is its length; if data
 * is null, it only says how long that is.
 *
 * @returns how many bytes there are; -1 and errno
 * @errors EFAULT (of path, null), EINVAL (no such namespace), ENAMETOOLONG and ENOENT and ENOTDIR and EACCES and ELOOP
 * (of path), EBADF (of fd), EOPNOTSUPP (of fd, which is no file of a file system), EPERM (of the system, not the
 * superuser), EACCES (of users, not allowed to read), EIO
 */
ssize_t rump_sys_extattr_list_file(const char *path, int space, void *data, size_t size);
ssize_t rump_sys_extattr_list_link(const char *path, int space, void *data, size_t size);
ssize_t rump_sys_extattr_list_fd(int fd, int space, void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
