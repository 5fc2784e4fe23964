/* Mounts kernfs, and prints /kern/version. */
#include "proof.h"

#include <fcntl.h>

int
main(void)
{
	char version[1024];
	ssize_t length;
	int fd;

	boot();
	NEED(rump_sys_mkdir("/kern", 0755) == 0);
	NEED(rump_sys_mount("kernfs", "/kern", 0, NULL, 0) == 0);
	NEED((fd = rump_sys_open("/kern/version", O_RDONLY)) >= 0);
	NEED((length = rump_sys_read(fd, version, sizeof version)) > 0);
	NEED(rump_sys_close(fd) == 0);
	NEED(fwrite(version, 1, (size_t)length, stdout) == (size_t)length);
	halt();
	return 0;
}
