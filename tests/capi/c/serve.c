/* A program whose kernel clients come to: rump_init_server. Processes of its own serve, and this one looks at their sockets. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

static char folder[] = "/tmp/rump-serve-XXXXXX";
static char first[80], second[80];
static volatile sig_atomic_t pipes;

static void
on_pipe(int number)
{
	(void)number;
	pipes++;
}

/* Whether a server says there what it is. */
static int
is_served(const char *url)
{
	struct sockaddr_un name;
	char banner[10];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), is_well;

	memset(&name, 0, sizeof name);
	name.sun_family = AF_UNIX;
	strcpy(name.sun_path, strstr(url, "//") + 2);
	is_well = connect(fd, (struct sockaddr *)&name, sizeof name) == 0 &&
	    recv(fd, banner, sizeof banner, MSG_WAITALL) == (ssize_t)sizeof banner &&
	    memcmp(banner, "RUMPSP-0.4", sizeof banner) == 0;
	close(fd);
	return is_well;
}

static int
is_there(const char *url)
{
	return access(strstr(url, "//") + 2, F_OK) == 0;
}

static void
errors(void)
{
	char long_url[300] = "unix:///tmp/", key[64], text[128];
	int fd;

	memset(long_url + strlen(long_url), 'x', 200);
	RETURNS(rump_init_server(first), ENXIO);
	RETURNS(rump_init(), 0);
	RETURNS(rump_init_server(NULL), EFAULT);
	RETURNS(rump_init_server("http://localhost"), EINVAL);
	RETURNS(rump_init_server("unix://"), EINVAL);
	RETURNS(rump_init_server(long_url), ENAMETOOLONG);
	snprintf(text, sizeof text, "unix://%s/missing/sock", folder);
	RETURNS(rump_init_server(text), ENOENT);
	RETURNS(rump_init_server("unix:///dev/null/sock"), ENOTDIR);
	snprintf(text, sizeof text, "unix://%s", folder);
	RETURNS(rump_init_server(text), EADDRINUSE);
	RETURNS(rump_init_server("tcp://0:0"), EACCES);
	snprintf(key, sizeof key, "%s/key", folder);
	fd = open(key, O_WRONLY | O_CREAT, 0600);
	CHECK(write(fd, "0123456789abcdef0123456789abcdef", 32) == 32 && close(fd) == 0);
	setenv("RUMP_SERVER_KEY", key, 1);
	/* An address for documentation is nobody's. */
	RETURNS(rump_init_server("tcp://192.0.2.1:1"), EADDRNOTAVAIL);
	RETURNS(rump_init_server("tcp://0:0"), 0);
	CHECK(chmod(key, 0644) == 0);
	RETURNS(rump_init_server("tcp://127.0.0.1:0"), EINVAL);
	CHECK(unlink(key) == 0);
	RETURNS(rump_init_server("tcp://127.0.0.1:0"), EINVAL);
	unsetenv("RUMP_SERVER_KEY");
	RETURNS(rump_init_server("tcp://127.0.0.1:0"), 0);
}

/* Serves in several places, beside calls of this process, until the kernel is halted. */
static void
serving(void)
{
	int ends[2], tries;
	pid_t pid;

	RETURNS(rump_init_server(first), 0);
	RETURNS(rump_init_server(first), EADDRINUSE);
	RETURNS(rump_init_server(second), 0);
	CHECK(is_served(first) && is_served(second) && is_served(first));
	/* A child that ends takes nothing away. */
	pid = fork();
	if (pid == 0)
		exit(0);
	CHECK(waitpid(pid, NULL, 0) == pid && is_served(first));
	/* Signals of this process are raised here, as before. */
	signal(SIGPIPE, on_pipe);
	RETURNS(rump_sys_pipe(ends), 0);
	RETURNS(rump_sys_close(ends[0]), 0);
	FAILS(rump_sys_write(ends[1], "x", 1), EPIPE);
	for (tries = 0; tries < 10000 && pipes == 0; tries++)
		usleep(1000);
	CHECK(pipes == 1);
	RETURNS(rump_sys_reboot(0, NULL), 0);
	CHECK(!is_there(first) && !is_there(second));
	RETURNS(rump_init_server(first), ENXIO);
	/* Threads that listened end by themselves. */
	usleep(50000);
}

/* In a process of its own: what becomes of the socket of one that ends by itself, or is killed. */
static pid_t
begin(void)
{
	int said[2];
	char byte;
	pid_t pid;

	CHECK(pipe(said) == 0);
	pid = fork();
	if (pid == 0) {
		byte = rump_init() == 0 && rump_init_server(first) == 0;
		if (write(said[1], &byte, 1) != 1 || !byte)
			_exit(1);
		while (is_there(second))
			usleep(1000);
		exit(0);
	}
	CHECK(read(said[0], &byte, 1) == 1 && byte == 1);
	close(said[0]);
	close(said[1]);
	return pid;
}

static void
endings(void)
{
	int mark = open(strstr(second, "//") + 2, O_WRONLY | O_CREAT, 0600), status;
	pid_t pid = begin();

	CHECK(is_served(first) && kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid && is_there(first));
	pid = begin();
	CHECK(is_served(first) && close(mark) == 0 && unlink(strstr(second, "//") + 2) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !is_there(first));
}

int
main(void)
{
	CHECK(mkdtemp(folder) != NULL);
	snprintf(first, sizeof first, "unix://%s/first", folder);
	snprintf(second, sizeof second, "unix://%s/second", folder);
	/* Before this process has a kernel, and with it threads. */
	endings();
	errors();
	serving();
	CHECK(rmdir(folder) == 0);
	return checked();
}
