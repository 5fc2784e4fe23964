/* What is durable, and where files have space. */
#ifndef RUMP_SYS_SYNC_H
#define RUMP_SYS_SYNC_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How fsync_range makes a part durable. */
#define RUMP_FDATASYNC 0x0010	/* content, and what finding it needs */
#define RUMP_FFILESYNC 0x0020	/* all attributes, too */
#define RUMP_FDISKSYNC 0x0040	/* besides, what the device has in a cache of its own */
#ifndef FDATASYNC
#define FDATASYNC RUMP_FDATASYNC
#endif
#ifndef FFILESYNC
#define FFILESYNC RUMP_FFILESYNC
#endif
#ifndef FDISKSYNC
#define FDISKSYNC RUMP_FDISKSYNC
#endif

/**
 * Returns once a file is durable; fdatasync, once its content is.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, EINVAL (a socket, pipe or queue), ENOSPC, EIO
 */
int rump_sys_fsync(int fd);
int rump_sys_fdatasync(int fd);

/**
 * Returns once a part of a file is durable, in the way that the flags say; a length of 0 is to the end. The whole file
 * is, in fact.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (negative, or other flags), EBADF (not open, or not for writing), EINVAL (a socket, pipe or queue),
 * EINVAL (not one of RUMP_FDATASYNC and RUMP_FFILESYNC, or no file is so long), ENOSPC, EIO
 */
int rump_sys_fsync_range(int fd, int flags, off_t start, off_t length);

/**
 * Makes all file systems durable.
 */
void rump_sys_sync(void);

/**
 * Gives the space of a part of a file back; it reads as zeros then.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (negative or empty), EBADF (not open, or not for writing), ESPIPE (a pipe), ENODEV (no regular file),
 * EPERM (flags of the file), EFBIG (no file is so long), ENOTSUP (the file system cannot), ENOSPC, EIO
 */
int rump_sys_fdiscard(int fd, off_t start, off_t length);

/**
 * Says how a part of a file is going to be used: POSIX_FADV_NORMAL and its like. Nothing follows from it.
 *
 * @returns 0, or an error number
 * @errors EINVAL (negative, or no such advice), EBADF, ESPIPE (a pipe or socket), EINVAL (a queue)
 */
int rump_sys_posix_fadvise(int fd, off_t start, off_t length, int advice);

/**
 * Reserves space for a part of a file, which becomes at least as long.
 *
 * @returns 0, or an error number
 * @errors EINVAL (negative or empty), EBADF (not open, or not for writing), ESPIPE (a pipe), ENODEV (no regular file),
 * EPERM (flags of the file), EFBIG, ENOTSUP (the file system cannot), ENOSPC, EIO
 */
int rump_sys_posix_fallocate(int fd, off_t start, off_t length);

#ifdef __cplusplus
}
#endif

#endif
