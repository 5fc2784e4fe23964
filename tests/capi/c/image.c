/* mount(2), unmount(2) and calls about files on an image that mke2fs and debugfs made, which are there for it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/rumpfs.h>

#include "check.h"

/* Runs a command of the host's shell. */
#define SHELL(command) CHECK(system(command) == 0)

/* Where the image is, and the working directory while it is. */
static char folder[] = "/tmp/rump-image-XXXXXX";

static struct ufs_args disk = { "/disk" };

static void
make(const char *path)
{
	int fd = rump_sys_open(path, O_WRONLY | O_CREAT, 0644);

	CHECK(fd >= 0);
	RETURNS(rump_sys_write(fd, "abc", 3), 3);
	RETURNS(rump_sys_close(fd), 0);
}

/* What is in a file of the host. */
static unsigned long
sum(const char *path)
{
	FILE *file = fopen(path, "rb");
	unsigned long total = 5381;
	int byte;

	if (file == NULL)
		return 0;
	while ((byte = getc(file)) != EOF)
		total = total * 33 + (unsigned long)byte;
	fclose(file);
	return total;
}

/* A block device, and what is none. */
static void
devices(void)
{
	struct ufs_args none = { "/none" }, regular = { "/regular" }, null = { NULL };

	RETURNS(rump_pub_etfs_register("/disk", "ext2", RUMP_ETFS_BLK), 0);
	RETURNS(rump_pub_etfs_register("/regular", "plain", RUMP_ETFS_REG), 0);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0, &regular, sizeof regular), ENOTBLK);
	RETURNS(rump_pub_mount("ext2fs", "/regular", "/mnt", 0, NULL), ENOTBLK);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0, &none, sizeof none), ENOENT);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0, &null, sizeof null), EFAULT);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0, NULL, sizeof null), EFAULT);
	FAILS(rump_sys_mount(NULL, "/mnt", 0, &disk, sizeof disk), EFAULT);
	FAILS(rump_sys_mount("ext2fs", NULL, 0, &disk, sizeof disk), EFAULT);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0, &disk, 1), EINVAL);
	FAILS(rump_sys_mount("ext2fs", "/none", 0, &disk, sizeof disk), ENOENT);
	FAILS(rump_sys_mount("ext2fs", "/regular", 0, &disk, sizeof disk), ENOTDIR);
	FAILS(rump_sys_mount("ext2fs", "/mnt", RUMP_MNT_SYNCHRONOUS, &disk, sizeof disk), EOPNOTSUPP);
	FAILS(rump_sys_mount("ext2fs", "/mnt", RUMP_MNT_UPDATE, &disk, sizeof disk), EOPNOTSUPP);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0x200, &disk, sizeof disk), EINVAL);
	FAILS(rump_sys_revoke("/regular"), EOPNOTSUPP);
	/* Nothing of these is on it. */
	FAILS(rump_sys_mount("msdos", "/mnt", 0, &disk, sizeof disk), EINVAL);
	FAILS(rump_sys_mount("cd9660", "/mnt", 0, &disk, sizeof disk), EROFS);
	RETURNS(rump_pub_mount("cd9660", "/disk", "/mnt", 0, NULL), EROFS);
	FAILS(rump_sys_mount("cd9660", "/mnt", RUMP_MNT_RDONLY, &disk, sizeof disk), EINVAL);
	FAILS(rump_sys_mount("ffs", "/mnt", 0, &disk, sizeof disk), ENODEV);
	RETURNS(rump_pub_mount("ffs", "/disk", "/mnt", 0, NULL), ENODEV);
	RETURNS(rump_pub_mount("ext2fs", "/disk", "/mnt", 0, "no_such_option"), EINVAL);
	RETURNS(rump_pub_mount("ext2fs", "/disk", "/mnt", 0, "\377"), EINVAL);
}

/* Between file systems, and at their roots. */
static void
boundaries(void)
{
	struct statvfs all[4], vfs;

	make("/mnt/file");
	make("/file");
	FAILS(rump_sys_link("/mnt/file", "/new"), EXDEV);
	FAILS(rump_sys_linkat(AT_FDCWD, "/file", AT_FDCWD, "/mnt/new", 0), EXDEV);
	FAILS(rump_sys_rename("/mnt/file", "/new"), EXDEV);
	FAILS(rump_sys_renameat(AT_FDCWD, "/file", AT_FDCWD, "/mnt/file"), EXDEV);
	FAILS(rump_sys_rename("/mnt", "/new"), EBUSY);
	FAILS(rump_sys_renameat(AT_FDCWD, "/mnt", AT_FDCWD, "/new"), EBUSY);
	FAILS(rump_sys_rmdir("/mnt"), EBUSY);
	FAILS(rump_sys_unlinkat(AT_FDCWD, "/mnt", AT_REMOVEDIR), EBUSY);
	/* One more over it, until it is unmounted. */
	RETURNS(rump_pub_mount("tmpfs", NULL, "/mnt", 0, NULL), 0);
	FAILS(rump_sys_access("/mnt/file", F_OK), ENOENT);
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	RETURNS(rump_sys_access("/mnt/file", F_OK), 0);

	RETURNS(rump_sys_getvfsstat(NULL, 0, RUMP_ST_WAIT), 2);
	memset(all, 0, sizeof all);
	RETURNS(rump_sys_getvfsstat(all, sizeof all, RUMP_ST_NOWAIT), 2);
	CHECK(all[0].f_fsid != all[1].f_fsid && all[2].f_bsize == 0);
	RETURNS(rump_sys_getvfsstat(all, sizeof all[0] * 2 - 1, RUMP_ST_WAIT), 1);
	RETURNS(rump_sys_statvfs1("/mnt/file", &vfs, RUMP_ST_WAIT), 0);
	CHECK(vfs.f_fsid == all[1].f_fsid && vfs.f_frsize == 1024 && vfs.f_blocks > 900 && vfs.f_blocks <= 1024);
	CHECK(vfs.f_bfree < vfs.f_blocks && vfs.f_ffree < vfs.f_files && (vfs.f_flag & ST_RDONLY) == 0);
	RETURNS(rump_sys_pathconf("/mnt/file", _PC_LINK_MAX), 65000);
	RETURNS(rump_sys_pathconf("/mnt", _PC_NAME_MAX), 255);
}

/* debugfs made a file and a directory that have all the names that they can have. */
static void
many_links(void)
{
	FAILS(rump_sys_link("/mnt/linked", "/mnt/new"), EMLINK);
	FAILS(rump_sys_linkat(AT_FDCWD, "/mnt/linked", AT_FDCWD, "/mnt/new", 0), EMLINK);
	FAILS(rump_sys_mkdir("/mnt/full/new", 0755), EMLINK);
	FAILS(rump_sys_mkdirat(AT_FDCWD, "/mnt/full/new", 0755), EMLINK);
	RETURNS(rump_sys_mkdir("/mnt/dir", 0755), 0);
	FAILS(rump_sys_rename("/mnt/dir", "/mnt/full/dir"), EMLINK);
	FAILS(rump_sys_renameat(AT_FDCWD, "/mnt/dir", AT_FDCWD, "/mnt/full/dir"), EMLINK);
}

/* A block of a directory has few long names, and there is no other block. */
static void
full_directory(void)
{
	char name[240];
	int i;

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	memcpy(name, "/mnt/dir/", 9);
	for (i = 0; i < 10; i++) {
		name[9] = (char)('0' + i);
		if (rump_sys_link("/mnt/file", name) != 0)
			break;
	}
	CHECK(i > 0 && i < 10);
	FAILS(rump_sys_link("/mnt/file", name), ENOSPC);
	FAILS(rump_sys_linkat(AT_FDCWD, "/mnt/file", AT_FDCWD, name, 0), ENOSPC);
	FAILS(rump_sys_rename("/mnt/large", name), ENOSPC);
	FAILS(rump_sys_renameat(AT_FDCWD, "/mnt/large", AT_FDCWD, name), ENOSPC);
}

/* A megabyte is soon full. */
static void
full_disk(void)
{
	static char block[16384];
	struct iovec vector = { block, 1 };
	char target[512];
	ssize_t count;
	int fd = rump_sys_open("/mnt/large", O_RDWR | O_CREAT, 0644), i;

	memset(target, 't', sizeof target);
	target[sizeof target - 1] = '\0';
	for (i = 0, count = 1; i < 70 && count > 0; i++)
		count = rump_sys_write(fd, block, sizeof block);
	CHECK(count == -1 && errno == ENOSPC);
	for (i = 0, count = 1; i < 40 && count > 0; i++)
		count = rump_sys_write(fd, block, 512);
	CHECK(count == -1);
	FAILS(rump_sys_write(fd, block, 512), ENOSPC);
	FAILS(rump_sys_pwrite(fd, "x", 1, 2000000), ENOSPC);
	FAILS(rump_sys_pwritev(fd, &vector, 1, 2000000), ENOSPC);
	RETURNS(rump_sys_lseek(fd, 2000000, SEEK_SET), 2000000);
	FAILS(rump_sys_writev(fd, &vector, 1), ENOSPC);
	full_directory();
	FAILS(rump_sys_mkdirat(AT_FDCWD, "/mnt/new", 0755), ENOSPC);
	FAILS(rump_sys_mkdir("/mnt/new", 0755), ENOSPC);
	FAILS(rump_sys_symlink(target, "/mnt/new"), ENOSPC);
	FAILS(rump_sys_symlinkat(target, AT_FDCWD, "/mnt/new"), ENOSPC);
	memset(block, 'v', 600);
	FAILS(rump_sys_fsetxattr(fd, "user.long", block, 600, 0), ENOSPC);
	FAILS(rump_sys_setxattr("/mnt/large", "user.long", block, 600, 0), ENOSPC);
	FAILS(rump_sys_lsetxattr("/mnt/large", "user.long", block, 600, 0), ENOSPC);
	FAILS(rump_sys_extattr_set_file("/mnt/large", RUMP_EXTATTR_NAMESPACE_USER, "long", block, 600), ENOSPC);
	FAILS(rump_sys_extattr_set_link("/mnt/large", RUMP_EXTATTR_NAMESPACE_USER, "long", block, 600), ENOSPC);
	FAILS(rump_sys_extattr_set_fd(fd, RUMP_EXTATTR_NAMESPACE_USER, "long", block, 600), ENOSPC);
	FAILS(rump_sys_ftruncate(fd, (off_t)0x7fffffffffffffffLL), EFBIG);
	FAILS(rump_sys_truncate("/mnt/large", (off_t)0x7fffffffffffffffLL), EFBIG);
	RETURNS(rump_sys_ftruncate(fd, 0), 0);
	RETURNS(rump_sys_mkdir("/mnt/new", 0755), 0);
	RETURNS(rump_sys_rmdir("/mnt/new"), 0);
	RETURNS(rump_sys_close(fd), 0);

	/* And so are 32 inodes. */
	for (i = 0; i < 64; i++) {
		char name[32];

		snprintf(name, sizeof name, "/mnt/node%d", i);
		if (rump_sys_mknod(name, S_IFREG | 0644, 0) != 0)
			break;
	}
	CHECK(i < 64 && errno == ENOSPC);
	FAILS(rump_sys_mkfifo("/mnt/new", 0644), ENOSPC);
	FAILS(rump_sys_mkfifoat(AT_FDCWD, "/mnt/new", 0644), ENOSPC);
	FAILS(rump_sys_mknod("/mnt/new", S_IFREG | 0644, 0), ENOSPC);
	FAILS(rump_sys_mknodat(AT_FDCWD, "/mnt/new", S_IFREG | 0644, 0), ENOSPC);
	FAILS(rump_sys_openat(AT_FDCWD, "/mnt/new", O_WRONLY | O_CREAT, 0644), ENOSPC);
	FAILS(rump_sys_open("/mnt/new", O_WRONLY | O_CREAT, 0644), ENOSPC);
	FAILS(rump_sys_symlink("x", "/mnt/new"), ENOSPC);
	while (i-- > 0) {
		char name[32];

		snprintf(name, sizeof name, "/mnt/node%d", i);
		RETURNS(rump_sys_unlink(name), 0);
	}
}

static void
unmounting(void)
{
	char byte;
	int fd = rump_sys_open("/mnt/file", O_RDONLY);

	FAILS(rump_sys_unmount("/mnt", 0), EBUSY);
	FAILS(rump_sys_unmount("/", 0), EBUSY);
	FAILS(rump_sys_unmount("/dir", 0), EINVAL);
	FAILS(rump_sys_unmount("/mnt/dir", 0), EINVAL);
	FAILS(rump_sys_unmount("/mnt", 77), EINVAL);
	FAILS(rump_sys_unmount("/none", 0), ENOENT);
	FAILS(rump_sys_unmount("/file/name", 0), ENOTDIR);
	FAILS(rump_sys_unmount(NULL, 0), EFAULT);
	RETURNS(rump_sys_unmount("/mnt", RUMP_MNT_FORCE), 0);
	FAILS(rump_sys_read(fd, &byte, 1), EIO);
	RETURNS(rump_sys_close(fd), 0);
	FAILS(rump_sys_unmount("/mnt", 0), EINVAL);
}

/* Every call that changes something. */
static void
read_only(void)
{
	struct timeval micros[2] = { { 1, 1 }, { 2, 2 } };
	struct timespec nanos[2] = { { 1, 1 }, { 2, 2 } };
	struct statvfs vfs;
	char buf[8], handle[64];
	size_t size = sizeof handle;
	int fd = rump_sys_open("/mnt/file", O_RDONLY);

	RETURNS(rump_sys_read(fd, buf, sizeof buf), 3);
	RETURNS(rump_sys_statvfs1("/mnt", &vfs, RUMP_ST_WAIT), 0);
	CHECK((vfs.f_flag & ST_RDONLY) != 0);
	FAILS(rump_sys_open("/mnt/file", O_WRONLY), EROFS);
	FAILS(rump_sys_open("/mnt/file", O_RDONLY | O_TRUNC), EROFS);
	FAILS(rump_sys_open("/mnt/new", O_WRONLY | O_CREAT, 0644), EROFS);
	FAILS(rump_sys_openat(AT_FDCWD, "/mnt/file", O_RDWR), EROFS);
	FAILS(rump_sys_access("/mnt/file", W_OK), EROFS);
	FAILS(rump_sys_faccessat(AT_FDCWD, "/mnt/file", W_OK, 0), EROFS);
	FAILS(rump_sys_truncate("/mnt/file", 0), EROFS);
	FAILS(rump_sys_mkdir("/mnt/new", 0755), EROFS);
	FAILS(rump_sys_mkdirat(AT_FDCWD, "/mnt/new", 0755), EROFS);
	FAILS(rump_sys_rmdir("/mnt/dir"), EROFS);
	FAILS(rump_sys_unlink("/mnt/file"), EROFS);
	FAILS(rump_sys_unlinkat(AT_FDCWD, "/mnt/file", 0), EROFS);
	FAILS(rump_sys_rename("/mnt/file", "/mnt/new"), EROFS);
	FAILS(rump_sys_renameat(AT_FDCWD, "/mnt/file", AT_FDCWD, "/mnt/new"), EROFS);
	FAILS(rump_sys_link("/mnt/file", "/mnt/new"), EROFS);
	FAILS(rump_sys_linkat(AT_FDCWD, "/mnt/file", AT_FDCWD, "/mnt/new", 0), EROFS);
	FAILS(rump_sys_symlink("x", "/mnt/new"), EROFS);
	FAILS(rump_sys_symlinkat("x", AT_FDCWD, "/mnt/new"), EROFS);
	FAILS(rump_sys_mknod("/mnt/new", S_IFREG | 0644, 0), EROFS);
	FAILS(rump_sys_mknodat(AT_FDCWD, "/mnt/new", S_IFREG | 0644, 0), EROFS);
	FAILS(rump_sys_mkfifo("/mnt/new", 0644), EROFS);
	FAILS(rump_sys_mkfifoat(AT_FDCWD, "/mnt/new", 0644), EROFS);
	FAILS(rump_sys_chmod("/mnt/file", 0600), EROFS);
	FAILS(rump_sys_lchmod("/mnt/file", 0600), EROFS);
	FAILS(rump_sys_fchmod(fd, 0600), EROFS);
	FAILS(rump_sys_fchmodat(AT_FDCWD, "/mnt/file", 0600, 0), EROFS);
	FAILS(rump_sys_chown("/mnt/file", 1, 1), EROFS);
	FAILS(rump_sys_lchown("/mnt/file", 1, 1), EROFS);
	FAILS(rump_sys_fchown(fd, 1, 1), EROFS);
	FAILS(rump_sys_fchownat(AT_FDCWD, "/mnt/file", 1, 1, 0), EROFS);
	FAILS(rump_sys_utimes("/mnt/file", micros), EROFS);
	FAILS(rump_sys_lutimes("/mnt/file", micros), EROFS);
	FAILS(rump_sys_futimes(fd, micros), EROFS);
	FAILS(rump_sys_futimens(fd, nanos), EROFS);
	FAILS(rump_sys_utimensat(AT_FDCWD, "/mnt/file", nanos, 0), EROFS);
	FAILS(rump_sys_chflags("/mnt/file", RUMP_UF_NODUMP), EROFS);
	FAILS(rump_sys_lchflags("/mnt/file", RUMP_UF_NODUMP), EROFS);
	FAILS(rump_sys_fchflags(fd, RUMP_UF_NODUMP), EROFS);
	FAILS(rump_sys_setxattr("/mnt/file", "user.a", "x", 1, 0), EROFS);
	FAILS(rump_sys_lsetxattr("/mnt/file", "user.a", "x", 1, 0), EROFS);
	FAILS(rump_sys_fsetxattr(fd, "user.a", "x", 1, 0), EROFS);
	FAILS(rump_sys_removexattr("/mnt/file", "user.a"), EROFS);
	FAILS(rump_sys_lremovexattr("/mnt/file", "user.a"), EROFS);
	FAILS(rump_sys_fremovexattr(fd, "user.a"), EROFS);
	FAILS(rump_sys_extattr_set_file("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1), EROFS);
	FAILS(rump_sys_extattr_set_link("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1), EROFS);
	FAILS(rump_sys_extattr_set_fd(fd, RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1), EROFS);
	FAILS(rump_sys_extattr_delete_file("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a"), EROFS);
	FAILS(rump_sys_extattr_delete_link("/mnt/file", RUMP_EXTATTR_NAMESPACE_USER, "a"), EROFS);
	FAILS(rump_sys_extattr_delete_fd(fd, RUMP_EXTATTR_NAMESPACE_USER, "a"), EROFS);
	RETURNS(rump_sys_getfh("/mnt/file", handle, &size), 0);
	FAILS(rump_sys_fhopen(handle, size, O_RDWR), EROFS);
	RETURNS(rump_sys_fsync(fd), 0);
	RETURNS(rump_sys_close(fd), 0);
}

/* Handles of files of an image are good as long as it is mounted. */
static void
stale_handles(void)
{
	char handle[64], gone[64];
	size_t size = sizeof handle;
	struct stat st;
	int fd;

	RETURNS(rump_sys_mount("ext2fs", "/mnt", 0, &disk, sizeof disk), 0);
	RETURNS(rump_sys_getfh("/mnt/file", handle, &size), 0);
	make("/mnt/gone");
	RETURNS(rump_sys_getfh("/mnt/gone", gone, &size), 0);
	RETURNS(rump_sys_unlink("/mnt/gone"), 0);
	FAILS(rump_sys_fhstat(gone, size, &st), ESTALE);
	/* Its inode is another file's. */
	make("/mnt/next");
	FAILS(rump_sys_fhopen(gone, size, O_RDONLY), ESTALE);
	fd = rump_sys_fhopen(handle, size, O_RDWR);
	CHECK(fd >= 0);
	RETURNS(rump_sys_posix_fallocate(fd, 0, 100), EOPNOTSUPP);
	RETURNS(rump_sys_fdiscard(fd, 0, 1), 0);
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	FAILS(rump_sys_fhopen(handle, size, O_RDONLY), ESTALE);
}

static void
ext2(void)
{
	unsigned long before;

	RETURNS(rump_sys_mount("ext2fs", "/mnt", RUMP_MNT_NOATIME, &disk, sizeof disk), 0);
	boundaries();
	many_links();
	full_disk();
	unmounting();
	before = sum("ext2");
	RETURNS(rump_sys_mount("ext2fs", "/mnt", RUMP_MNT_RDONLY, &disk, sizeof disk), 0);
	read_only();
	RETURNS(rump_sys_unmount("/mnt", 0), 0);
	CHECK(sum("ext2") == before);
	stale_handles();
	RETURNS(rump_pub_etfs_remove("/disk"), 0);
	/* What debugfs forged is put right. */
	SHELL("debugfs -w -f mended ext2 > said 2>&1");
	SHELL("timeout 20 e2fsck -fn ext2 > said 2>&1");
}

/* Makes the image, with a file and a directory of as many links as there may be. */
static void
image(void)
{
	CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
	SHELL("echo plain > plain");
	SHELL("mke2fs -q -t ext2 -b 1024 -N 32 -O ^resize_inode ext2 1024");
	SHELL("printf '%s\\n' 'write plain linked' 'mkdir full' 'set_inode_field linked links_count 65000'"
	      " 'set_inode_field full links_count 65000' > forged");
	SHELL("printf '%s\\n' 'set_inode_field linked links_count 1' 'set_inode_field full links_count 2' > mended");
	SHELL("debugfs -w -f forged ext2 > said 2>&1");
}

int
main(void)
{
	char remove[64];

	image();
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_mkdir("/mnt", 0755), 0);
	RETURNS(rump_sys_mkdir("/dir", 0755), 0);
	devices();
	ext2();
	RETURNS(rump_sys_reboot(0, NULL), 0);
	CHECK(chdir("/") == 0);
	snprintf(remove, sizeof remove, "rm -rf %s", folder);
	SHELL(remove);
	return checked();
}
