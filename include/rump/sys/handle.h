/* Files by handles: bytes that stand for a file as long as it is there. All is the superuser's. */
#ifndef RUMP_SYS_HANDLE_H
#define RUMP_SYS_HANDLE_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stat;
struct statvfs;

/**
 * Stores the handle of a file; of a symbolic link, its own. *size says how much room there is, and then how long
 * handles are.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EPERM (not the superuser), ENAMETOOLONG, ENOENT, ENOTDIR, ELOOP, EOPNOTSUPP (the file
 * system has none), E2BIG (too little room), EIO
 */
int rump_sys_getfh(const char *path, void *handle, size_t *size);

/**
 * Opens a file, with the flags of open but O_CREAT.
 *
 * @returns a descriptor; -1 and errno
 * @errors EINVAL (another length), EFAULT (null), EPERM (not the superuser), EINVAL (O_CREAT), ESTALE (the file is
 * gone), EISDIR, ENXIO, ENOTDIR (O_DIRECTORY), EROFS, EPERM (flags of the file), EMFILE, EIO
 */
int rump_sys_fhopen(const void *handle, size_t size, int flags);

/**
 * Stores the attributes of a file.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (another length), EFAULT (null), EPERM (not the superuser), ESTALE (the file is gone), EIO
 */
int rump_sys_fhstat(const void *handle, size_t size, struct stat *buf);

/**
 * Stores facts of the file system that a file is in.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (other flags, or another length), EFAULT (null), EPERM (not the superuser), ESTALE (the file is gone),
 * EIO
 */
int rump_sys_fhstatvfs1(const void *handle, size_t size, struct statvfs *buf, int flags);

#ifdef __cplusplus
}
#endif

#endif
