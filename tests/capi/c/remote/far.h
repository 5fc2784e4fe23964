/* What programs share that are clients of servers of their own, which RUMP_TEST_SERVER names the program of. */
#ifndef FAR_H
#define FAR_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

#include "check.h"

/* Where the server is: its folder, its socket, its URL. */
static char far_folder[] = "/tmp/rump-far-XXXXXX", far_socket[64], far_url[80];
static pid_t far_server = -1;

static inline void
far_begin(void)
{
	CHECK(mkdtemp(far_folder) != NULL);
	snprintf(far_socket, sizeof far_socket, "%s/sock", far_folder);
	snprintf(far_url, sizeof far_url, "unix://%s", far_socket);
	setenv("RUMP_SERVER", far_url, 1);
}

/* Lets servers be at a port of this host that is free. */
static inline void
far_over_network(void)
{
	struct sockaddr_in in;
	socklen_t length = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(&in, 0, sizeof in);
	in.sin_family = AF_INET;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(bind(fd, (struct sockaddr *)&in, sizeof in) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&in, &length) == 0);
	close(fd);
	snprintf(far_url, sizeof far_url, "tcp://127.0.0.1:%d", ntohs(in.sin_port));
	setenv("RUMP_SERVER", far_url, 1);
}

/* A key of such bytes; `path` has room for 64. */
static inline void
far_make_key(char *path, const char *name, char byte)
{
	int fd, at;

	snprintf(path, 64, "%s/%s", far_folder, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	for (at = 0; at < 32; at++)
		CHECK(write(fd, &byte, 1) == 1);
	close(fd);
}

/* The server ends soon after this program, if not before. */
static inline void
far_start(const char *url)
{
	const char *program = getenv("RUMP_TEST_SERVER");
	char line[6] = "";
	int said[2];

	CHECK(program != NULL && pipe(said) == 0);
	far_server = fork();
	if (far_server == 0) {
		dup2(said[1], STDOUT_FILENO);
		close(said[0]);
		close(said[1]);
		execl(program, program, url, (char *)NULL);
		_exit(127);
	}
	close(said[1]);
	CHECK(far_server > 0 && read(said[0], line, 5) == 5 && strcmp(line, "ready") == 0);
	close(said[0]);
}

/* As a server dies that nobody halted. */
static inline void
far_kill(void)
{
	CHECK(kill(far_server, SIGKILL) == 0 && waitpid(far_server, NULL, 0) == far_server);
	far_server = -1;
}

/* Something that is no server of system calls, where the server was, for one visitor. */
static inline pid_t
far_impostor(void)
{
	struct sockaddr_un name;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	pid_t pid;

	memset(&name, 0, sizeof name);
	name.sun_family = AF_UNIX;
	strcpy(name.sun_path, far_socket);
	unlink(far_socket);
	CHECK(bind(listener, (struct sockaddr *)&name, sizeof name) == 0 && listen(listener, 1) == 0);
	pid = fork();
	if (pid == 0) {
		fd = accept(listener, NULL, NULL);
		_exit(fd >= 0 && write(fd, "220 mail\r\n", 10) == 10 ? 0 : 1);
	}
	close(listener);
	return pid;
}

/* What a child says by its status. */
static inline int
far_status(pid_t pid)
{
	int status = -1;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int
far_end(void)
{
	if (far_server > 0)
		far_kill();
	unlink(far_socket);
	CHECK(rmdir(far_folder) == 0);
	return checked();
}

#endif
