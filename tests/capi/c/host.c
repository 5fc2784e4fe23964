/* Hosts of callbacks: one without threads, and one with them. */
#include <rump/rump.h>
#include <rump/rump_host.h>
#include <rump/rump_kernel.h>
#include <rump/rump_syscalls.h>

#include "check.h"
#include "threads.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define DISK_BYTES 8192

struct machine {
	struct threads threads;
	unsigned char disk[DISK_BYTES];
	uint64_t now;
	int lines, files, fails;
};

static void
console(void *arg, const char *line, size_t length)
{
	struct machine *machine = (struct machine *)arg;

	(void)line;
	machine->lines += length > 0;
}

static uint64_t
counter(void *arg)
{
	struct machine *machine = (struct machine *)arg;

	return machine->now += 1000;
}

static void
counted(void *arg, int64_t *sec, uint32_t *nsec)
{
	(void)arg;
	*sec = 86400;
	*nsec = 5;
}

static void
pass(void *arg, uint64_t nanoseconds)
{
	struct machine *machine = (struct machine *)arg;

	machine->now += nanoseconds;
}

static int
parameter(void *arg, const char *name, char *value, size_t size)
{
	(void)arg;
	if (strcmp(name, "RUMP_VERBOSE") != 0 || size < 2)
		return ENOENT;
	memcpy(value, "1", 2);
	return 0;
}

static int
disk_open(void *arg, const char *path, int for_writing, void **file, uint64_t *size)
{
	struct machine *machine = (struct machine *)arg;

	if (strcmp(path, "disk") != 0 && strcmp(path, "rom") != 0)
		return ENOENT;
	if (for_writing && strcmp(path, "rom") == 0)
		return EROFS;
	machine->files++;
	*file = machine->disk;
	*size = DISK_BYTES;
	return 0;
}

static int
disk_read(void *arg, void *file, uint64_t offset, void *buf, size_t length)
{
	struct machine *machine = (struct machine *)arg;

	if (machine->fails)
		return EIO;
	memcpy(buf, (unsigned char *)file + offset, length);
	return 0;
}

static int
disk_write(void *arg, void *file, uint64_t offset, const void *buf, size_t length)
{
	(void)arg;
	memcpy((unsigned char *)file + offset, buf, length);
	return 0;
}

static void
disk_close(void *arg, void *file)
{
	struct machine *machine = (struct machine *)arg;

	CHECK(file == machine->disk);
	machine->files--;
}

static struct rump_host
table(struct machine *machine)
{
	struct rump_host host;

	memset(&host, 0, sizeof(host));
	host.size = sizeof(host);
	host.version = RUMP_HOST_VERSION;
	host.arg = machine;
	host.console = console;
	host.monotonic = counter;
	host.realtime = counted;
	host.sleep = pass;
	host.parameter = parameter;
	host.block_open = disk_open;
	host.block_read = disk_read;
	host.block_write = disk_write;
	host.block_close = disk_close;
	return host;
}

static void
refused(void)
{
	static struct machine machine;
	struct rump_host host = table(&machine);

	host.version = 2;
	RETURNS(rump_host_set(&host), EINVAL);
	host = table(&machine);
	host.size = 4;
	RETURNS(rump_host_set(&host), EINVAL);
	host = table(&machine);
	host.monotonic = NULL;
	RETURNS(rump_host_set(&host), EINVAL);
	host = table(&machine);
	host.block_close = NULL;
	RETURNS(rump_host_set(&host), EINVAL);
	host.version = 0;
	FAILS_NULL(rump_kernel_create(&host), EINVAL);
}

/* All of it with the one thread that there is. */
static void
without_threads(void)
{
	static struct machine machine;
	struct rump_host host = table(&machine);
	struct stat stat;
	struct pollfd poll;
	char bytes[8];
	int fd, ends[2];

	CHECK(rump_host_poll() == -1);
	RETURNS(rump_host_set(NULL), 0);
	RETURNS(rump_host_set(&host), 0);
	RETURNS(rump_init(), 0);
	RETURNS(rump_host_set(&host), EBUSY);
	CHECK(machine.lines > 0);

	RETURNS(rump_pub_etfs_register("/dev/none", "none", RUMP_ETFS_BLK), ENOENT);
	RETURNS(rump_pub_etfs_register("/dev/folder", "disk", RUMP_ETFS_DIR), ENOSYS);
	RETURNS(rump_pub_etfs_register("/dev/disk", "disk", RUMP_ETFS_BLK), 0);
	RETURNS(rump_pub_etfs_register("/dev/rom", "rom", RUMP_ETFS_REG), 0);
	fd = rump_sys_open("/dev/disk", O_RDWR);
	RETURNS(rump_sys_pwrite(fd, "hello", 5, DISK_BYTES - 5), 5);
	CHECK(memcmp(machine.disk + DISK_BYTES - 5, "hello", 5) == 0);
	RETURNS(rump_sys_pread(fd, bytes, sizeof(bytes), DISK_BYTES - 5), 5);
	FAILS(rump_sys_pwrite(fd, "x", 1, DISK_BYTES), ENOSPC);
	machine.fails = 1;
	FAILS(rump_sys_pread(fd, bytes, 1, 0), EIO);
	machine.fails = 0;
	RETURNS(rump_sys_close(fd), 0);
	fd = rump_sys_open("/dev/rom", O_RDWR);
	FAILS(rump_sys_pwrite(fd, "x", 1, 0), EROFS);
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_pub_etfs_remove("/dev/rom"), 0);
	RETURNS(rump_pub_etfs_remove("/dev/disk"), 0);

	/* Waiting ends by the host's clock. */
	RETURNS(rump_sys_pipe2(ends, 0), 0);
	memset(&poll, 0, sizeof(poll));
	poll.fd = ends[0];
	poll.events = POLLIN;
	RETURNS(rump_sys_poll(&poll, 1, 2000), 0);
	CHECK(machine.now >= 2000000000);
	RETURNS(rump_sys_mkdir("/new", 0755), 0);
	RETURNS(rump_sys_stat("/new", &stat), 0);
	RETURNS(stat.st_mtime, 86400);
	CHECK(rump_host_poll() >= -1);
	RETURNS(rump_sys_reboot(0, NULL), 0);
	RETURNS(machine.files, 0);
}

static struct rump_kernel *threaded;
static int ends[2];

static void *
writer(void *unused)
{
	struct timespec while_ = { 0, 20000000 };

	(void)unused;
	rump_kernel_switch(threaded);
	nanosleep(&while_, NULL);
	CHECK(rump_sys_write(ends[1], "x", 1) == 1);
	return NULL;
}

static void
with_threads(void)
{
	static struct machine machine;
	struct rump_host host = table(&machine);
	pthread_t thread;
	char byte;

	host.thread_start = thread_start;
	FAILS_NULL(rump_kernel_create(&host), EINVAL);
	with_threads_of_posix(&host);
	threaded = rump_kernel_create(&host);
	CHECK(threaded != NULL);
	CHECK(rump_kernel_switch(threaded) != NULL);
	RETURNS(rump_sys_pipe2(ends, 0), 0);
	RETURNS(pthread_create(&thread, NULL, writer, NULL), 0);
	RETURNS(rump_sys_read(ends[0], &byte, 1), 1);
	RETURNS(byte, 'x');
	RETURNS(pthread_join(thread, NULL), 0);
	CHECK(count_of(&machine.threads.events) > 0);
	CHECK(rump_kernel_switch(NULL) == threaded);
	RETURNS(rump_kernel_destroy(threaded), 0);
}

int
main(void)
{
	refused();
	without_threads();
	with_threads();
	return checked();
}
