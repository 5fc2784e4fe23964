/* Files whose file system was unmounted by force: every call on them fails with EIO, by descriptors and by paths alike. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

#define USER RUMP_EXTATTR_NAMESPACE_USER

static struct timeval micros[2] = { { 1, 1 }, { 2, 2 } };
static struct timespec nanos[2] = { { 1, 1 }, { 2, 2 } };
static struct stat st;
static struct statvfs vfs;
static char buf[64];
static struct iovec part = { buf, 1 };

static void
by_descriptor(int fd, int dir)
{
	FAILS(rump_sys_read(fd, buf, 1), EIO);
	FAILS(rump_sys_readv(fd, &part, 1), EIO);
	FAILS(rump_sys_pread(fd, buf, 1, 0), EIO);
	FAILS(rump_sys_preadv(fd, &part, 1, 0), EIO);
	FAILS(rump_sys_write(fd, buf, 1), EIO);
	FAILS(rump_sys_writev(fd, &part, 1), EIO);
	FAILS(rump_sys_pwrite(fd, buf, 1, 0), EIO);
	FAILS(rump_sys_pwritev(fd, &part, 1, 0), EIO);
	FAILS(rump_sys_ftruncate(fd, 1), EIO);
	FAILS(rump_sys_fstat(fd, &st), EIO);
	FAILS(rump_sys_fstatvfs1(fd, &vfs, RUMP_ST_WAIT), EIO);
	FAILS(rump_sys_fchmod(fd, 0600), EIO);
	FAILS(rump_sys_fchown(fd, 1, 1), EIO);
	FAILS(rump_sys_futimes(fd, micros), EIO);
	FAILS(rump_sys_futimens(fd, nanos), EIO);
	FAILS(rump_sys_fchflags(fd, 0), EIO);
	FAILS(rump_sys_fsync(fd), EIO);
	FAILS(rump_sys_fdatasync(fd), EIO);
	FAILS(rump_sys_fsync_range(fd, RUMP_FDATASYNC, 0, 0), EIO);
	FAILS(rump_sys_fdiscard(fd, 0, 1), EIO);
	RETURNS(rump_sys_posix_fallocate(fd, 0, 1), EIO);
	FAILS(rump_sys_fgetxattr(fd, "user.a", buf, sizeof buf), EIO);
	FAILS(rump_sys_fsetxattr(fd, "user.a", "x", 1, 0), EIO);
	FAILS(rump_sys_flistxattr(fd, buf, sizeof buf), EIO);
	FAILS(rump_sys_fremovexattr(fd, "user.a"), EIO);
	FAILS(rump_sys_extattr_get_fd(fd, USER, "a", buf, sizeof buf), EIO);
	FAILS(rump_sys_extattr_set_fd(fd, USER, "a", "x", 1), EIO);
	FAILS(rump_sys_extattr_list_fd(fd, USER, buf, sizeof buf), EIO);
	FAILS(rump_sys_extattr_delete_fd(fd, USER, "a"), EIO);
	FAILS(rump_sys_getdents(dir, buf, sizeof buf), EIO);
}

/* In a working directory of it. */
static void
by_path(void)
{
	char handle[64];
	size_t size = sizeof handle;

	FAILS(rump_sys_open("file", O_RDONLY), EIO);
	FAILS(rump_sys_openat(AT_FDCWD, "file", O_RDONLY), EIO);
	FAILS(rump_sys_stat("file", &st), EIO);
	FAILS(rump_sys_lstat("file", &st), EIO);
	FAILS(rump_sys_fstatat(AT_FDCWD, "file", &st, 0), EIO);
	FAILS(rump_sys_access("file", F_OK), EIO);
	FAILS(rump_sys_truncate("file", 0), EIO);
	FAILS(rump_sys_statvfs1("file", &vfs, RUMP_ST_WAIT), EIO);
	FAILS(rump_sys_getfh("file", handle, &size), EIO);
	FAILS(rump_sys_chown("file", 1, 1), EIO);
	FAILS(rump_sys_lchown("file", 1, 1), EIO);
	FAILS(rump_sys_fchownat(AT_FDCWD, "file", 1, 1, 0), EIO);
	FAILS(rump_sys_utimes("file", micros), EIO);
	FAILS(rump_sys_lutimes("file", micros), EIO);
	FAILS(rump_sys_utimensat(AT_FDCWD, "file", nanos, 0), EIO);
	FAILS(rump_sys_chflags("file", 0), EIO);
	FAILS(rump_sys_lchflags("file", 0), EIO);
	FAILS(rump_sys_link("file", "new"), EIO);
	FAILS(rump_sys_linkat(AT_FDCWD, "file", AT_FDCWD, "new", 0), EIO);
	FAILS(rump_sys_symlink("x", "new"), EIO);
	FAILS(rump_sys_symlinkat("x", AT_FDCWD, "new"), EIO);
	FAILS(rump_sys_readlink("link", buf, sizeof buf), EIO);
	FAILS(rump_sys_readlinkat(AT_FDCWD, "link", buf, sizeof buf), EIO);
	FAILS(rump_sys_rename("file", "new"), EIO);
	FAILS(rump_sys_renameat(AT_FDCWD, "file", AT_FDCWD, "new"), EIO);
	FAILS(rump_sys_unlink("file"), EIO);
	FAILS(rump_sys_unlinkat(AT_FDCWD, "file", 0), EIO);
	FAILS(rump_sys_rmdir("dir"), EIO);
	FAILS(rump_sys_mkdir("new", 0755), EIO);
	FAILS(rump_sys_mkdirat(AT_FDCWD, "new", 0755), EIO);
	FAILS(rump_sys_mknod("new", S_IFREG | 0644, 0), EIO);
	FAILS(rump_sys_mknodat(AT_FDCWD, "new", S_IFREG | 0644, 0), EIO);
	FAILS(rump_sys_mkfifo("new", 0644), EIO);
	FAILS(rump_sys_mkfifoat(AT_FDCWD, "new", 0644), EIO);
	FAILS(rump_sys_mount("tmpfs", "dir", 0, NULL, 0), EIO);
	RETURNS(rump_pub_mount("tmpfs", NULL, "dir", 0, NULL), EIO);
	FAILS(rump_sys_unmount("dir", 0), EIO);
	FAILS(rump_sys_getxattr("file", "user.a", buf, sizeof buf), EIO);
	FAILS(rump_sys_lgetxattr("file", "user.a", buf, sizeof buf), EIO);
	FAILS(rump_sys_setxattr("file", "user.a", "x", 1, 0), EIO);
	FAILS(rump_sys_lsetxattr("file", "user.a", "x", 1, 0), EIO);
	FAILS(rump_sys_listxattr("file", buf, sizeof buf), EIO);
	FAILS(rump_sys_llistxattr("file", buf, sizeof buf), EIO);
	FAILS(rump_sys_removexattr("file", "user.a"), EIO);
	FAILS(rump_sys_lremovexattr("file", "user.a"), EIO);
	FAILS(rump_sys_extattr_get_file("file", USER, "a", buf, sizeof buf), EIO);
	FAILS(rump_sys_extattr_get_link("file", USER, "a", buf, sizeof buf), EIO);
	FAILS(rump_sys_extattr_set_file("file", USER, "a", "x", 1), EIO);
	FAILS(rump_sys_extattr_set_link("file", USER, "a", "x", 1), EIO);
	FAILS(rump_sys_extattr_list_file("file", USER, buf, sizeof buf), EIO);
	FAILS(rump_sys_extattr_list_link("file", USER, buf, sizeof buf), EIO);
	FAILS(rump_sys_extattr_delete_file("file", USER, "a"), EIO);
	FAILS(rump_sys_extattr_delete_link("file", USER, "a"), EIO);
}

int
main(void)
{
	int fd, dir;

	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_mkdir("/mnt", 0755), 0);
	RETURNS(rump_pub_mount("tmpfs", NULL, "/mnt", 0, NULL), 0);
	RETURNS(rump_sys_chdir("/mnt"), 0);
	RETURNS(rump_sys_mkdir("dir", 0755), 0);
	RETURNS(rump_sys_symlink("file", "link"), 0);
	fd = rump_sys_open("file", O_RDWR | O_CREAT, 0644);
	dir = rump_sys_open(".", O_RDONLY);
	CHECK(fd >= 0 && dir >= 0);
	RETURNS(rump_sys_unmount("/mnt", RUMP_MNT_FORCE), 0);
	by_descriptor(fd, dir);
	by_path();
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_sys_close(dir), 0);
	RETURNS(rump_sys_chdir("/"), 0);
	return checked();
}
