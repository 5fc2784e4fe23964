/* Semaphores of the kernel, of which a libc makes sem_open(3) and its like. */
#ifndef RUMP_SYS_KSEM_H
#define RUMP_SYS_KSEM_H

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;

/* Where it stands in the place of a semaphore that is made, other processes can use that, too. */
#define RUMP_KSEM_SHARED 0x50535244

/**
 * Makes a semaphore without a name.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EINVAL (too high a value), ENOSPC, EMFILE
 */
int rump_sys__ksem_init(unsigned int value, intptr_t *semaphore);

/**
 * Opens a semaphore by its name, a slash and a component; with O_CREAT makes it, with O_EXCL too only if it was not there.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EINVAL (other flags, or such a name), ENAMETOOLONG, EEXIST, EACCES, ENOENT, EINVAL (too high a value),
 * ENOSPC, EMFILE
 */
int rump_sys__ksem_open(const char *name, int flags, mode_t mode, unsigned int value, intptr_t *semaphore);

/**
 * Closes a semaphore with a name.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (none, or one without a name)
 */
int rump_sys__ksem_close(intptr_t semaphore);

/**
 * Takes a name away. Who has the semaphore open keeps it.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EINVAL (such a name), ENAMETOOLONG, ENOENT, EACCES
 */
int rump_sys__ksem_unlink(const char *name);

/**
 * Counts up.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such semaphore), EOVERFLOW
 */
int rump_sys__ksem_post(intptr_t semaphore);

/**
 * Counts down, once it is not zero: wait waits for that, trywait does not, timedwait until the clock of real time says so.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (of until, null), EINVAL (of until, no time), EINVAL (no such semaphore), EAGAIN (of trywait), EINTR
 * (of wait), EINTR and ETIMEDOUT (of timedwait)
 */
int rump_sys__ksem_wait(intptr_t semaphore);
int rump_sys__ksem_trywait(intptr_t semaphore);
int rump_sys__ksem_timedwait(intptr_t semaphore, const struct timespec *until);

/**
 * Tells what a semaphore counts.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such semaphore), EFAULT (null)
 */
int rump_sys__ksem_getvalue(intptr_t semaphore, unsigned int *value);

/**
 * Destroys a semaphore without a name.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (none, or one with a name), EPERM (another user's), EBUSY (somebody waits)
 */
int rump_sys__ksem_destroy(intptr_t semaphore);

#ifdef __cplusplus
}
#endif

#endif
