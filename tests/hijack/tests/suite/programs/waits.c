/* Handlers of both kinds run while calls wait for what comes, with and without limits, and what comes of it is printed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile sig_atomic_t alarms, told_by = -1;

static void count(int number)
{
	int before = errno;
	(void)number;
	alarms++;
	/* What comes is sent within the call that waits for it. */
	if (told_by >= 0 && alarms == 3 && write(told_by, "x", 1) != 1)
		_exit(9);
	errno = before;
}

static void handle(int flags, int milliseconds)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = flags };
	struct itimerval timer = { { 0, milliseconds * 1000 }, { 0, milliseconds * 1000 } };
	alarms = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void listen_at(struct sockaddr_in *at, int *door)
{
	socklen_t length = sizeof *at;
	memset(at, 0, sizeof *at);
	at->sin_family = AF_INET;
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*door = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(*door, (struct sockaddr *)at, sizeof *at) != 0 || listen(*door, 5) != 0 ||
	    getsockname(*door, (struct sockaddr *)at, &length) != 0)
		exit(8);
}

static struct sockaddr_in at;
static int door, ends[2];
static const char *folder;

static long by_recv(int fd) { char byte; return recv(fd, &byte, 1, 0); }
static long by_read(int fd) { char byte; return read(fd, &byte, 1); }
static long by_all(int fd) { char bytes[2]; return recv(fd, bytes, 2, MSG_WAITALL); }
static long by_recvfrom(int fd) { char byte; return recvfrom(fd, &byte, 1, 0, NULL, NULL); }
static long by_readv(int fd)
{
	char byte;
	struct iovec part = { &byte, 1 };
	return readv(fd, &part, 1);
}
static long by_recvmsg(int fd)
{
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	return recvmsg(fd, &message, 0);
}
static long by_send(int fd)
{
	static char much[1 << 20];
	long sent;
	while ((sent = send(fd, much, sizeof much, 0)) > 0)
		;
	return sent;
}

struct call {
	const char *name;
	long (*by)(int);
	int limit;
};

static const struct call CALLS[] = {
	{ "recv", by_recv, SO_RCVTIMEO },         { "read", by_read, SO_RCVTIMEO },
	{ "recv all", by_all, SO_RCVTIMEO },      { "recvfrom", by_recvfrom, SO_RCVTIMEO },
	{ "readv", by_readv, SO_RCVTIMEO },       { "recvmsg", by_recvmsg, SO_RCVTIMEO },
	{ "send", by_send, SO_SNDTIMEO },
};

static void *comes(void *unused)
{
	(void)unused;
	usleep(250000);
	if (write(ends[1], "xy", 2) != 2)
		exit(7);
	return NULL;
}

static void pair(void)
{
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(ends[0], (struct sockaddr *)&at, sizeof at) != 0)
		exit(6);
	ends[1] = accept(door, NULL, NULL);
}

static void unpair(void)
{
	close(ends[0]);
	close(ends[1]);
}

static void say(const char *what, const char *how, long answer)
{
	printf("%s, %s: %s%s\n", what, how, answer < 0 ? strerror(errno) : answer == 0 ? "zero" : "some",
	       alarms > 0 ? ", after handlers" : "");
	fflush(stdout);
}

static void limit(int fd, int name, int milliseconds)
{
	struct timeval time = { milliseconds / 1000, milliseconds % 1000 * 1000 };
	if (setsockopt(fd, SOL_SOCKET, name, &time, sizeof time) != 0)
		exit(5);
}

/* The handlers are this thread's. */
static void with_other(void *(*other)(void *), const char *what, const char *how, long (*by)(int), int fd, int flags)
{
	pthread_t thread;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&thread, NULL, other, NULL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	handle(flags, 50);
	say(what, how, by(fd));
	handle(flags, 0);
	pthread_join(thread, NULL);
}

static void call(const struct call *of)
{
	pair();
	handle(0, 50);
	say(of->name, "a handler", of->by(ends[0]));
	handle(0, 0);
	if (of->limit == SO_RCVTIMEO)
		with_other(comes, of->name, "a handler that begins again", of->by, ends[0], SA_RESTART);
	unpair();
	pair();
	limit(ends[0], of->limit, 10000);
	handle(SA_RESTART, 100);
	say(of->name, "a limit, and a handler that begins again", of->by(ends[0]));
	handle(0, 100);
	say(of->name, "a limit, and a handler", of->by(ends[0]));
	handle(0, 0);
	limit(ends[0], of->limit, 100);
	say(of->name, "a limit", of->by(ends[0]));
	/* There is none any more. */
	limit(ends[0], of->limit, 0);
	if (of->limit == SO_RCVTIMEO)
		with_other(comes, of->name, "a limit that is gone", of->by, ends[0], SA_RESTART);
	unpair();
}

static long accepted(int fd)
{
	int one = accept(fd, NULL, NULL);
	if (one >= 0)
		close(one);
	return one;
}

static void *arrives(void *unused)
{
	int fd;
	(void)unused;
	usleep(250000);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	connect(fd, (struct sockaddr *)&at, sizeof at);
	close(fd);
	return NULL;
}

static void accepting(void)
{
	handle(0, 50);
	say("accept", "a handler", accepted(door));
	handle(0, 0);
	with_other(arrives, "accept", "a handler that begins again", accepted, door, SA_RESTART);
	limit(door, SO_RCVTIMEO, 10000);
	handle(SA_RESTART, 50);
	say("accept", "a limit, and a handler that begins again", accepted(door));
	handle(0, 0);
	limit(door, SO_RCVTIMEO, 100);
	say("accept", "a limit", accepted(door));
	limit(door, SO_RCVTIMEO, 0);
}

/* A duplicate and a child's have the limit, too. */
static void inherited(void)
{
	int other;
	pair();
	limit(ends[0], SO_SNDTIMEO, 10000);
	other = dup(ends[0]);
	handle(SA_RESTART, 50);
	say("send by a duplicate", "a limit, and a handler that begins again", by_send(other));
	handle(0, 0);
	close(other);
	unpair();
}

/* What the call waits for comes from the handler itself. */
static void nested(int flags)
{
	pair();
	told_by = ends[1];
	handle(flags, 30);
	say("recv", "a handler that sends", by_recv(ends[0]));
	handle(0, 0);
	if (told_by >= 0 && flags == 0) {
		while (alarms < 3)
			count(0);
		say("recv", "afterwards", by_recv(ends[0]));
	}
	told_by = -1;
	unpair();
}

static long by_fifo(int unused)
{
	char path[200];
	int fd;
	(void)unused;
	snprintf(path, sizeof path, "%s/fifo", folder);
	fd = open(path, O_RDONLY);
	if (fd >= 0)
		close(fd);
	return fd;
}

static void *opens(void *unused)
{
	char path[200];
	int fd;
	(void)unused;
	usleep(250000);
	snprintf(path, sizeof path, "%s/fifo", folder);
	fd = open(path, O_WRONLY);
	usleep(50000);
	close(fd);
	return NULL;
}

static int locked;

static long by_flock(int fd) { return flock(fd, LOCK_EX); }

static void *lets_go(void *unused)
{
	(void)unused;
	usleep(250000);
	flock(locked, LOCK_UN);
	return NULL;
}

static void files(void)
{
	char path[200];
	int other, both;
	snprintf(path, sizeof path, "%s/fifo", folder);
	if (mkfifo(path, 0600) != 0)
		exit(4);
	handle(0, 50);
	say("open", "a handler", by_fifo(0));
	handle(0, 0);
	with_other(opens, "open", "a handler that begins again", by_fifo, 0, SA_RESTART);
	both = open(path, O_RDWR);
	handle(0, 50);
	say("read of a fifo", "a handler", by_read(both));
	handle(0, 0);
	close(both);
	unlink(path);
	snprintf(path, sizeof path, "%s/file", folder);
	locked = open(path, O_RDWR | O_CREAT, 0600);
	other = open(path, O_RDWR);
	if (by_flock(locked) != 0)
		exit(3);
	handle(0, 50);
	say("flock", "a handler", by_flock(other));
	handle(0, 0);
	with_other(lets_go, "flock", "a handler that begins again", by_flock, other, SA_RESTART);
	close(other);
	close(locked);
	unlink(path);
}

int main(int argc, char **argv)
{
	size_t number;
	if (argc < 2)
		return 2;
	folder = argv[1];
	listen_at(&at, &door);
	for (number = 0; number < sizeof CALLS / sizeof *CALLS; number++)
		call(&CALLS[number]);
	accepting();
	inherited();
	nested(SA_RESTART);
	nested(0);
	files();
	return 0;
}
