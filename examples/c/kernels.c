/*
 * Several kernels in one process: each thread boots one of its own and is in it, so that equal paths are different files.
 * The main thread then visits all of them, and the classic kernel, which rump_init boots.
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <pthread.h>

#include <rump/rump.h>
#include <rump/rump_kernel.h>
#include <rump/rump_syscalls.h>

#include "example.h"

#define KERNELS 3
#define PATH "/name"

struct worker {
	pthread_t thread;
	struct rump_kernel *kernel;
	char name[16];
};

static void
write_name(const char *name)
{
	int fd = (int)need(rump_sys_open(PATH, O_CREAT | O_EXCL | O_WRONLY, 0644), PATH);

	need(rump_sys_write(fd, name, strlen(name)), PATH);
	need(rump_sys_close(fd), PATH);
}

static void
print_name(const char *where)
{
	char name[16];
	int fd = (int)need(rump_sys_open(PATH, O_RDONLY), PATH);
	ssize_t length = need(rump_sys_read(fd, name, sizeof name), PATH);

	printf("%s: %.*s\n", where, (int)length, name);
	need(rump_sys_close(fd), PATH);
}

static void *
work(void *argument)
{
	struct worker *worker = (struct worker *)argument;

	worker->kernel = rump_kernel_create(NULL);
	if (worker->kernel == NULL || rump_kernel_switch(worker->kernel) == NULL)
		fail("kernel", errno);
	write_name(worker->name);
	return NULL;
}

int
main(void)
{
	struct worker workers[KERNELS];
	int i;

	works(rump_init(), "rump_init");
	write_name("classic");
	for (i = 0; i < KERNELS; i++) {
		snprintf(workers[i].name, sizeof workers[i].name, "kernel %d", i);
		works(pthread_create(&workers[i].thread, NULL, work, &workers[i]), "thread");
	}
	for (i = 0; i < KERNELS; i++) {
		works(pthread_join(workers[i].thread, NULL), "thread");
		if (rump_kernel_switch(workers[i].kernel) == NULL)
			fail("switch", errno);
		print_name("visited");
	}
	if (rump_kernel_switch(NULL) == NULL)
		fail("switch", errno);
	print_name("at home");
	for (i = 0; i < KERNELS; i++)
		works(rump_kernel_destroy(workers[i].kernel), "destroy");
	need(rump_sys_reboot(0, NULL), "reboot");
	return 0;
}
