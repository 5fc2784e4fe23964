#include <fcntl.h>
#include <stdio.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/rumpfs.h>

int main(int argc, char **argv)
{
	struct ufs_args args = { "/disk" };
	char text[4096];
	ssize_t length;
	int fd;

	if (argc != 3 || rump_init() != 0 || rump_pub_etfs_register("/disk", argv[1], RUMP_ETFS_BLK) != 0 ||
	    rump_sys_mkdir("/mnt", 0755) != 0 ||
	    rump_sys_mount(MOUNT_EXT2FS, "/mnt", RUMP_MNT_RDONLY, &args, sizeof args) != 0 ||
	    rump_sys_chdir("/mnt") != 0 || (fd = rump_sys_open(argv[2], O_RDONLY)) == -1)
		return 1;
	while ((length = rump_sys_read(fd, text, sizeof text)) > 0)
		fwrite(text, 1, (size_t)length, stdout);
	return length == 0 && rump_sys_reboot(0, NULL) == 0 ? 0 : 1;
}
