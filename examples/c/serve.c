/*
 * serve IMAGE URL: a kernel with the ext4 image at /mnt, which clients of other processes come to, as a server of its own would
 * have it (rump_server). It ends when one halts the kernel, and then everything is in the image.
 */
#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/rumpfs.h>

#include "example.h"

int
main(int argc, char **argv)
{
	struct ufs_args args = { "/disk" };

	if (argc != 3) {
		fprintf(stderr, "usage: serve IMAGE URL\n");
		return 2;
	}
	works(rump_init(), "rump_init");
	works(rump_pub_etfs_register("/disk", argv[1], RUMP_ETFS_BLK), argv[1]);
	need(rump_sys_mkdir("/mnt", 0755), "/mnt");
	need(rump_sys_mount(MOUNT_EXT2FS, "/mnt", 0, &args, sizeof args), argv[1]);
	works(rump_init_server(argv[2]), argv[2]);
	puts("serving");
	fflush(stdout);
	/* A call that waits ends with the kernel. */
	if (rump_sys_poll(NULL, 0, -1) != -1 || errno != ENXIO)
		fail("waiting", errno);
	return 0;
}
