/* fstest_img TYPE IMAGE BEGIN PATH: mounts what begins at that byte of an image, and prints a file of it. */
#include "proof.h"

#include <fcntl.h>

#define DEVICE "/dev/image"

int
main(int argc, char **argv)
{
	struct { const char *fspec; } args = { DEVICE };
	char block[4096];
	ssize_t length;
	int fd;

	if (argc != 5)
		return 2;
	boot();
	WORKS(rump_pub_etfs_register_withsize(DEVICE, argv[2], RUMP_ETFS_BLK, strtoull(argv[3], NULL, 10),
	    RUMP_ETFS_SIZE_ENDOFF));
	NEED(rump_sys_mkdir("/mnt", 0755) == 0);
	NEED(rump_sys_mount(argv[1], "/mnt", RUMP_MNT_RDONLY, &args, sizeof args) == 0);
	NEED(rump_sys_chdir("/mnt") == 0);
	NEED((fd = rump_sys_open(argv[4], O_RDONLY)) >= 0);
	while ((length = rump_sys_read(fd, block, sizeof block)) > 0)
		NEED(fwrite(block, 1, (size_t)length, stdout) == (size_t)length);
	NEED(length == 0);
	NEED(rump_sys_close(fd) == 0);
	NEED(rump_sys_chdir("/") == 0);
	NEED(rump_sys_unmount("/mnt", 0) == 0);
	halt();
	return 0;
}
