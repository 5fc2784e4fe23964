/* Handlers run while calls wait that send and connect, and what comes of it is printed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MUCH = 64 << 20 };

static char *much;
static volatile sig_atomic_t alarms, told_by = -1, drained = -1;
static volatile long came;

static void count(int number)
{
	int before = errno;
	(void)number;
	alarms++;
	/* A call of the same kernel, within another one. */
	if (told_by >= 0 && write(told_by, "x", 1) != 1)
		_exit(9);
	if (drained >= 0) {
		static char room[1 << 20];
		long got;
		while ((got = recv(drained, room, sizeof room, MSG_DONTWAIT)) > 0) {
			came += got;
			/* The call may end before the handler asks again. */
			usleep(500);
		}
	}
	errno = before;
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = flags };
	sigaction(number, &action, NULL);
}

static void alarm_every(int milliseconds)
{
	struct itimerval timer = { { 0, milliseconds * 1000 }, { 0, milliseconds * 1000 } };
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void say(const char *what, long answer)
{
	if (answer < 0)
		printf("%s: %s\n", what, strerror(errno));
	else
		printf("%s: %s\n", what, answer == 0 ? "zero" : answer < MUCH ? "a part" : "all");
	fflush(stdout);
}

static int listener(int backlog, struct sockaddr_in *at)
{
	socklen_t length = sizeof *at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	memset(at, 0, sizeof *at);
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)at, sizeof *at) != 0 || listen(fd, backlog) != 0 ||
	    getsockname(fd, (struct sockaddr *)at, &length) != 0)
		exit(8);
	return fd;
}

static int begin(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0)
		exit(7);
	return fd;
}

static void pair(int ends[2])
{
	struct sockaddr_in at;
	int door = listener(1, &at);
	ends[0] = begin(&at);
	ends[1] = accept(door, NULL, NULL);
	close(door);
}

/* Sends until it fails, or has sent so much. A call may send a part, where it is ended after that or at once. */
static long sent_until(int fd, long most)
{
	long all = 0, sent;
	while (all < most && (sent = send(fd, much, most - all, 0)) > 0)
		all += sent;
	return all;
}

static void until_it_fails(int fd)
{
	while (send(fd, much, MUCH, 0) > 0)
		;
}

static void *drain(void *end)
{
	static char room[1 << 20];
	long all = 0, got;
	usleep(200000);
	while ((got = read(*(int *)end, room, sizeof room)) > 0)
		all += got;
	return (void *)all;
}

static long by_send(int fd) { return send(fd, much, MUCH, 0); }
static long by_write(int fd) { return write(fd, much, MUCH); }
static long by_writev(int fd)
{
	struct iovec parts[2] = { { much, MUCH / 2 }, { much + MUCH / 2, MUCH / 2 } };
	return writev(fd, parts, 2);
}
static long by_sendmsg(int fd)
{
	struct iovec part = { much, MUCH };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	return sendmsg(fd, &message, 0);
}

/* What had gone is told by a count; where nothing had, the call failed. */
static void sending(const char *name, long (*by)(int))
{
	int ends[2];
	long sent, all = 0;
	char what[64];
	pair(ends);
	handle(SIGALRM, 0);
	alarm_every(100);
	while ((sent = by(ends[0])) > 0)
		all += sent;
	alarm_every(0);
	snprintf(what, sizeof what, "%s", name);
	say(what, sent);
	snprintf(what, sizeof what, "%s before", name);
	say(what, all);
	close(ends[0]);
	close(ends[1]);
}

static void restarting(void)
{
	int ends[2];
	long sent;
	void *got;
	pthread_t thread;
	sigset_t set;
	pair(ends);
	handle(SIGALRM, SA_RESTART);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	/* The handler is this thread's. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&thread, NULL, drain, &ends[1]);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alarms = 0;
	alarm_every(20);
	sent = sent_until(ends[0], MUCH);
	alarm_every(0);
	printf("restarted: %ld %s\n", sent, alarms > 0 ? "after handlers" : "at once");
	close(ends[0]);
	pthread_join(thread, &got);
	printf("it all came: %d\n", (long)got == MUCH);
	close(ends[1]);
}

static void limited(void)
{
	struct timeval limit = { 0, 300000 };
	int ends[2];
	pair(ends);
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	until_it_fails(ends[0]);
	say("a limit", -1);
	handle(SIGALRM, 0);
	alarm_every(50);
	until_it_fails(ends[0]);
	say("a handler before the limit", -1);
	alarm_every(0);
	close(ends[0]);
	close(ends[1]);
}

/* The handler tells of itself through the kernel, too. */
static void nested(void)
{
	int ends[2], told[2];
	char byte = 0;
	pair(ends);
	pair(told);
	told_by = told[0];
	handle(SIGALRM, 0);
	alarm_every(100);
	until_it_fails(ends[0]);
	say("with a handler that calls", -1);
	alarm_every(0);
	told_by = -1;
	if (recv(told[1], &byte, 1, 0) == 1)
		printf("it said: %c\n", byte);
	close(ends[0]);
	close(ends[1]);
	close(told[0]);
	close(told[1]);
}

/* What the call waits for, the handler does, and the call goes on. */
static void served(void)
{
	enum { SOME = 8 << 20 };
	int ends[2];
	pair(ends);
	drained = ends[1];
	came = 0;
	handle(SIGALRM, SA_RESTART);
	alarm_every(10);
	printf("with a handler that takes it: %d\n", sent_until(ends[0], SOME) == SOME);
	/* What is left comes with later handlers. */
	while (came < SOME)
		usleep(1000);
	alarm_every(0);
	drained = -1;
	close(ends[0]);
	close(ends[1]);
}

static int waiting_end;

static void *waits(void *unused)
{
	(void)unused;
	return (void *)sent_until(waiting_end, MUCH);
}

static pthread_t whom;
static volatile int is_over;

static void *disturbs(void *unused)
{
	while (!is_over) {
		usleep(50000);
		pthread_kill(whom, SIGUSR1);
	}
	return unused;
}

/* Two threads wait: a signal of one of them ends its call alone, whichever waited first. */
static void threads(int main_is_first)
{
	int own[2], other[2];
	void *got;
	pthread_t waiter, disturber, drainer;
	pair(own);
	pair(other);
	handle(SIGUSR1, 0);
	waiting_end = other[0];
	whom = pthread_self();
	is_over = 0;
	if (!main_is_first) {
		pthread_create(&waiter, NULL, waits, NULL);
		usleep(200000);
	}
	pthread_create(&disturber, NULL, disturbs, NULL);
	until_it_fails(own[0]);
	say("one of two threads", -1);
	if (main_is_first)
		pthread_create(&waiter, NULL, waits, NULL);
	until_it_fails(own[0]);
	say("again", -1);
	pthread_create(&drainer, NULL, drain, &other[1]);
	until_it_fails(own[0]);
	say("once more", -1);
	pthread_join(waiter, &got);
	printf("the other: %ld\n", (long)got);
	is_over = 1;
	pthread_join(disturber, NULL);
	close(other[0]);
	pthread_join(drainer, &got);
	printf("it all came: %d\n", (long)got == MUCH);
	close(other[1]);
	close(own[0]);
	close(own[1]);
}

/* Nobody accepts, until somebody does. */
static void connecting(void)
{
	struct sockaddr_in at;
	struct pollfd entry = { .events = POLLOUT };
	int door = listener(0, &at), fd = -1, rounds, error = -1;
	int others[16];
	socklen_t length = sizeof error;
	for (rounds = 0; rounds < 16; rounds++) {
		others[rounds] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(others[rounds], (struct sockaddr *)&at, sizeof at);
	}
	usleep(100000);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	handle(SIGALRM, 0);
	alarm_every(200);
	say("connect", connect(fd, (struct sockaddr *)&at, sizeof at));
	say("connect, again", connect(fd, (struct sockaddr *)&at, sizeof at));
	alarm_every(0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	say("connect, without waiting", connect(fd, (struct sockaddr *)&at, sizeof at));
	for (rounds = 0; rounds < 16; rounds++)
		close(others[rounds]);
	/* Those that gave up are in the way until they are taken. */
	fcntl(door, F_SETFL, O_NONBLOCK);
	entry.fd = fd;
	for (rounds = 0; rounds < 1000 && poll(&entry, 1, 10) == 0; rounds++)
		close(accept(door, NULL, NULL));
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	printf("connected: %s\n", strerror(error));
	connect(fd, (struct sockaddr *)&at, sizeof at);
	say("connect, afterwards", connect(fd, (struct sockaddr *)&at, sizeof at));
	close(fd);
	close(door);
}

int main(void)
{
	much = calloc(1, MUCH);
	/* First, while no thread but this one waits. */
	served();
	sending("send", by_send);
	sending("write", by_write);
	sending("writev", by_writev);
	sending("sendmsg", by_sendmsg);
	restarting();
	limited();
	nested();
	threads(1);
	threads(0);
	connecting();
	return 0;
}
