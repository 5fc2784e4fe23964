/*
 * simpleclient [halt]: a process of the kernel of RUMP_SERVER. It works with files there, and halts the kernel; with `halt`, it
 * does that alone.
 */
#include "proof.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <rump/rumpclient.h>

#define TEXT "Hello from far away."

static void
work(void)
{
	char text[sizeof TEXT];
	struct stat st;
	int fd;

	NEED(rump_sys_mkdir("/here", 0755) == 0);
	NEED((fd = rump_sys_open("/here/file", O_RDWR | O_CREAT, 0644)) >= 0);
	NEED(rump_sys_write(fd, TEXT, sizeof TEXT) == sizeof TEXT);
	NEED(rump_sys_pread(fd, text, sizeof text, 0) == sizeof TEXT && memcmp(text, TEXT, sizeof TEXT) == 0);
	NEED(rump_sys_stat("/here/file", &st) == 0 && st.st_size == sizeof TEXT && S_ISREG(st.st_mode));
	NEED(rump_sys_close(fd) == 0);
	NEED(rump_sys_open("/nowhere", O_RDONLY) == -1 && errno == ENOENT);
}

int
main(int argc, char **argv)
{
	alarm(PATIENCE);
	NEED(rumpclient_init() == 0);
	if (argc < 2 || strcmp(argv[1], "halt") != 0)
		work();
	halt();
	return 0;
}
