/* Several kernels, each with a thread of its own. */
#include <rump/rump.h>
#include <rump/rump_kernel.h>
#include <rump/rump_syscalls.h>

#include "check.h"

#include <fcntl.h>
#include <pthread.h>

#define KERNELS 4

static int failed[KERNELS];

/* What one kernel has, no other has. */
static void *
in_kernel(void *argument)
{
	int number = *(int *)argument, round, fd, bad = 0;
	struct rump_kernel *kernel = rump_kernel_create(NULL);
	char path[32];

	bad += kernel == NULL || rump_kernel_switch(kernel) == NULL || rump_kernel_current() != kernel;
	for (round = 0; round < 50; round++) {
		bad += rump_pub_lwproc_rfork(RUMP_RFCFDG) != 0;
		snprintf(path, sizeof(path), "/%d-%d", number, round);
		fd = rump_sys_open(path, O_CREAT | O_EXCL | O_RDWR, 0644);
		bad += fd != 0;
		bad += rump_sys_write(fd, path, sizeof(path)) != (ssize_t)sizeof(path);
		snprintf(path, sizeof(path), "/%d-%d", (number + 1) % KERNELS, round);
		bad += rump_sys_access(path, F_OK) != -1 || errno != ENOENT;
		bad += rump_pub_lwproc_releaselwp() != 0;
	}
	bad += rump_kernel_destroy(kernel) != 0;
	bad += rump_sys_access("/", F_OK) != -1 || errno != ENXIO;
	bad += rump_kernel_switch(NULL) == NULL;
	bad += rump_kernel_destroy(kernel) != EINVAL;
	failed[number] = bad;
	return NULL;
}

int
main(void)
{
	struct rump_kernel *classic = rump_kernel_current(), *other;
	struct lwp *here, *there;
	pthread_t threads[KERNELS];
	int numbers[KERNELS], i;
	pid_t pid;

	CHECK(classic != NULL);
	other = rump_kernel_create(NULL);
	CHECK(other != NULL);
	/* The classic one has not booted. */
	FAILS(rump_sys_getpid(), ENXIO);
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_mkdir("/here", 0755), 0);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG), 0);
	here = rump_pub_lwproc_curlwp();
	pid = rump_sys_getpid();

	CHECK(rump_kernel_switch(other) == classic);
	CHECK(rump_kernel_current() == other);
	CHECK(rump_pub_lwproc_curlwp() == NULL);
	RETURNS(rump_sys_getpid(), 1);
	FAILS(rump_sys_access("/here", F_OK), ENOENT);
	RETURNS(rump_pub_lwproc_switch(here), EINVAL);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG), 0);
	there = rump_pub_lwproc_curlwp();
	CHECK(rump_kernel_switch(NULL) == other);
	CHECK(rump_pub_lwproc_curlwp() == here);
	RETURNS(rump_sys_getpid(), pid);
	CHECK(rump_kernel_switch(other) == classic);
	CHECK(rump_pub_lwproc_curlwp() == there);
	CHECK(rump_kernel_switch(classic) == other);

	errno = 0;
	FAILS_NULL(rump_kernel_switch((struct rump_kernel *)&pid), EINVAL);
	CHECK(rump_kernel_current() == classic);
	RETURNS(rump_kernel_destroy(classic), EBUSY);
	RETURNS(rump_kernel_destroy((struct rump_kernel *)&pid), EINVAL);
	RETURNS(rump_kernel_destroy(other), 0);
	RETURNS(rump_kernel_destroy(other), EINVAL);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);

	for (i = 0; i < KERNELS; i++) {
		numbers[i] = i;
		RETURNS(pthread_create(&threads[i], NULL, in_kernel, &numbers[i]), 0);
	}
	for (i = 0; i < KERNELS; i++) {
		RETURNS(pthread_join(threads[i], NULL), 0);
		RETURNS(failed[i], 0);
	}
	RETURNS(rump_sys_access("/here", F_OK), 0);
	return checked();
}
