/* A kernel on a host that is no operating system: its disk is an array, its clock a counter, and it has no threads.
 *
 * cc host.c -lrumpfs_tmpfs -lrump */
#include <rump/rump.h>
#include <rump/rump_host.h>
#include <rump/rump_syscalls.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DISK_BYTES 65536

struct machine {
	unsigned char disk[DISK_BYTES];
	uint64_t ticks;
};

static void
console(void *arg, const char *line, size_t length)
{
	(void)arg;
	printf("kernel: %.*s\n", (int)length, line);
}

/* A tick of the counter is a millisecond; whoever looks lets it tick. */
static uint64_t
monotonic(void *arg)
{
	struct machine *machine = (struct machine *)arg;

	return ++machine->ticks * 1000000;
}

static void
realtime(void *arg, int64_t *sec, uint32_t *nsec)
{
	struct machine *machine = (struct machine *)arg;

	*sec = (int64_t)(machine->ticks / 1000);
	*nsec = (uint32_t)(machine->ticks % 1000) * 1000000;
}

static int
disk_open(void *arg, const char *path, int for_writing, void **file, uint64_t *size)
{
	struct machine *machine = (struct machine *)arg;

	(void)for_writing;
	if (strcmp(path, "disk") != 0)
		return ENOENT;
	*file = machine->disk;
	*size = DISK_BYTES;
	return 0;
}

static int
disk_read(void *arg, void *file, uint64_t offset, void *buf, size_t length)
{
	(void)arg;
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
	(void)arg;
	(void)file;
}

int
main(void)
{
	static struct machine machine;
	struct rump_host host;
	int fd, error;

	memset(&host, 0, sizeof(host));
	host.size = sizeof(host);
	host.version = RUMP_HOST_VERSION;
	host.arg = &machine;
	host.console = console;
	host.monotonic = monotonic;
	host.realtime = realtime;
	host.block_open = disk_open;
	host.block_read = disk_read;
	host.block_write = disk_write;
	host.block_close = disk_close;

	rump_boot_sethowto(RUMP_AB_VERBOSE);
	if ((error = rump_host_set(&host)) != 0 || (error = rump_init()) != 0 ||
	    (error = rump_pub_etfs_register("/dev/disk", "disk", RUMP_ETFS_BLK)) != 0) {
		fprintf(stderr, "no kernel: %s\n", strerror(error));
		return 1;
	}
	fd = rump_sys_open("/dev/disk", O_RDWR);
	if (fd < 0 || rump_sys_pwrite(fd, "hello", 5, 512) != 5) {
		perror("/dev/disk");
		return 1;
	}
	rump_sys_close(fd);
	printf("at 512: %.5s\n", (char *)machine.disk + 512);
	return rump_sys_reboot(0, NULL) == 0 ? 0 : 1;
}
