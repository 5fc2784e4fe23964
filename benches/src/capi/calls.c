/* calls: what a call, a kernel and rump_init take through the C interface, in nanoseconds, one after the other. */
#define _POSIX_C_SOURCE 200809L
#include <rump/rump.h>
#include <rump/rump_kernel.h>
#include <rump/rump_syscalls.h>

#include <stdio.h>
#include <time.h>

#define CALLS 10000000
#define KERNELS 1000

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int
main(void)
{
	double begin, init, call, create = 0;
	int i;

	begin = now();
	if (rump_init() != 0)
		return 1;
	init = now() - begin;

	begin = now();
	for (i = 0; i < CALLS; i++)
		if (rump_sys_getpid() < 1)
			return 1;
	call = (now() - begin) / CALLS;

	for (i = 0; i < KERNELS; i++) {
		struct rump_kernel *kernel;

		begin = now();
		kernel = rump_kernel_create(NULL);
		if (kernel == NULL)
			return 1;
		create += now() - begin;
		if (rump_kernel_destroy(kernel) != 0)
			return 1;
	}
	printf("%.1f %.0f %.0f\n", call, init, create / KERNELS);
	return 0;
}
