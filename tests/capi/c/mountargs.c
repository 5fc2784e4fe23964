/* Arguments of mount(2) for FAT, ISO 9660 and tmpfs; mkfs.fat, fsck.fat and xorriso are there for it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/rumpfs.h>

#include "check.h"

/* Runs a command of the host's shell. */
#define SHELL(command) CHECK(system(command) == 0)

/* Where images are, and the working directory while they are. */
static char folder[] = "/tmp/rump-mount-XXXXXX";

static void
make(const char *path)
{
	int fd = rump_sys_open(path, O_WRONLY | O_CREAT, 0644);

	CHECK(fd >= 0);
	RETURNS(rump_sys_write(fd, "abc", 3), 3);
	RETURNS(rump_sys_close(fd), 0);
}

static void
msdos(void)
{
	struct msdosfs_args args;
	char handle[64];
	size_t size = sizeof handle;
	struct stat st;
	int fd;

	memset(&args, 0, sizeof args);
	args.fspec = "/fat";
	args.uid = 7;
	args.gid = 8;
	args.mask = 0640;
	args.flags = RUMP_MSDOSFSMNT_VERSIONED;
	args.version = 3;
	args.dirmask = 0750;
	args.gmtoff = 3600;
	RETURNS(rump_pub_etfs_register("/fat", "fat", RUMP_ETFS_BLK), 0);
	FAILS(rump_sys_mount("msdos", "/mnt", 0, &args, sizeof args - 1), EINVAL);
	FAILS(rump_sys_mount("msdos", "/mnt", 0, NULL, sizeof args), EFAULT);
	RETURNS(rump_sys_mount("msdos", "/mnt", 0, &args, sizeof args), 0);
	make("/mnt/file");
	RETURNS(rump_sys_stat("/mnt/file", &st), 0);
	CHECK(st.st_uid == 7 && st.st_gid == 8 && st.st_mode == (S_IFREG | 0640));
	RETURNS(rump_sys_stat("/mnt", &st), 0);
	CHECK(st.st_mode == (S_IFDIR | 0750));
	FAILS(rump_sys_link("/mnt/file", "/mnt/new"), EPERM);
	FAILS(rump_sys_symlink("x", "/mnt/new"), EPERM);
	FAILS(rump_sys_mkfifo("/mnt/new", 0644), EPERM);
	FAILS(rump_sys_setxattr("/mnt/file", "user.a", "x", 1, 0), ENOTSUP);
	FAILS(rump_sys_getxattr("/mnt/file", "user.a", NULL, 0), ENOTSUP);
	RETURNS(rump_sys_listxattr("/mnt/file", NULL, 0), 0);
	FAILS(rump_sys_removexattr("/mnt/file", "user.a"), ENOTSUP);
	FAILS(rump_sys_lsetxattr("/mnt/file", "user.a", "x", 1, 0), ENOTSUP);
	FAILS(rump_sys_lgetxattr("/mnt/file", "user.a", NULL, 0), ENOTSUP);
	FAILS(rump_sys_lremovexattr("/mnt/file", "user.a"), ENOTSUP);
	FAILS(rump_sys_extattr_set_file("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1), EOPNOTSUPP);
	FAILS(rump_sys_extattr_set_link("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1), EOPNOTSUPP);
	FAILS(rump_sys_extattr_get_file("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a", NULL, 0), EOPNOTSUPP);
	FAILS(rump_sys_extattr_get_link("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a", NULL, 0), EOPNOTSUPP);
	FAILS(rump_sys_extattr_delete_file("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a"), EOPNOTSUPP);
	FAILS(rump_sys_extattr_delete_link("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a"), EOPNOTSUPP);
	FAILS(rump_sys_getfh("/mnt/file", handle, &size), EOPNOTSUPP);
	fd = rump_sys_open("/mnt/file", O_RDWR);
	FAILS(rump_sys_fdiscard(fd, 0, 1), ENOTSUP);
	/* What is longer is zeros on the disk, too. */
	FAILS(rump_sys_ftruncate(fd, 100000000), ENOSPC);
	FAILS(rump_sys_truncate("/mnt/file", 100000000), ENOSPC);
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	/* Before version 2 there is one mask. */
	args.flags = 0;
	RETURNS(rump_sys_mount("msdos", "/mnt", 0, &args, sizeof args), 0);
	RETURNS(rump_sys_stat("/mnt", &st), 0);
	CHECK(st.st_mode == (S_IFDIR | 0640));
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	RETURNS(rump_sys_mount("msdos", "/mnt", 0, &args, sizeof(struct ufs_args)), 0);
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	RETURNS(rump_pub_etfs_remove("/fat"), 0);
	SHELL("fsck.fat -n fat > said 2>&1");
}

static void
iso(void)
{
	struct iso_args args;
	struct stat st;

	memset(&args, 0, sizeof args);
	args.fspec = "/cd";
	RETURNS(rump_pub_etfs_register("/cd", "iso", RUMP_ETFS_BLK), 0);
	FAILS(rump_sys_mount("cd9660", "/mnt", 0, &args, sizeof args - 1), EINVAL);
	args.flags = 0x1000;
	FAILS(rump_sys_mount("cd9660", "/mnt", RUMP_MNT_RDONLY, &args, sizeof args), EOPNOTSUPP);
	args.flags = 0;
	RETURNS(rump_sys_mount("cd9660", "/mnt", RUMP_MNT_RDONLY, &args, sizeof args), 0);
	RETURNS(rump_sys_stat("/mnt/Name_of_many_Letters.text", &st), 0);
	FAILS(rump_sys_unlink("/mnt/Name_of_many_Letters.text"), EROFS);
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	args.flags = RUMP_ISOFSMNT_NORRIP | RUMP_ISOFSMNT_NOJOLIET;
	RETURNS(rump_sys_mount("cd9660", "/mnt", RUMP_MNT_RDONLY, &args, sizeof args), 0);
	FAILS(rump_sys_stat("/mnt/Name_of_many_Letters.text", &st), ENOENT);
	RETURNS(rump_sys_stat("/mnt/short.txt", &st), 0);
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	args.flags |= RUMP_ISOFSMNT_NOCASETRANS;
	RETURNS(rump_sys_mount("cd9660", "/mnt", RUMP_MNT_RDONLY, &args, sizeof args), 0);
	FAILS(rump_sys_stat("/mnt/short.txt", &st), ENOENT);
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	RETURNS(rump_pub_etfs_remove("/cd"), 0);
}

static void
tmpfs(void)
{
	static char block[65536];
	struct tmpfs_args args;
	struct stat st;
	int fd, i;

	memset(&args, 0, sizeof args);
	FAILS(rump_sys_mount("tmpfs", "/mnt", 0, &args, sizeof args), EINVAL);
	args.ta_version = RUMP_TMPFS_ARGS_VERSION;
	args.ta_nodes_max = 10;
	args.ta_size_max = 256 * 1024;
	args.ta_root_uid = 7;
	args.ta_root_gid = 8;
	args.ta_root_mode = 0711;
	FAILS(rump_sys_mount("tmpfs", "/mnt", 0, &args, sizeof args - 1), EINVAL);
	FAILS(rump_sys_mount("tmpfs", "/mnt", 0, NULL, sizeof args), EFAULT);
	RETURNS(rump_sys_mount("tmpfs", "/mnt", 0, &args, sizeof args), 0);
	RETURNS(rump_sys_stat("/mnt", &st), 0);
	CHECK(st.st_mode == (S_IFDIR | 0711) && st.st_uid == 7 && st.st_gid == 8);
	fd = rump_sys_open("/mnt/file", O_WRONLY | O_CREAT, 0644);
	for (i = 0; i < 10 && rump_sys_write(fd, block, sizeof block) > 0; i++)
		;
	CHECK(i >= 3 && i <= 4 && errno == ENOSPC);
	RETURNS(rump_sys_posix_fallocate(fd, 1000000, 1000000), ENOSPC);
	RETURNS(rump_sys_close(fd), 0);
	for (i = 0; i < 20; i++) {
		char name[32];

		snprintf(name, sizeof name, "/mnt/dir%d", i);
		if (rump_sys_mkdir(name, 0755) != 0)
			break;
	}
	CHECK(i < 10 && errno == ENOSPC);
	/* Below a mount there is another: the one above stays. */
	RETURNS(rump_sys_mount("tmpfs", "/mnt/dir0", 0, NULL, 0), 0);
	RETURNS(rump_sys_getvfsstat(NULL, 0, RUMP_ST_WAIT), 3);
	FAILS(rump_sys_unmount("/mnt", 0), EBUSY);
	RETURNS(rump_sys_unmount("/mnt/dir0", MNT_FORCE), 0);
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
}

int
main(void)
{
	char remove[64];

	CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
	SHELL("mkfs.fat -C fat 1440 > said 2>&1");
	SHELL("mkdir tree && echo x > tree/Name_of_many_Letters.text && echo x > tree/short.txt");
	SHELL("xorriso -as mkisofs -quiet -R -o iso tree > said 2>&1");
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_mkdir("/mnt", 0755), 0);
	msdos();
	iso();
	tmpfs();
	CHECK(chdir("/") == 0);
	snprintf(remove, sizeof remove, "rm -rf %s", folder);
	SHELL(remove);
	return checked();
}
