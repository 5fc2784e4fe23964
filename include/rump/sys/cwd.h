/* Where paths begin. */
#ifndef RUMP_SYS_CWD_H
#define RUMP_SYS_CWD_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Changes the working directory.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP
 */
int rump_sys_chdir(const char *path);

/**
 * Changes the working directory to an open one.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, ENOTDIR, EACCES
 */
int rump_sys_fchdir(int fd);

/**
 * Changes where absolute paths begin. The working directory moves there if it would be outside.
 *
 * @returns 0; -1 and errno
 * @errors EPERM (not the superuser), EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, ELOOP
 */
int rump_sys_chroot(const char *path);

/**
 * Changes where absolute paths begin, to an open directory.
 *
 * @returns 0; -1 and errno
 * @errors EPERM (not the superuser), EBADF, ENOTDIR
 */
int rump_sys_fchroot(int fd);

/**
 * Stores the path of the working directory. NetBSD's name is __getcwd.
 *
 * @returns its length, with the zero at the end; -1 and errno
 * @errors ENOENT (it was removed, or lies outside the root), ERANGE (too little room), EFAULT (null)
 */
int rump_sys_getcwd(char *buf, size_t size);
#define rump_sys___getcwd rump_sys_getcwd

#ifdef __cplusplus
}
#endif

#endif
