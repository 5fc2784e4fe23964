/* Processes of clients: children, programs that are executed, daemons; descriptors and signals. Links: rumpclient */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <aio.h>
#include <poll.h>
#include <time.h>

#include "far.h"

static char own_path[4096];
static const struct timespec moment = { 0, 5000000 };
static volatile sig_atomic_t pipes;

static void
on_pipe(int number)
{
	(void)number;
	pipes++;
}

/* Whether a descriptor is at a file with this content. */
static int
has(int fd, const char *content)
{
	char text[32] = "";

	return rump_sys_pread(fd, text, sizeof text - 1, 0) == (ssize_t)strlen(content) &&
	    strcmp(text, content) == 0;
}

static int
make(const char *path, const char *content, int flags)
{
	int fd = rump_sys_open(path, O_RDWR | O_CREAT | O_TRUNC | flags, 0644);

	CHECK(fd >= 0);
	RETURNS(rump_sys_write(fd, content, strlen(content)), strlen(content));
	return fd;
}

/* What a child does with what it got of its parent. */
static int
child_of(pid_t parent, int fd)
{
	int is_well = rump_sys_getppid() == parent && rump_sys_getpid() != parent && has(fd, "parent");

	is_well = is_well && rump_sys_lseek(fd, 0, SEEK_SET) == 0 && rump_sys_write(fd, "child!", 6) == 6;
	return is_well && rump_sys_close(fd) == 0 ? 0 : 1;
}

static void
forks(void)
{
	pid_t me = rump_sys_getpid(), pid;
	struct rumpclient_fork *announced;
	int fd = make("/file", "parent", 0), turn;

	for (turn = 0; turn < 2; turn++) {
		RETURNS(rump_sys_pwrite(fd, "parent", 6, 0), 6);
		pid = turn == 0 ? rumpclient_fork() : rumpclient_vfork();
		if (pid == 0)
			_exit(child_of(me, fd));
		RETURNS(far_status(pid), 0);
		CHECK(has(fd, "child!") && rump_sys_getpid() == me);
	}
	/* By hand: the parent closes what the child still has. */
	RETURNS(rump_sys_pwrite(fd, "parent", 6, 0), 6);
	CHECK((announced = rumpclient_prefork()) != NULL);
	RETURNS(rump_sys_close(fd), 0);
	pid = fork();
	if (pid == 0)
		_exit(rumpclient_fork_init(announced) == 0 ? child_of(me, fd) : 2);
	RETURNS(far_status(pid), 0);
	FAILS(rump_sys_lseek(fd, 0, SEEK_SET), EBADF);
	/* That memory is the child's own now; the parent's goes with this, and the server knows of no child. */
	rumpclient_fork_cancel(announced);
	CHECK(rump_sys_getpid() == me);
}

/* A child that has its parent's memory until it ends. */
static void
vforks(void)
{
	pid_t me = rump_sys_getpid(), pid;
	struct rumpclient_fork *announced = rumpclient_prefork();

	CHECK(announced != NULL);
	pid = vfork();
	if (pid == 0)
		_exit(rumpclient_fork_init(announced) == 0 && rump_sys_getppid() == me ? 0 : 1);
	rumpclient_fork_vparent(announced);
	RETURNS(far_status(pid), 0);
	CHECK(rump_sys_getpid() == me);
}

/* Executes this program again; with a key the server knows it as a child. A request that waits does not do so any longer. */
static void
execute(const char *role)
{
	char kept[16], closed[16], pid[16], from[16], to[16], variable[128], server[128], library[256], folder[64];
	char *words[] = { own_path, (char *)role, kept, closed, pid, from, to, NULL };
	char *environment[] = { server, library, variable, folder, NULL };
	static char room[3];
	struct aiocb request;
	int ends[2];

	memset(&request, 0, sizeof request);
	CHECK(rump_sys_pipe(ends) == 0);
	request.aio_fildes = ends[0];
	request.aio_buf = room;
	request.aio_nbytes = sizeof room;
	CHECK(rump_sys_aio_read(&request) == 0);
	snprintf(from, sizeof from, "%d", ends[0]);
	snprintf(to, sizeof to, "%d", ends[1]);
	snprintf(kept, sizeof kept, "%d", make("/kept", "kept", 0));
	snprintf(closed, sizeof closed, "%d", make("/closed", "closed", O_CLOEXEC));
	snprintf(pid, sizeof pid, "%d", (int)rump_sys_getpid());
	snprintf(server, sizeof server, "RUMP_SERVER=%s", getenv("RUMP_SERVER"));
	snprintf(library, sizeof library, "LD_LIBRARY_PATH=%s", getenv("LD_LIBRARY_PATH"));
	snprintf(variable, sizeof variable, "RUMP_SERVER_KEY=%s", getenv("RUMP_SERVER_KEY") ? getenv("RUMP_SERVER_KEY") : "");
	snprintf(folder, sizeof folder, "FAR=%s", far_folder);
	rumpclient_exec(own_path, words, environment);
	_exit(3);
}

/* Whether what is written into a pipe is there for who reads. */
static int
is_read(int from, int to)
{
	struct pollfd wanted;
	char text[4] = "";

	wanted.fd = from;
	wanted.events = POLLIN;
	return rump_sys_write(to, "abc", 3) == 3 && rump_sys_poll(&wanted, 1, 10000) == 1 && rump_sys_read(from, text, 3) == 3 &&
	    strcmp(text, "abc") == 0;
}

/* The program that was executed. */
static int
executed(char **words)
{
	int kept = atoi(words[2]), closed = atoi(words[3]);
	pid_t pid = (pid_t)atoi(words[4]), child;

	if (rumpclient_init() != 0)
		return 4;
	if (getenv("RUMPCLIENT__EXECFD") != NULL || getenv("RUMPCLIENT__COOKIE") != NULL)
		return 5;
	if (strcmp(words[1], "same") == 0 ? rump_sys_getpid() != pid : rump_sys_getpid() == pid)
		return 6;
	if (!has(kept, "kept") || rump_sys_lseek(closed, 0, SEEK_SET) != -1 || errno != EBADF)
		return 7;
	/* A child has a parent, whose request goes when the server hears that it has ended. */
	if (strcmp(words[1], "same") == 0 && !is_read(atoi(words[5]), atoi(words[6])))
		return 9;
	child = rumpclient_fork();
	if (child == 0)
		_exit(has(kept, "kept") ? 0 : 1);
	return far_status(child) == 0 && check_failures == 0 ? 0 : 8;
}

static void
programs(const char *role)
{
	pid_t pid = rumpclient_fork();

	if (pid == 0)
		execute(role);
	RETURNS(far_status(pid), 0);
}

/* A daemon is a child of a process that ends. */
static void
daemons(void)
{
	pid_t pid = rumpclient_fork();
	int tries, fd = -1;
	char text[16] = "";

	if (pid == 0) {
		if (rumpclient_daemon(1, 1) != 0)
			_exit(1);
		snprintf(text, sizeof text, "%d", (int)rump_sys_getpid());
		fd = rump_sys_open("/being", O_WRONLY | O_CREAT, 0644);
		(void)rump_sys_write(fd, text, strlen(text));
		(void)rump_sys_rename("/being", "/daemon");
		_exit(0);
	}
	RETURNS(far_status(pid), 0);
	for (tries = 0; tries < 2000 && fd < 0; tries++) {
		fd = rump_sys_open("/daemon", O_RDONLY);
		nanosleep(&moment, NULL);
	}
	CHECK(fd >= 0 && rump_sys_read(fd, text, sizeof text - 1) > 0 && atoi(text) > rump_sys_getpid());
}

/* What the kernel raises is raised here, in the process that it is for. */
static void
signals(void)
{
	int ends[2], tries;

	signal(SIGPIPE, on_pipe);
	RETURNS(rump_sys_pipe(ends), 0);
	RETURNS(rump_sys_close(ends[0]), 0);
	FAILS(rump_sys_write(ends[1], "x", 1), EPIPE);
	RETURNS(rump_sys_close(ends[1]), 0);
	/* It is told beside the answer, and heard by whoever waits for another. */
	for (tries = 0; tries < 2000 && pipes == 0; tries++) {
		nanosleep(&moment, NULL);
		CHECK(rump_sys_getpid() > 0);
	}
	CHECK(pipes == 1);
}

/* The same where messages are sealed, and a program that is executed is a child. In a process of its own, as one connects once. */
static int
sealed(void)
{
	char key[64];

	far_over_network();
	far_make_key(key, "key", 1);
	setenv("RUMP_SERVER_KEY", key, 1);
	far_start(far_url);
	RETURNS(rumpclient_init(), 0);
	forks();
	vforks();
	programs("child");
	daemons();
	signals();
	far_kill();
	CHECK(unlink(key) == 0);
	fflush(stdout);
	return check_failures;
}

int
main(int argc, char **argv)
{
	pid_t pid;

	CHECK(readlink("/proc/self/exe", own_path, sizeof own_path - 1) > 0);
	if (argc > 4)
		return executed(argv);
	far_begin();
	pid = fork();
	if (pid == 0)
		_exit(sealed());
	RETURNS(far_status(pid), 0);
	far_start(far_url);
	RETURNS(rumpclient_init(), 0);
	forks();
	vforks();
	programs("same");
	daemons();
	signals();
	return far_end();
}
