/* statvfs1(2), getvfsstat(2), pathconf(2), getfh(2), getxattr(2), extattr_get_file(2), fsync(2), mount(2) in a kernel. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/sys/mountargs.h>

#include "check.h"

static void
facts(int fd)
{
	struct statvfs vfs;

	RETURNS(rump_sys_statvfs1("/file", &vfs, RUMP_ST_WAIT), 0);
	CHECK(vfs.f_namemax == 255 && vfs.f_bsize > 0);
	RETURNS(rump_sys_fstatvfs1(fd, &vfs, RUMP_ST_NOWAIT), 0);
	FAILS(rump_sys_statvfs1("/file", &vfs, 0), EINVAL);
	FAILS(rump_sys_statvfs1("/none", &vfs, 1), ENOENT);
	FAILS(rump_sys_statvfs1("/file", NULL, 1), EFAULT);
	FAILS(rump_sys_fstatvfs1(-1, &vfs, 1), EBADF);
	RETURNS(rump_sys_getvfsstat(NULL, 0, 1), 1);
	RETURNS(rump_sys_getvfsstat(&vfs, sizeof vfs, 1), 1);
	RETURNS(rump_sys_getvfsstat(&vfs, 1, 1), 0);
	FAILS(rump_sys_getvfsstat(NULL, 0, 0), EINVAL);
	RETURNS(rump_sys_pathconf("/", _PC_NAME_MAX), 255);
	RETURNS(rump_sys_fpathconf(fd, _PC_PATH_MAX), 4096);
	FAILS(rump_sys_pathconf("/", 9999), EINVAL);
	FAILS(rump_sys_pathconf("/none", _PC_NAME_MAX), ENOENT);
	FAILS(rump_sys_fpathconf(-1, _PC_NAME_MAX), EBADF);
}

static void
handles(void)
{
	struct statvfs vfs;
	struct stat st;
	char handle[64], buf[8];
	size_t size = 0;
	int fd;

	FAILS(rump_sys_getfh("/file", NULL, &size), E2BIG);
	CHECK(size > 0 && size <= sizeof handle);
	RETURNS(rump_sys_getfh("/file", handle, &size), 0);
	fd = rump_sys_fhopen(handle, size, O_RDONLY);
	RETURNS(rump_sys_read(fd, buf, sizeof buf), 3);
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_sys_fhstat(handle, size, &st), 0);
	CHECK(st.st_size == 3);
	RETURNS(rump_sys_fhstatvfs1(handle, size, &vfs, 1), 0);
	FAILS(rump_sys_fhstat(handle, 3, &st), EINVAL);
	FAILS(rump_sys_fhstat(NULL, size, &st), EFAULT);
	FAILS(rump_sys_fhopen(handle, size, O_RDWR | O_CREAT), EINVAL);
	FAILS(rump_sys_fhstatvfs1(handle, size, &vfs, 0), EINVAL);
	FAILS(rump_sys_getfh("/none", handle, &size), ENOENT);
	FAILS(rump_sys_getfh("/file", handle, NULL), EFAULT);
}

static void
attributes(int fd)
{
	char buf[64];

	RETURNS(rump_sys_setxattr("/file", "user.a", "value", 5, RUMP_XATTR_CREATE), 0);
	FAILS(rump_sys_setxattr("/file", "user.a", "value", 5, RUMP_XATTR_CREATE), EEXIST);
	FAILS(rump_sys_setxattr("/file", "user.b", "value", 5, RUMP_XATTR_REPLACE), ENODATA);
	FAILS(rump_sys_fsetxattr(fd, "user.a", "value", 5, 8), EINVAL);
	RETURNS(rump_sys_getxattr("/file", "user.a", buf, sizeof buf), 5);
	CHECK(memcmp(buf, "value", 5) == 0);
	RETURNS(rump_sys_lgetxattr("/file", "user.a", NULL, 0), 5);
	FAILS(rump_sys_fgetxattr(fd, "user.a", buf, 4), ERANGE);
	FAILS(rump_sys_getxattr("/file", "user.c", buf, 4), ENODATA);
	FAILS(rump_sys_getxattr("/none", "user.a", buf, 4), ENOENT);
	FAILS(rump_sys_fgetxattr(-1, "user.a", buf, 4), EBADF);
	RETURNS(rump_sys_extattr_set_file("/file", RUMP_EXTATTR_NAMESPACE_USER, "b", "xy", 2), 2);
	RETURNS(rump_sys_extattr_get_fd(fd, RUMP_EXTATTR_NAMESPACE_USER, "b", buf, 1), 1);
	RETURNS(rump_sys_extattr_list_file("/file", RUMP_EXTATTR_NAMESPACE_USER, buf, sizeof buf), 4);
	CHECK(memcmp(buf, "\001a\001b", 4) == 0);
	FAILS(rump_sys_extattr_get_file("/file", 7, "b", buf, 1), EINVAL);
	RETURNS(rump_sys_flistxattr(fd, buf, sizeof buf), 14);
	FAILS(rump_sys_listxattr("/file", buf, 3), ERANGE);
	RETURNS(rump_sys_extattr_delete_link("/file", RUMP_EXTATTR_NAMESPACE_USER, "b"), 0);
	RETURNS(rump_sys_removexattr("/file", "user.a"), 0);
	FAILS(rump_sys_fremovexattr(fd, "user.a"), ENODATA);
}

int
main(void)
{
	struct ufs_args args = { "/none" };
	int fd;

	RETURNS(rump_init(), 0);
	fd = rump_sys_open("/file", O_RDWR | O_CREAT, 0644);
	RETURNS(rump_sys_write(fd, "abc", 3), 3);
	facts(fd);
	handles();
	attributes(fd);
	RETURNS(rump_sys_fsync(fd), 0);
	RETURNS(rump_sys_fdatasync(fd), 0);
	RETURNS(rump_sys_fsync_range(fd, RUMP_FDATASYNC, 0, 0), 0);
	FAILS(rump_sys_fsync_range(fd, 0, 0, 0), EINVAL);
	FAILS(rump_sys_fsync(-1), EBADF);
	rump_sys_sync();
	RETURNS(rump_sys_posix_fallocate(fd, 0, 100), 0);
	RETURNS(rump_sys_posix_fallocate(fd, 0, 0), EINVAL);
	RETURNS(rump_sys_posix_fallocate(-1, 0, 1), EBADF);
	RETURNS(rump_sys_posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL), 0);
	RETURNS(rump_sys_posix_fadvise(fd, 0, 0, 99), EINVAL);
	RETURNS(rump_sys_fdiscard(fd, 0, 10), 0);
	FAILS(rump_sys_fdiscard(fd, -1, 10), EINVAL);
	RETURNS(rump_sys_mkdir("/mnt", 0755), 0);
	FAILS(rump_sys_mount("ffs", "/mnt", 0, &args, sizeof args), ENODEV);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0, &args, sizeof args), ENOENT);
	FAILS(rump_sys_mount("ext2fs", "/mnt", 0, &args, 1), EINVAL);
	FAILS(rump_sys_mount("ext2fs", "/mnt", RUMP_MNT_UPDATE, &args, sizeof args), EOPNOTSUPP);
	RETURNS(rump_pub_mount("ext2fs", "/file", "/mnt", 0, NULL), ENOTBLK);
	FAILS(rump_sys_unmount("/mnt", 0), EINVAL);
	FAILS(rump_sys_quotactl("/", &args), EOPNOTSUPP);
	RETURNS(rump_sys_fchroot(rump_sys_open("/mnt", O_RDONLY)), 0);
	FAILS(rump_sys_chroot("/none"), ENOENT);
	RETURNS(rump_sys_reboot(0, NULL), 0);
	FAILS(rump_sys_chdir("/"), ENXIO);
	return checked();
}
