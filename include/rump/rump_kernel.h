/* Several kernels in one process. Each is as separate from the others as if it were in a process of its own. */
#ifndef RUMP_RUMP_KERNEL_H
#define RUMP_RUMP_KERNEL_H

#ifdef __cplusplus
extern "C" {
#endif

struct rump_kernel;
struct rump_host;

/**
 * Boots a kernel of its own, on a host of callbacks or, with NULL, on that of rump_init. Threads use it after
 * rump_kernel_switch.
 *
 * @returns the kernel; NULL and errno
 * @errors EINVAL (the host's table is none), ENOSYS (no host is linked), EINVAL (a parameter that is none)
 */
struct rump_kernel *rump_kernel_create(const struct rump_host *host);

/**
 * Lets the calls of this thread go to a kernel from now on; NULL is the classic one, of rump_init, whether it has booted or
 * not. The thread is there whichever lwp it was there before.
 *
 * @returns the kernel before; NULL and errno
 * @errors EINVAL (there is no such kernel)
 */
struct rump_kernel *rump_kernel_switch(struct rump_kernel *kernel);

/**
 * Tells where the calls of this thread go: to the classic kernel at the beginning.
 *
 * @returns the kernel, which is never NULL
 */
struct rump_kernel *rump_kernel_current(void);

/**
 * Halts a kernel and forgets it: everything is written out, calls of threads that are still there answer ENXIO.
 *
 * @returns 0, or an error number
 * @errors EBUSY (the classic kernel, which rump_sys_reboot halts), EINVAL (there is no such kernel), EIO, ENOSPC (not
 * everything could be written)
 */
int rump_kernel_destroy(struct rump_kernel *kernel);

#ifdef __cplusplus
}
#endif

#endif
