/* Names in directories: links, directories, special files. */
#ifndef RUMP_SYS_NAMES_H
#define RUMP_SYS_NAMES_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes another name for a file; for a symbolic link, of the link itself. linkat begins relative paths at its
 * directories, and follows a link with AT_SYMLINK_FOLLOW.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (of flags that are not known), EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT,
 * ENOTDIR, EACCES, ELOOP (of both paths), EEXIST, EXDEV, EPERM (a directory, or flags of the file), EROFS, EPERM (an
 * immutable directory), EACCES, EPERM (the file system has no links), EMLINK, ENOSPC, EIO
 */
int rump_sys_link(const char *old_path, const char *new_path);
int rump_sys_linkat(int old_dir, const char *old_path, int new_dir, const char *new_path, int flags);

/**
 * Makes a symbolic link that says target.
 *
 * @returns 0; -1 and errno
 * @errors ENOENT (an empty target), ENAMETOOLONG (a target of 4096 bytes or more), EFAULT (null), EBADF and ENOTDIR
 * (of dir), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EEXIST, EROFS, EPERM (an immutable directory), EACCES,
 * EPERM (the file system has no symbolic links), ENOSPC, EIO
 */
int rump_sys_symlink(const char *target, const char *path);
int rump_sys_symlinkat(const char *target, int dir, const char *path);

/**
 * Stores what a symbolic link says, as far as it fits, without a zero at the end.
 *
 * @returns how many bytes that are; -1 and errno
 * @errors EINVAL (no room at all), EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES,
 * ELOOP, EINVAL (no symbolic link), EIO
 */
ssize_t rump_sys_readlink(const char *path, char *buf, size_t size);
ssize_t rump_sys_readlinkat(int dir, const char *path, char *buf, size_t size);

/**
 * Moves a file to another name, in the place of what has it, in one step.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP (of both paths),
 * ENOTDIR (a slash behind the name of what is no directory), EINVAL (. or .., or into itself), EBUSY (a mount
 * point), EXDEV, EROFS, EPERM (an immutable directory), EACCES, EPERM (flags of what is moved or replaced, a
 * directory that is only appended to, or a sticky one), EISDIR, ENOTDIR, ENOTEMPTY, EMLINK, ENOSPC, EIO
 */
int rump_sys_rename(const char *old_path, const char *new_path);
int rump_sys_renameat(int old_dir, const char *old_path, int new_dir, const char *new_path);

/**
 * Removes a name; the file goes with the last one, once nobody has it open. unlinkat removes an empty directory with
 * AT_REMOVEDIR, as rmdir does.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (of flags that are not known), EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT,
 * ENOTDIR, EACCES, ELOOP, EPERM (a directory), EROFS, EPERM (an immutable directory), EACCES, EPERM (flags of the file,
 * a directory that is only appended to, or a sticky one), EIO
 */
int rump_sys_unlink(const char *path);
int rump_sys_unlinkat(int dir, const char *path, int flags);

/**
 * Removes an empty directory.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, ENOTDIR (no directory), ENOTEMPTY, EINVAL
 * (.), EBUSY (a mount point, or the root), EROFS, EPERM (an immutable directory), EACCES, EPERM (flags of the
 * directory, one above that is only appended to, or a sticky one), EIO
 */
int rump_sys_rmdir(const char *path);

/**
 * Makes a directory, with the permissions that the mask leaves.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EEXIST, EROFS,
 * EPERM (an immutable directory), EACCES, EMLINK, ENOSPC, EIO
 */
int rump_sys_mkdir(const char *path, mode_t mode);
int rump_sys_mkdirat(int dir, const char *path, mode_t mode);

/**
 * Makes a file of the type that is in mode: regular, device, fifo or socket; 0 is a regular one. The number of a device
 * is as makedev of the host packs it.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (another type), EPERM (a device, but for the superuser), EFAULT (null), EBADF and ENOTDIR (of dir),
 * ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EEXIST, EROFS, EPERM (an immutable directory), EACCES, EPERM (the
 * file system has no such files), ENOSPC, EIO
 */
int rump_sys_mknod(const char *path, mode_t mode, dev_t device);
int rump_sys_mknodat(int dir, const char *path, mode_t mode, dev_t device);

/**
 * Makes a fifo.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EBADF and ENOTDIR (of dir), ENAMETOOLONG, ENOENT, ENOTDIR, EACCES, ELOOP, EEXIST, EROFS,
 * EPERM (an immutable directory), EACCES, EPERM (the file system has no fifos), ENOSPC, EIO
 */
int rump_sys_mkfifo(const char *path, mode_t mode);
int rump_sys_mkfifoat(int dir, const char *path, mode_t mode);

#ifdef __cplusplus
}
#endif

#endif
