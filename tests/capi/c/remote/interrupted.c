/* Handlers of a client's end calls that wait at its server, whoever raises the signal. Links: rumpclient */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/time.h>
#include <time.h>

#include "far.h"

static char block[1 << 16];
static volatile sig_atomic_t alarms;

static void
count_alarm(int number)
{
	(void)number;
	alarms++;
}

static void
handle(int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = count_alarm;
	action.sa_flags = flags;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
}

/* Of the host, or of the kernel. */
static int is_of_host;

static void
alarm_every(int microseconds)
{
	struct itimerval timer;

	memset(&timer, 0, sizeof timer);
	timer.it_value.tv_usec = timer.it_interval.tv_usec = microseconds;
	if (is_of_host)
		CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
	else
		RETURNS(rump_sys_setitimer(ITIMER_REAL, &timer, NULL), 0);
}

#define ENDS(call)                  \
	do {                        \
		alarm_every(20000); \
		FAILS(call, EINTR); \
		alarm_every(0);     \
	} while (0)

static void
pipes(void)
{
	int ends[2];
	ssize_t written;

	RETURNS(rump_sys_pipe(ends), 0);
	ENDS(rump_sys_read(ends[0], block, 1));
	/* What had gone is told. */
	alarm_every(20000);
	do
		written = rump_sys_write(ends[1], block, sizeof block);
	while (written == (ssize_t)sizeof block);
	alarm_every(0);
	CHECK(written == -1 ? errno == EINTR : written > 0);
	ENDS(rump_sys_write(ends[1], block, sizeof block));
	RETURNS(rump_sys_close(ends[0]), 0);
	RETURNS(rump_sys_close(ends[1]), 0);
}

static void
sockets(void)
{
	struct sockaddr_un name;
	int pair[2], server;

	RETURNS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ENDS(rump_sys_recv(pair[0], block, 1, 0));
	while (rump_sys_send(pair[0], block, sizeof block, MSG_DONTWAIT) > 0)
		;
	ENDS(rump_sys_send(pair[0], block, sizeof block, 0));
	RETURNS(rump_sys_close(pair[0]), 0);
	RETURNS(rump_sys_close(pair[1]), 0);
	memset(&name, 0, sizeof name);
	name.sun_family = AF_UNIX;
	strcpy(name.sun_path, is_of_host ? "/host" : "/kernel");
	server = rump_sys_socket(AF_UNIX, SOCK_STREAM, 0);
	RETURNS(rump_sys_bind(server, (struct sockaddr *)&name, sizeof name), 0);
	RETURNS(rump_sys_listen(server, 1), 0);
	ENDS(rump_sys_accept(server, NULL, NULL));
	RETURNS(rump_sys_close(server), 0);
}

static void
waiting(void)
{
	struct timespec long_time = { 100, 0 };
	int first, second;

	ENDS(rump_sys_poll(NULL, 0, 100000));
	ENDS(rump_sys_nanosleep(&long_time, NULL));
	first = rump_sys_open("/locked", O_RDWR | O_CREAT, 0644);
	second = rump_sys_open("/locked", O_RDWR);
	RETURNS(rump_sys_flock(first, LOCK_EX), 0);
	ENDS(rump_sys_flock(second, LOCK_EX));
	RETURNS(rump_sys_close(first), 0);
	RETURNS(rump_sys_close(second), 0);
}

static int to_close;

static void *
closes(void *unused)
{
	struct timespec step = { 0, 1000000 };
	int before = alarms, rounds;

	for (rounds = 0; alarms < before + 3 && rounds < 10000; rounds++)
		(void)nanosleep(&step, NULL);
	RETURNS(rump_sys_close(to_close), 0);
	return unused;
}

/* A handler of SA_RESTART ends calls that wait for a time alone. */
static void
restarted(void)
{
	struct timespec long_time = { 100, 0 };
	pthread_t thread;
	sigset_t set;
	int pair[2];
	char byte;

	handle(SA_RESTART);
	ENDS(rump_sys_poll(NULL, 0, 100000));
	ENDS(rump_sys_nanosleep(&long_time, NULL));
	RETURNS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	to_close = pair[1];
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	RETURNS(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	RETURNS(pthread_create(&thread, NULL, closes, NULL), 0);
	RETURNS(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	alarm_every(20000);
	RETURNS(rump_sys_recv(pair[0], &byte, 1, 0), 0);
	alarm_every(0);
	RETURNS(pthread_join(thread, NULL), 0);
	RETURNS(rump_sys_close(pair[0]), 0);
	handle(0);
}

int
main(void)
{
	far_begin();
	far_start(far_url);
	RETURNS(rumpclient_init(), 0);
	handle(0);
	for (is_of_host = 0; is_of_host < 2; is_of_host++) {
		pipes();
		sockets();
		waiting();
		restarted();
	}
	CHECK(alarms > 0);
	return far_end();
}
