/* Listing directories. */
#ifndef RUMP_SYS_DIRENTS_H
#define RUMP_SYS_DIRENTS_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Stores entries of an open directory from where it is at: records of the host's struct dirent, one behind the other,
 * each d_reclen bytes long. lseek goes to the d_off of a record, behind it, or back to 0. A directory that was removed
 * has none.
 *
 * @returns how many bytes there are, 0 at the end; -1 and errno
 * @errors EFAULT (null), EBADF (not open, or not for reading), ENOTDIR, EINVAL (too little room for the next one),
 * EIO
 */
int rump_sys_getdents(int fd, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
