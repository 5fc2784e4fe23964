/* A server that goes and comes again: what rumpclient_setconnretry says. Links: rumpclient */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <time.h>

#include "far.h"

/* A server comes while somebody looks for it. */
static void *
come(void *unused)
{
	const struct timespec while_it_looks = { 0, 120000000 };

	(void)unused;
	nanosleep(&while_it_looks, NULL);
	far_start(far_url);
	return NULL;
}

/* Makes a file, loses the server, and has another one come. */
static void
lose(time_t retry, int answers)
{
	pthread_t thread;
	int fd;

	rumpclient_setconnretry(retry);
	CHECK((fd = rump_sys_open("/mine", O_WRONLY | O_CREAT, 0644)) >= 0);
	far_kill();
	RETURNS(pthread_create(&thread, NULL, come, NULL), 0);
	if (answers)
		RETURNS(rump_sys_access("/", R_OK), 0);
	else
		FAILS(rump_sys_access("/", R_OK), ENOTCONN);
	RETURNS(pthread_join(thread, NULL), 0);
	/* A server that is found, now or by a later call, knows nothing of what was. */
	FAILS(rump_sys_access("/mine", R_OK), retry != 0 ? ENOENT : ENOTCONN);
	FAILS(rump_sys_write(fd, "x", 1), retry != 0 ? EBADF : ENOTCONN);
}

int
main(void)
{

	pid_t pid;

	far_begin();
	far_start(far_url);
	RETURNS(rumpclient_init(), 0);
	lose(RUMPCLIENT_RETRYCONN_INFTIME, 1);
	lose(20, 1);
	/* What says nothing changes nothing. */
	rumpclient_setconnretry(-4);
	lose(0, 0);
	/* Once a server is there, a call finds it. */
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_ONCE);
	RETURNS(rump_sys_access("/", R_OK), 0);
	lose(RUMPCLIENT_RETRYCONN_ONCE, 0);
	RETURNS(rump_sys_access("/", R_OK), 0);
	rumpclient_setconnretry(RUMPCLIENT_RETRYCONN_DIE);
	pid = rumpclient_fork();
	if (pid == 0) {
		/* A child has what its parent said. */
		CHECK(kill(far_server, SIGKILL) == 0);
		while (rump_sys_access("/", R_OK) == 0)
			continue;
		(void)rump_sys_access("/", R_OK);
		_exit(7);
	}
	RETURNS(far_status(pid), 1);
	return far_end();
}
