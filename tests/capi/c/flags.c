/* What the flags of chflags(2) forbid: immutable and append-only files and directories. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

static void
make(const char *path)
{
	int fd = rump_sys_open(path, O_WRONLY | O_CREAT, 0644);

	CHECK(fd >= 0);
	RETURNS(rump_sys_write(fd, "abc", 3), 3);
	RETURNS(rump_sys_close(fd), 0);
}

/* What an immutable file and one that is only appended to have in common. */
static void
fixed(int fd)
{
	struct timeval micros[2] = { { 1, 1 }, { 2, 2 } };
	struct timespec nanos[2] = { { 1, 1 }, { 2, 2 } };

	FAILS(rump_sys_open("file", O_WRONLY), EPERM);
	FAILS(rump_sys_open("file", O_RDWR), EPERM);
	FAILS(rump_sys_open("file", O_RDONLY | O_TRUNC), EPERM);
	FAILS(rump_sys_openat(AT_FDCWD, "file", O_WRONLY), EPERM);
	FAILS(rump_sys_truncate("file", 0), EPERM);
	FAILS(rump_sys_ftruncate(fd, 0), EPERM);
	FAILS(rump_sys_fdiscard(fd, 0, 1), EPERM);
	FAILS(rump_sys_unlink("file"), EPERM);
	FAILS(rump_sys_unlinkat(AT_FDCWD, "file", 0), EPERM);
	FAILS(rump_sys_rename("file", "new"), EPERM);
	FAILS(rump_sys_rename("other", "file"), EPERM);
	FAILS(rump_sys_renameat(AT_FDCWD, "file", AT_FDCWD, "new"), EPERM);
	FAILS(rump_sys_link("file", "new"), EPERM);
	FAILS(rump_sys_linkat(AT_FDCWD, "file", AT_FDCWD, "new", 0), EPERM);
	FAILS(rump_sys_chmod("file", 0600), EPERM);
	FAILS(rump_sys_lchmod("file", 0600), EPERM);
	FAILS(rump_sys_fchmod(fd, 0600), EPERM);
	FAILS(rump_sys_fchmodat(AT_FDCWD, "file", 0600, 0), EPERM);
	FAILS(rump_sys_chown("file", 7, 7), EPERM);
	FAILS(rump_sys_lchown("file", 7, 7), EPERM);
	FAILS(rump_sys_fchown(fd, 7, 7), EPERM);
	FAILS(rump_sys_fchownat(AT_FDCWD, "file", 7, 7, 0), EPERM);
	FAILS(rump_sys_utimes("file", micros), EPERM);
	FAILS(rump_sys_lutimes("file", micros), EPERM);
	FAILS(rump_sys_futimes(fd, micros), EPERM);
	FAILS(rump_sys_futimens(fd, nanos), EPERM);
	FAILS(rump_sys_utimensat(AT_FDCWD, "file", nanos, 0), EPERM);
	FAILS(rump_sys_setxattr("file", "user.a", "x", 1, 0), EPERM);
	FAILS(rump_sys_lsetxattr("file", "user.a", "x", 1, 0), EPERM);
	FAILS(rump_sys_fsetxattr(fd, "user.a", "x", 1, 0), EPERM);
	FAILS(rump_sys_removexattr("file", "user.a"), EPERM);
	FAILS(rump_sys_lremovexattr("file", "user.a"), EPERM);
	FAILS(rump_sys_fremovexattr(fd, "user.a"), EPERM);
	FAILS(rump_sys_extattr_set_file("file", RUMP_EXTATTR_NAMESPACE_USER, "a", "x", 1), EPERM);
	FAILS(rump_sys_extattr_delete_fd(fd, RUMP_EXTATTR_NAMESPACE_USER, "a"), EPERM);
}

static void
immutable_file(unsigned long flag)
{
	int fd = rump_sys_open("file", O_RDWR);

	RETURNS(rump_sys_chflags("file", flag), 0);
	fixed(fd);
	FAILS(rump_sys_open("file", O_WRONLY | O_APPEND), EPERM);
	FAILS(rump_sys_utimes("file", NULL), EPERM);
	FAILS(rump_sys_access("file", W_OK), EPERM);
	FAILS(rump_sys_faccessat(AT_FDCWD, "file", W_OK, 0), EPERM);
	RETURNS(rump_sys_posix_fallocate(fd, 0, 10), EPERM);
	/* What was opened before stays so. */
	RETURNS(rump_sys_pwrite(fd, "a", 1, 0), 1);
	RETURNS(rump_sys_fchflags(fd, 0), 0);
	RETURNS(rump_sys_ftruncate(fd, 3), 0);
	RETURNS(rump_sys_close(fd), 0);
}

static void
appended_file(unsigned long flag)
{
	struct iovec vector;
	char x[] = "x";
	int fd, appends;

	vector.iov_base = x;
	vector.iov_len = 1;
	fd = rump_sys_open("file", O_RDWR);
	RETURNS(rump_sys_lchflags("file", flag), 0);
	fixed(fd);
	appends = rump_sys_open("file", O_WRONLY | O_APPEND);
	RETURNS(rump_sys_write(appends, "d", 1), 1);
	FAILS(rump_sys_pwrite(appends, "x", 1, 0), EPERM);
	FAILS(rump_sys_pwritev(appends, &vector, 1, 0), EPERM);
	RETURNS(rump_sys_pwrite(appends, "e", 1, 4), 1);
	FAILS(rump_sys_fcntl(appends, F_SETFL, 0), EPERM);
	RETURNS(rump_sys_utimes("file", NULL), 0);
	RETURNS(rump_sys_posix_fallocate(appends, 0, 10), 0);
	RETURNS(rump_sys_close(appends), 0);
	RETURNS(rump_sys_chflags("file", 0), 0);
	RETURNS(rump_sys_ftruncate(fd, 3), 0);
	RETURNS(rump_sys_close(fd), 0);
}

static void
directories(void)
{
	RETURNS(rump_sys_mkdir("dir", 0755), 0);
	RETURNS(rump_sys_mkdir("dir/sub", 0755), 0);
	make("dir/file");
	RETURNS(rump_sys_chflags("dir", RUMP_SF_IMMUTABLE), 0);
	FAILS(rump_sys_open("dir/new", O_WRONLY | O_CREAT, 0644), EPERM);
	FAILS(rump_sys_mkdir("dir/new", 0755), EPERM);
	FAILS(rump_sys_mkdirat(AT_FDCWD, "dir/new", 0755), EPERM);
	FAILS(rump_sys_symlink("x", "dir/new"), EPERM);
	FAILS(rump_sys_symlinkat("x", AT_FDCWD, "dir/new"), EPERM);
	FAILS(rump_sys_mknod("dir/new", S_IFREG | 0644, 0), EPERM);
	FAILS(rump_sys_mknodat(AT_FDCWD, "dir/new", S_IFREG | 0644, 0), EPERM);
	FAILS(rump_sys_mkfifo("dir/new", 0644), EPERM);
	FAILS(rump_sys_mkfifoat(AT_FDCWD, "dir/new", 0644), EPERM);
	FAILS(rump_sys_link("other", "dir/new"), EPERM);
	FAILS(rump_sys_rename("other", "dir/new"), EPERM);
	FAILS(rump_sys_rename("dir/file", "new"), EPERM);
	FAILS(rump_sys_unlink("dir/file"), EPERM);
	FAILS(rump_sys_rmdir("dir/sub"), EPERM);
	FAILS(rump_sys_rmdir("dir"), EPERM);
	RETURNS(rump_sys_chflags("dir", RUMP_UF_APPEND), 0);
	make("dir/new");
	FAILS(rump_sys_unlink("dir/new"), EPERM);
	FAILS(rump_sys_rename("dir/new", "dir/newer"), EPERM);
	FAILS(rump_sys_rmdir("dir/sub"), EPERM);
	RETURNS(rump_sys_chflags("dir", 0), 0);
	RETURNS(rump_sys_rmdir("dir/sub"), 0);
	/* What the superuser fixed, its owner does not free. */
	RETURNS(rump_sys_chown("dir/file", 1000, 1000), 0);
	RETURNS(rump_sys_chflags("dir/file", RUMP_SF_IMMUTABLE), 0);
	RETURNS(rump_sys_seteuid(1000), 0);
	FAILS(rump_sys_chflags("dir/file", 0), EPERM);
	RETURNS(rump_sys_seteuid(0), 0);
	RETURNS(rump_sys_chflags("dir/file", 0), 0);
}

static void
errors(void)
{
	int ends[2], fd;

	FAILS(rump_sys_chflags("file", 0x80000000UL), EINVAL);
	FAILS(rump_sys_lchflags("file", 0x80000000UL), EINVAL);
	FAILS(rump_sys_chflags("none", 0), ENOENT);
	FAILS(rump_sys_chflags("file/name", 0), ENOTDIR);
	FAILS(rump_sys_lchflags("none", 0), ENOENT);
	FAILS(rump_sys_chflags(NULL, 0), EFAULT);
	FAILS(rump_sys_fchflags(-1, 0), EBADF);
	RETURNS(rump_sys_pipe(ends), 0);
	FAILS(rump_sys_fchflags(ends[0], 0), EINVAL);
	FAILS(rump_sys_fchflags(ends[0], 0x80000000UL), EINVAL);
	RETURNS(rump_sys_mkdir("kern", 0755), 0);
	RETURNS(rump_sys_mount("kernfs", "kern", 0, NULL, 0), 0);
	FAILS(rump_sys_chflags("kern", RUMP_UF_NODUMP), EOPNOTSUPP);
	FAILS(rump_sys_lchflags("kern", RUMP_UF_NODUMP), EOPNOTSUPP);
	fd = rump_sys_open("kern", O_RDONLY);
	FAILS(rump_sys_fchflags(fd, RUMP_UF_NODUMP), EOPNOTSUPP);
	RETURNS(rump_sys_close(fd), 0);
	RETURNS(rump_sys_unmount("kern", 0), 0);
}

int
main(void)
{
	RETURNS(rump_init(), 0);
	make("file");
	make("other");
	immutable_file(RUMP_UF_IMMUTABLE);
	immutable_file(RUMP_SF_IMMUTABLE);
	appended_file(RUMP_UF_APPEND);
	appended_file(RUMP_SF_APPEND);
	directories();
	errors();
	return checked();
}
