/*
 * client cat PATH | put PATH TEXT | halt: a process of the kernel that the URL in RUMP_SERVER names. It prints a file, makes one
 * while its child looks on, or halts the kernel. Linked with -lrumpclient, it has no kernel of its own.
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rump/rump_syscalls.h>
#include <rump/rumpclient.h>

#include "example.h"

static void
print(int fd)
{
	char text[4096];
	ssize_t length;

	while ((length = need(rump_sys_read(fd, text, sizeof text), "read")) > 0)
		fwrite(text, 1, (size_t)length, stdout);
	fflush(stdout);
}

/* A child has the descriptors of its parent, at the kernel as at the host. */
static void
put(const char *path, const char *text)
{
	int fd = (int)need(rump_sys_open(path, O_RDWR | O_CREAT | O_TRUNC, 0644), path), status;
	pid_t child;

	need(rump_sys_write(fd, text, strlen(text)), path);
	need(rump_sys_lseek(fd, 0, SEEK_SET), path);
	child = (pid_t)need(rumpclient_fork(), "fork");
	if (child == 0) {
		print(fd);
		putchar('\n');
		exit(0);
	}
	need(rump_sys_close(fd), path);
	need(waitpid(child, &status, 0), "wait");
	if (status != 0)
		exit(1);
}

int
main(int argc, char **argv)
{
	need(rumpclient_init(), "RUMP_SERVER");
	if (argc == 3 && strcmp(argv[1], "cat") == 0)
		print((int)need(rump_sys_open(argv[2], O_RDONLY), argv[2]));
	else if (argc == 4 && strcmp(argv[1], "put") == 0)
		put(argv[2], argv[3]);
	else if (argc == 2 && strcmp(argv[1], "halt") == 0)
		need(rump_sys_reboot(0, NULL), "halt");
	else {
		fprintf(stderr, "usage: client cat PATH | put PATH TEXT | halt\n");
		return 2;
	}
	return 0;
}
