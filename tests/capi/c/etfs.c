/* Files of the host in the kernel. */
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/rump-etfs-XXXXXX";
static char file[64], below[64];

static void
types(void)
{
	const mode_t wanted[] = { S_IFREG, S_IFBLK, S_IFCHR, S_IFDIR, S_IFDIR };
	int type;

	for (type = RUMP_ETFS_REG; type <= RUMP_ETFS_DIR_SUBDIRS; type++) {
		struct stat stat;
		int is_folder = type >= RUMP_ETFS_DIR;

		RETURNS(rump_pub_etfs_register("/key", is_folder ? folder : file, (enum rump_etfs_type)type), 0);
		RETURNS(rump_sys_stat("/key", &stat), 0);
		RETURNS(stat.st_mode & S_IFMT, wanted[type]);
		if (is_folder) {
			RETURNS(rump_sys_stat("/key/file", &stat), 0);
			if (type == RUMP_ETFS_DIR)
				FAILS(rump_sys_stat("/key/below", &stat), ENOENT);
			else
				RETURNS(rump_sys_stat("/key/below", &stat), 0);
		}
		RETURNS(rump_pub_etfs_remove("/key"), 0);
		FAILS(rump_sys_stat("/key", &stat), ENOENT);
	}
}

static void
ranges(void)
{
	char bytes[16];
	int fd;

	RETURNS(rump_pub_etfs_register_withsize("/part", file, RUMP_ETFS_REG, 6, RUMP_ETFS_SIZE_ENDOFF), 0);
	fd = rump_sys_open("/part", O_RDWR);
	CHECK(fd >= 0);
	RETURNS(rump_sys_read(fd, bytes, sizeof(bytes)), 4);
	CHECK(memcmp(bytes, "6789", 4) == 0);
	FAILS(rump_sys_pwrite(fd, "x", 1, 4), ENOSPC);
	RETURNS(rump_sys_pwrite(fd, "x", 1, 0), 1);
	RETURNS(rump_pub_etfs_remove("/part"), 0);
	/* What is open goes on. */
	RETURNS(rump_sys_pread(fd, bytes, 1, 0), 1);
	RETURNS(bytes[0], 'x');
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_pub_etfs_register_withsize("/part", file, RUMP_ETFS_REG, 6, 5), EINVAL);
	RETURNS(rump_pub_etfs_register_withsize("/part", file, RUMP_ETFS_REG, 11, 0), EINVAL);
	RETURNS(rump_pub_etfs_register_withsize("/part", folder, RUMP_ETFS_DIR, 0, 1), EINVAL);
}

static void
errors(void)
{
	RETURNS(rump_pub_etfs_register(NULL, file, RUMP_ETFS_REG), EFAULT);
	RETURNS(rump_pub_etfs_register("/key", NULL, RUMP_ETFS_REG), EFAULT);
	RETURNS(rump_pub_etfs_register("/key", file, (enum rump_etfs_type)5), EINVAL);
	RETURNS(rump_pub_etfs_register("key", file, RUMP_ETFS_REG), EINVAL);
	RETURNS(rump_pub_etfs_register("/a/../b", file, RUMP_ETFS_REG), EINVAL);
	RETURNS(rump_pub_etfs_register("/\377", file, RUMP_ETFS_REG), EINVAL);
	RETURNS(rump_pub_etfs_register("/key", "/nowhere/at/all", RUMP_ETFS_BLK), ENOENT);
	RETURNS(rump_pub_etfs_register("/key", folder, RUMP_ETFS_BLK), EISDIR);
	RETURNS(rump_pub_etfs_register("/key", file, RUMP_ETFS_DIR), ENOTDIR);
	RETURNS(rump_pub_etfs_register("/key", file, RUMP_ETFS_BLK), 0);
	RETURNS(rump_pub_etfs_register("/key", file, RUMP_ETFS_BLK), EEXIST);
	RETURNS(rump_pub_etfs_register("/other", file, RUMP_ETFS_BLK), EBUSY);
	RETURNS(rump_pub_etfs_remove(NULL), EFAULT);
	RETURNS(rump_pub_etfs_remove("/nothing"), ENOENT);
	RETURNS(rump_pub_etfs_remove("/\377"), EINVAL);
	RETURNS(rump_pub_etfs_remove("/key"), 0);
}

int
main(void)
{
	int fd;

	CHECK(mkdtemp(folder) != NULL);
	snprintf(file, sizeof(file), "%s/file", folder);
	snprintf(below, sizeof(below), "%s/below", folder);
	RETURNS(mkdir(below, 0755), 0);
	fd = open(file, O_CREAT | O_WRONLY, 0644);
	RETURNS(write(fd, "0123456789", 10), 10);
	close(fd);

	RETURNS(rump_pub_etfs_register("/key", file, RUMP_ETFS_REG), ENXIO);
	RETURNS(rump_pub_etfs_remove("/key"), ENXIO);
	RETURNS(rump_init(), 0);
	types();
	ranges();
	errors();
	RETURNS(rump_sys_reboot(0, NULL), 0);
	RETURNS(rump_pub_etfs_register("/key", file, RUMP_ETFS_REG), ENXIO);

	unlink(file);
	rmdir(below);
	rmdir(folder);
	return checked();
}
