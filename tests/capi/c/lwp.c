/* Processes and lwps: who a thread is. */
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

#include <fcntl.h>
#include <pthread.h>

static struct lwp *kept;

/* Another thread cannot be what one is, and ends without letting others wait. */
static void *
another(void *unused)
{
	(void)unused;
	CHECK(rump_pub_lwproc_curlwp() == NULL);
	RETURNS(rump_pub_lwproc_switch(kept), EBUSY);
	RETURNS(rump_sys_getpid(), 1);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0);
	CHECK(rump_sys_getpid() != 1);
	kept = rump_pub_lwproc_curlwp();
	return NULL;
}

static void
descriptors(void)
{
	struct lwp *parent, *child;
	char byte;
	int fd, other;

	RETURNS(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0);
	parent = rump_pub_lwproc_curlwp();
	fd = rump_sys_open("/file", O_CREAT | O_RDWR, 0644);
	CHECK(fd >= 0);
	RETURNS(rump_sys_write(fd, "ab", 2), 2);
	RETURNS(rump_sys_lseek(fd, 0, SEEK_SET), 0);

	/* Copied: the offset is shared, closing is not. */
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG), 0);
	RETURNS(rump_sys_read(fd, &byte, 1), 1);
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	RETURNS(rump_pub_lwproc_switch(parent), 0);
	RETURNS(rump_sys_read(fd, &byte, 1), 1);
	RETURNS(byte, 'b');

	/* None. */
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFCFDG), 0);
	FAILS(rump_sys_read(fd, &byte, 1), EBADF);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);

	/* Shared. */
	RETURNS(rump_pub_lwproc_switch(parent), 0);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFD_SHARE), 0);
	child = rump_pub_lwproc_curlwp();
	other = rump_sys_open("/file", O_RDONLY);
	CHECK(other >= 0);
	RETURNS(rump_pub_lwproc_switch(parent), 0);
	RETURNS(rump_sys_read(other, &byte, 1), 1);
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_pub_lwproc_switch(child), 0);
	FAILS(rump_sys_read(fd, &byte, 1), EBADF);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	RETURNS(rump_pub_lwproc_switch(parent), 0);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	CHECK(rump_pub_lwproc_curlwp() == NULL);
}

/* A process is there as long as one of its lwps. */
static void
last(void)
{
	struct lwp *one;
	pid_t pid;
	int ends[2];
	char byte;

	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG), 0);
	one = rump_pub_lwproc_curlwp();
	pid = rump_sys_getpid();
	RETURNS(rump_sys_pipe2(ends, 0), 0);
	RETURNS(rump_pub_lwproc_newlwp(pid), 0);
	CHECK(rump_pub_lwproc_curlwp() != one);
	RETURNS(rump_sys_getpid(), pid);
	RETURNS(rump_sys_write(ends[1], "x", 1), 1);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	RETURNS(rump_pub_lwproc_releaselwp(), ESRCH);
	RETURNS(rump_sys_getpid(), 1);
	RETURNS(rump_pub_lwproc_switch(one), 0);
	RETURNS(rump_sys_read(ends[0], &byte, 1), 1);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	RETURNS(rump_pub_lwproc_newlwp(pid), ESRCH);
	RETURNS(rump_pub_lwproc_switch(one), EINVAL);
	RETURNS(rump_pub_lwproc_newlwp(-1), ESRCH);
	RETURNS(rump_pub_lwproc_newlwp(1), 0);
	RETURNS(rump_sys_getpid(), 1);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	RETURNS(rump_sys_getpid(), 1);
}

int
main(void)
{
	pthread_t thread;
	int place;

	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG), ENXIO);
	RETURNS(rump_pub_lwproc_newlwp(1), ENXIO);
	RETURNS(rump_pub_lwproc_switch((struct lwp *)&place), ENXIO);
	RETURNS(rump_init(), 0);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG | RUMP_RFCFDG), EINVAL);
	RETURNS(rump_pub_lwproc_rfork(64), EINVAL);
	RETURNS(rump_pub_lwproc_switch((struct lwp *)&place), EINVAL);
	RETURNS(rump_pub_lwproc_switch(NULL), 0);
	descriptors();
	last();

	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG), 0);
	kept = rump_pub_lwproc_curlwp();
	RETURNS(pthread_create(&thread, NULL, another, NULL), 0);
	RETURNS(pthread_join(thread, NULL), 0);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	/* What the thread was may be taken after its end. */
	RETURNS(rump_pub_lwproc_switch(kept), 0);
	RETURNS(rump_pub_lwproc_switch(kept), 0);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);

	rump_schedule();
	CHECK(rump_pub_lwproc_curlwp() != NULL);
	RETURNS(rump_sys_getpid(), 1);
	RETURNS(rump_pub_lwproc_releaselwp(), ESRCH);
	rump_unschedule();
	CHECK(rump_pub_lwproc_curlwp() == NULL);

	RETURNS(rump_sys_reboot(0, NULL), 0);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG), ENXIO);
	RETURNS(rump_pub_lwproc_newlwp(1), ENXIO);
	return checked();
}
