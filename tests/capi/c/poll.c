/* Waiting for files, at the kernel and at the host: poll, select, pselect, pollts. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

struct side {
	int (*poll)(struct pollfd *, nfds_t, int);
	int (*pollts)(struct pollfd *, nfds_t, const struct timespec *, const void *);
	int (*select)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
	int (*pselect)(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const void *);
	int (*socketpair)(int, int, int, int[2]);
	int (*pipe)(int[2]);
	ssize_t (*write)(int, const void *, size_t);
	ssize_t (*read)(int, void *, size_t);
	int (*close)(int);
};

static int
host_pollts(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const void *mask)
{
	return ppoll(fds, count, timeout, (const sigset_t *)mask);
}

static int
host_pselect(int count, fd_set *r, fd_set *w, fd_set *e, const struct timespec *timeout, const void *mask)
{
	return pselect(count, r, w, e, timeout, (const sigset_t *)mask);
}

static int
kernel_pollts(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const void *mask)
{
	return rump_sys_pollts(fds, count, timeout, mask);
}

static int
kernel_pselect(int count, fd_set *r, fd_set *w, fd_set *e, const struct timespec *timeout, const void *mask)
{
	return rump_sys_pselect(count, r, w, e, timeout, mask);
}

static const struct side kernel = {
	rump_sys_poll, kernel_pollts, rump_sys_select, kernel_pselect, rump_sys_socketpair, rump_sys_pipe, rump_sys_write,
	rump_sys_read, rump_sys_close,
};
static const struct side host = { poll, host_pollts, select, host_pselect, socketpair, pipe, write, read, close };

static long
since(const struct timespec *begin)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return (now.tv_sec - begin->tv_sec) * 1000000 + (now.tv_nsec - begin->tv_nsec) / 1000;
}

static void
polls(const struct side *side)
{
	struct pollfd fds[3];
	struct timespec begin, none = { 0, 0 }, soon = { 0, 20000000 }, wrong = { 0, 1000000000 }, negative = { -1, 0 };
	int pair[2], ends[2];
	char byte;

	RETURNS(side->socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	RETURNS(side->pipe(ends), 0);
	memset(fds, 0, sizeof(fds));
	fds[0].fd = pair[0];
	fds[0].events = POLLIN | POLLOUT;
	fds[1].fd = -1;
	fds[1].events = POLLIN;
	fds[1].revents = POLLIN;
	fds[2].fd = 900;
	RETURNS(side->poll(fds, 2, 0), 1);
	CHECK(fds[0].revents == POLLOUT && fds[1].revents == 0);
	RETURNS(side->poll(fds, 3, -1), 2);
	CHECK(fds[2].revents == POLLNVAL);
	fds[0].events = POLLIN | POLLRDNORM;
	CHECK(clock_gettime(CLOCK_MONOTONIC, &begin) == 0);
	RETURNS(side->poll(fds, 1, 20), 0);
	CHECK(since(&begin) >= 20000);
	CHECK(fds[0].revents == 0);
	RETURNS(side->write(pair[1], "x", 1), 1);
	RETURNS(side->pollts(fds, 1, NULL, NULL), 1);
	CHECK(fds[0].revents == (POLLIN | POLLRDNORM));
	RETURNS(side->read(pair[0], &byte, 1), 1);
	RETURNS(side->pollts(fds, 1, &none, NULL), 0);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &begin) == 0);
	RETURNS(side->pollts(fds, 1, &soon, NULL), 0);
	CHECK(since(&begin) >= 20000);
	FAILS(side->pollts(fds, 1, &wrong, NULL), EINVAL);
	FAILS(side->pollts(fds, 1, &negative, NULL), EINVAL);
	fds[0].events = POLLOUT | POLLWRNORM;
	RETURNS(side->poll(fds, 1, -1), 1);
	CHECK(fds[0].revents == (POLLOUT | POLLWRNORM));
	RETURNS(side->close(pair[1]), 0);
	fds[0].events = POLLIN;
	RETURNS(side->poll(fds, 1, -1), 1);
	CHECK((fds[0].revents & (POLLIN | POLLHUP)) == (POLLIN | POLLHUP));
	/* A pipe without a writer is at its end. */
	RETURNS(side->close(ends[1]), 0);
	fds[0].fd = ends[0];
	RETURNS(side->poll(fds, 1, -1), 1);
	CHECK(fds[0].revents == POLLHUP);
	RETURNS(side->close(pair[0]), 0);
	RETURNS(side->close(ends[0]), 0);
	RETURNS(side->poll(NULL, 0, 1), 0);
}

static void
selects(const struct side *side)
{
	struct timeval none = { 0, 0 }, wrong = { -1, 0 };
	struct timespec soon = { 0, 20000000 }, bad = { 0, -1 }, begin;
	fd_set r, w, e;
	int pair[2], most;

	RETURNS(side->socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	most = (pair[0] > pair[1] ? pair[0] : pair[1]) + 1;
	memset(&r, 0, sizeof(r));
	memset(&w, 0, sizeof(w));
	memset(&e, 0, sizeof(e));
	FD_SET(pair[0], &r);
	FD_SET(pair[0], &w);
	FD_SET(pair[0], &e);
	RETURNS(side->select(most, &r, &w, &e, NULL), 1);
	CHECK(!FD_ISSET(pair[0], &r) && FD_ISSET(pair[0], &w) && !FD_ISSET(pair[0], &e));
	FD_SET(pair[0], &r);
	none.tv_usec = 0;
	RETURNS(side->select(most, &r, NULL, NULL, &none), 0);
	CHECK(!FD_ISSET(pair[0], &r));
	FD_SET(pair[0], &r);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &begin) == 0);
	RETURNS(side->pselect(most, &r, NULL, NULL, &soon, NULL), 0);
	CHECK(since(&begin) >= 20000);
	RETURNS(side->write(pair[1], "x", 1), 1);
	FD_SET(pair[0], &r);
	FD_SET(pair[1], &r);
	RETURNS(side->pselect(most, &r, &w, NULL, NULL, NULL), 2);
	CHECK(FD_ISSET(pair[0], &r) && !FD_ISSET(pair[1], &r) && FD_ISSET(pair[0], &w));
	FAILS(side->select(-1, NULL, NULL, NULL, &none), EINVAL);
	FAILS(side->select(most, &r, NULL, NULL, &wrong), EINVAL);
	FAILS(side->pselect(most, &r, NULL, NULL, &bad, NULL), EINVAL);
	RETURNS(side->close(pair[1]), 0);
	FD_ZERO(&r);
	FD_SET(pair[1], &r);
	FAILS(side->select(most, &r, NULL, NULL, &none), EBADF);
	RETURNS(side->close(pair[0]), 0);
}

/* One thread waits, another writes. */
static int threaded[2];

static void *
write_later(void *unused)
{
	struct timespec step = { 0, 10000000 };

	(void)nanosleep(&step, NULL);
	CHECK(rump_sys_write(threaded[1], "x", 1) == 1);
	return unused;
}

static void
threads(void)
{
	struct timespec wrong = { 0, 1000000000 };
	fd_set set;
	struct pollfd fd = { 0, POLLIN, 0 };
	pthread_t writer;

	RETURNS(rump_sys_pipe(threaded), 0);
	fd.fd = threaded[0];
	CHECK(pthread_create(&writer, NULL, write_later, NULL) == 0);
	RETURNS(rump_sys_poll(&fd, 1, 60000), 1);
	CHECK(fd.revents == POLLIN);
	CHECK(pthread_join(writer, NULL) == 0);
	RETURNS(rump_sys_close(threaded[0]), 0);
	RETURNS(rump_sys_close(threaded[1]), 0);
	FAILS(rump_sys_poll(&fd, (nfds_t)-1, 0), EINVAL);
	FAILS(rump_sys_poll(NULL, 1, 0), EFAULT);
	FAILS(rump_sys_pollts(NULL, 1, NULL, NULL), EFAULT);
	FAILS(rump_sys_pollts(&fd, 1, &wrong, NULL), EINVAL);
	FAILS(rump_sys_select(FD_SETSIZE + 1, NULL, NULL, NULL, NULL), EINVAL);
	FAILS(rump_sys_pselect(0, NULL, NULL, NULL, &wrong, NULL), EINVAL);
	FD_ZERO(&set);
	FD_SET(threaded[0], &set);
	FAILS(rump_sys_select(threaded[0] + 1, &set, NULL, NULL, NULL), EBADF);
	FAILS(rump_sys_pselect(threaded[0] + 1, &set, NULL, NULL, NULL, NULL), EBADF);
}

int
main(void)
{
	RETURNS(rump_init(), 0);
	polls(&kernel);
	polls(&host);
	selects(&kernel);
	selects(&host);
	threads();
	return checked();
}
