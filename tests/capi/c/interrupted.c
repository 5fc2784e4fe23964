/* Signals end calls that wait, unless they are masked meanwhile: at the host and in a kernel, whose timer raises SIGALRM. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "interrupted.c"
#include <aio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include <netinet/in.h>
#include <arpa/inet.h>
#include <rump/netconfig.h>

/* The host's name of rump_sys_pollts. */
#define pollts ppoll

#include "check.h"

/* Any thread may be the one that is interrupted. */
static int alarm_count;

static int
alarms(void)
{
	return __atomic_load_n(&alarm_count, __ATOMIC_SEQ_CST);
}

static void
count_alarm(int number)
{
	(void)number;
	(void)__atomic_add_fetch(&alarm_count, 1, __ATOMIC_SEQ_CST);
}

/* With flags of sigaction. */
static void
handle(int flags)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = count_alarm;
	action.sa_flags = flags;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
}

#include "both.h"
#else

/* Alarms, again and again, as nobody knows when a call waits; none for zero. */
static void
GROUP(alarm_every)(int microseconds)
{
	struct itimerval timer;

	memset(&timer, 0, sizeof timer);
	timer.it_value.tv_usec = timer.it_interval.tv_usec = microseconds;
	RETURNS(SYS(setitimer)(ITIMER_REAL, &timer, NULL), 0);
}

#undef ENDS
#define ENDS(call)                                \
	do {                                      \
		GROUP(alarm_every)(20000);        \
		FAILS(call, EINTR);               \
		GROUP(alarm_every)(0);            \
	} while (0)

static void
GROUP(files)(void)
{
	static char block[65536];
	struct iovec part = { block, sizeof block };
	int ends[2], pair[2], first, second;

	RETURNS(SYS(pipe)(ends), 0);
	ENDS(SYS(read)(ends[0], block, 1));
	ENDS(SYS(readv)(ends[0], &part, 1));
	RETURNS(SYS(fcntl)(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (SYS(write)(ends[1], block, sizeof block) > 0)
		;
	while (SYS(write)(ends[1], block, 1) > 0)
		;
	RETURNS(SYS(fcntl)(ends[1], F_SETFL, 0), 0);
	ENDS(SYS(write)(ends[1], block, sizeof block));
	ENDS(SYS(writev)(ends[1], &part, 1));
	RETURNS(SYS(close)(ends[0]), 0);
	RETURNS(SYS(close)(ends[1]), 0);

	RETURNS(SYS(socketpair)(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ENDS(SYS(recv)(pair[0], block, 1, 0));
	ENDS(SYS(recvfrom)(pair[0], block, 1, 0, NULL, NULL));
	while (SYS(send)(pair[0], block, sizeof block, MSG_DONTWAIT) > 0)
		;
	ENDS(SYS(send)(pair[0], block, sizeof block, 0));
	ENDS(SYS(sendto)(pair[0], block, sizeof block, 0, NULL, 0));
	RETURNS(SYS(close)(pair[0]), 0);
	RETURNS(SYS(close)(pair[1]), 0);

	first = SYS(open)("locked", O_RDWR | O_CREAT, 0644);
	second = SYS(open)("locked", O_RDWR);
	RETURNS(SYS(flock)(first, LOCK_EX), 0);
	ENDS(SYS(flock)(second, LOCK_EX));
	RETURNS(SYS(close)(first), 0);
	RETURNS(SYS(close)(second), 0);
}

static void
GROUP(waiting)(void)
{
	struct timespec long_time = { 100, 0 }, left = { 0, 0 };
	struct timeval long_timeval = { 100, 0 };
	sigset_t none;

	sigemptyset(&none);
	ENDS(SYS(poll)(NULL, 0, 100000));
	ENDS(SYS(select)(0, NULL, NULL, NULL, &long_timeval));
	ENDS(SYS(pselect)(0, NULL, NULL, NULL, &long_time, &none));
	ENDS(SYS(pselect)(0, NULL, NULL, NULL, &long_time, NULL));
	ENDS(SYS(nanosleep)(&long_time, &left));
	CHECK(left.tv_sec >= 90 && left.tv_sec < 100);
	GROUP(alarm_every)(20000);
	RETURNS(SYS(clock_nanosleep)(CLOCK_MONOTONIC, 0, &long_time, NULL), EINTR);
	GROUP(alarm_every)(0);
}

/* What is masked does not end the waiting. */
static void
GROUP(masked)(void)
{
	struct timespec time = { 0, 100000000 };
	sigset_t mask;
	int before = alarms();

	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	GROUP(alarm_every)(20000);
	RETURNS(SYS(pselect)(0, NULL, NULL, NULL, &time, &mask), 0);
	RETURNS(SYS(pollts)(NULL, 0, &time, &mask), 0);
	GROUP(alarm_every)(0);
	CHECK(alarms() > before);
	/* Another signal's absence is no protection. */
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	time.tv_sec = 100;
	ENDS(SYS(pollts)(NULL, 0, &time, &mask));
}

static int GROUP(to_close);

/* After some alarms. */
static void *
GROUP(closes)(void *unused)
{
	struct timespec step = { 0, 1000000 };
	int before = alarms(), rounds;

	for (rounds = 0; alarms() < before + 3 && rounds < 10000; rounds++)
		(void)nanosleep(&step, NULL);
	RETURNS(SYS(close)(GROUP(to_close)), 0);
	return unused;
}

/* A handler of SA_RESTART ends waiting for a time, but no other call. */
static void
GROUP(restarted)(void)
{
	struct timespec long_time = { 100, 0 };
	struct timeval second = { 1, 0 };
	int pair[2], before;
	pthread_t thread;
	char byte;

	handle(SA_RESTART);
	ENDS(SYS(nanosleep)(&long_time, NULL));
	ENDS(SYS(poll)(NULL, 0, 100000));
	RETURNS(SYS(socketpair)(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	before = alarms();
	GROUP(to_close) = pair[1];
	RETURNS(pthread_create(&thread, NULL, GROUP(closes), NULL), 0);
	GROUP(alarm_every)(20000);
	RETURNS(SYS(recv)(pair[0], &byte, 1, 0), 0);
	GROUP(alarm_every)(0);
	CHECK(alarms() > before);
	RETURNS(pthread_join(thread, NULL), 0);
	RETURNS(SYS(close)(pair[0]), 0);
	RETURNS(SYS(socketpair)(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	RETURNS(SYS(setsockopt)(pair[0], SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second), 0);
	ENDS(SYS(recv)(pair[0], &byte, 1, 0));
	RETURNS(SYS(close)(pair[0]), 0);
	RETURNS(SYS(close)(pair[1]), 0);
	handle(0);
}

static void
GROUP(sockets)(void)
{
	struct sockaddr_un name;
	int server;

	memset(&name, 0, sizeof name);
	name.sun_family = AF_UNIX;
	strcpy(name.sun_path, "server");
	server = SYS(socket)(AF_UNIX, SOCK_STREAM, 0);
	RETURNS(SYS(bind)(server, (struct sockaddr *)&name, sizeof name), 0);
	RETURNS(SYS(listen)(server, 1), 0);
	ENDS(SYS(accept)(server, NULL, NULL));
	ENDS(SYS(accept4)(server, NULL, NULL, 0));
#if IN_KERNEL
	{
		struct timeval short_time = { 0, 100000 };
		sigset_t mask;

		sigemptyset(&mask);
		ENDS(rump_sys_paccept(server, NULL, NULL, &mask, 0));
		ENDS(rump_sys_paccept(server, NULL, NULL, NULL, 0));
		sigaddset(&mask, SIGALRM);
		RETURNS(rump_sys_setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &short_time, sizeof short_time), 0);
		GROUP(alarm_every)(20000);
		FAILS(rump_sys_paccept(server, NULL, NULL, &mask, 0), EAGAIN);
		GROUP(alarm_every)(0);
	}
#endif
	RETURNS(SYS(close)(server), 0);
}

#if IN_KERNEL
/* Nobody is at the address. */
static void
kernel_connecting(void)
{
	struct sockaddr_in to;
	int client = rump_sys_socket(AF_INET, SOCK_STREAM, 0);

	RETURNS(rump_pub_netconfig_ifcreate("tap0"), 0);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("tap0", "10.3.0.1", 24), 0);
	RETURNS(rump_pub_netconfig_ifup("tap0"), 0);
	memset(&to, 0, sizeof to);
	to.sin_family = AF_INET;
	to.sin_port = htons(7);
	to.sin_addr.s_addr = inet_addr("10.3.0.2");
	ENDS(rump_sys_connect(client, (struct sockaddr *)&to, sizeof to));
	RETURNS(rump_sys_close(client), 0);
}

/* Hosts have no such calls, or no such owners of locks in one process. */
static void
kernel_more(void)
{
	struct timespec until, long_time = { 100, 0 };
	struct rump_kevent event;
	struct flock lock;
	struct aiocb request, *list[1] = { &request };
	struct lwp *other;
	intptr_t semaphore = 0;
	int queue = rump_sys_kqueue(), ends[2], fd;
	sigset_t set;
	char byte;

	CHECK(queue >= 0);
	ENDS(rump_sys_kevent(queue, NULL, 0, &event, 1, &long_time));
	RETURNS(rump_sys_close(queue), 0);
	RETURNS(rump_sys__ksem_init(0, &semaphore), 0);
	ENDS(rump_sys__ksem_wait(semaphore));
	RETURNS(rump_sys_clock_gettime(CLOCK_REALTIME, &until), 0);
	until.tv_sec += 100;
	ENDS(rump_sys__ksem_timedwait(semaphore, &until));
	RETURNS(rump_sys__ksem_destroy(semaphore), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	ENDS(rump_sys_sigtimedwait(&set, NULL, &long_time));
	ENDS(rump_sys_pollts(NULL, 0, NULL, NULL));

	memset(&lock, 0, sizeof lock);
	lock.l_type = F_WRLCK;
	fd = rump_sys_open("/test/locked", O_RDWR);
	RETURNS(rump_pub_lwproc_rfork(RUMP_RFFDG), 0);
	other = rump_pub_lwproc_curlwp();
	RETURNS(rump_sys_fcntl(fd, F_SETLK, &lock), 0);
	RETURNS(rump_pub_lwproc_switch(NULL), 0);
	FAILS(rump_sys_fcntl(fd, F_SETLK, &lock), EAGAIN);
	ENDS(rump_sys_fcntl(fd, F_SETLKW, &lock));
	RETURNS(rump_pub_lwproc_switch(other), 0);
	RETURNS(rump_pub_lwproc_releaselwp(), 0);
	RETURNS(rump_sys_close(fd), 0);

	RETURNS(rump_sys_pipe(ends), 0);
	memset(&request, 0, sizeof request);
	request.aio_fildes = ends[0];
	request.aio_buf = &byte;
	request.aio_nbytes = 1;
	request.aio_lio_opcode = LIO_READ;
	request.aio_sigevent.sigev_notify = SIGEV_NONE;
	ENDS(rump_sys_lio_listio(LIO_WAIT, list, 1, NULL));
	ENDS(rump_sys_aio_suspend((const struct aiocb *const *)list, 1, NULL));
	long_time.tv_sec = 0;
	FAILS(rump_sys_aio_suspend((const struct aiocb *const *)list, 1, &long_time), EAGAIN);
	RETURNS(rump_sys_write(ends[1], "x", 1), 1);
	RETURNS(rump_sys_aio_suspend((const struct aiocb *const *)list, 1, NULL), 0);
	RETURNS(rump_sys_aio_return(&request), 1);
	RETURNS(rump_sys_close(ends[0]), 0);
	RETURNS(rump_sys_close(ends[1]), 0);
}
#endif

static void
GROUP(run)(void)
{
	handle(0);
	GROUP(files)();
	GROUP(waiting)();
	GROUP(masked)();
	GROUP(restarted)();
	GROUP(sockets)();
#if IN_KERNEL
	kernel_connecting();
	kernel_more();
#endif
}

#endif
