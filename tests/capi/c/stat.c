/* stat(2), access(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "stat.c"
#include "both.h"
#else

static void
GROUP(attributes)(void)
{
	struct stat st, other;
	int fd, dir, ends[2];

	MAKE("file", "0123456789");
	RETURNS(SYS(mkdir)("dir", 0750), 0);
	RETURNS(SYS(symlink)("file", "link"), 0);
	memset(&st, 0xff, sizeof st);
	RETURNS(SYS(stat)("file", &st), 0);
	CHECK(st.st_mode == (S_IFREG | 0644));
	CHECK(st.st_size == 10 && st.st_nlink == 1 && st.st_rdev == 0);
	CHECK(st.st_blocks > 0 && st.st_blksize >= 512);
	CHECK(st.st_uid == (IN_KERNEL ? 0 : geteuid()));
	CHECK(st.st_ino != 0 && st.st_dev != 0);
	/* Not older than a minute. */
	CHECK(st.st_mtime > 1600000000 && st.st_mtim.tv_nsec >= 0 && st.st_mtim.tv_nsec < 1000000000);
	CHECK(st.st_ctime >= st.st_mtime && st.st_ctime - st.st_atime < 60);
	RETURNS(SYS(lstat)("link", &other), 0);
	CHECK(S_ISLNK(other.st_mode) && other.st_size == 4 && other.st_ino != st.st_ino);
	RETURNS(SYS(stat)("link", &other), 0);
	CHECK(other.st_ino == st.st_ino);
	RETURNS(SYS(stat)("dir", &other), 0);
	CHECK(other.st_mode == (S_IFDIR | 0750) && other.st_nlink == 2 && other.st_dev == st.st_dev);

	RETURNS(SYS(fstatat)(AT_FDCWD, "link", &other, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISLNK(other.st_mode));
	dir = SYS(open)("dir", O_RDONLY);
	RETURNS(SYS(fstatat)(dir, "../link", &other, 0), 0);
	CHECK(other.st_ino == st.st_ino);
	RETURNS(SYS(fstat)(dir, &other), 0);
	CHECK(S_ISDIR(other.st_mode));
	RETURNS(SYS(close)(dir), 0);
	fd = SYS(open)("file", O_WRONLY);
	RETURNS(SYS(fstat)(fd, &other), 0);
	CHECK(other.st_ino == st.st_ino);
	RETURNS(SYS(close)(fd), 0);
	RETURNS(SYS(pipe)(ends), 0);
	RETURNS(SYS(fstat)(ends[0], &other), 0);
	CHECK(S_ISFIFO(other.st_mode));
	RETURNS(SYS(close)(ends[0]), 0);
	RETURNS(SYS(close)(ends[1]), 0);

	FAILS(SYS(fstat)(fd, &st), EBADF);
	FAILS(SYS(fstat)(-1, &st), EBADF);
	FAILS(SYS(fstatat)(AT_FDCWD, "file", &st, AT_REMOVEDIR), EINVAL);
	FAILS(SYS(stat)("file/", &st), ENOTDIR);
	PATH_FAILS(SYS(stat)(path, &st));
	PATH_FAILS(SYS(lstat)(path, &st));
	PATH_FAILS(SYS(fstatat)(AT_FDCWD, path, &st, 0));
	DIR_FAILS(SYS(fstatat)(dir, "x", &st, 0));
#if IN_KERNEL
	FAILS(SYS(stat)("file", NULL), EFAULT);
	FAILS(SYS(lstat)("file", NULL), EFAULT);
	FAILS(SYS(fstatat)(AT_FDCWD, "file", NULL, 0), EFAULT);
	fd = SYS(open)("file", O_RDONLY);
	FAILS(SYS(fstat)(fd, NULL), EFAULT);
	RETURNS(SYS(close)(fd), 0);
#endif
}

static void
GROUP(allowed)(void)
{
	int dir = SYS(open)("dir", O_RDONLY);

	RETURNS(SYS(access)("file", F_OK), 0);
	RETURNS(SYS(access)("file", R_OK | W_OK), 0);
	FAILS(SYS(access)("file", X_OK), EACCES);
	RETURNS(SYS(access)("dir", R_OK | W_OK | X_OK), 0);
	FAILS(SYS(access)("file", 8), EINVAL);
	FAILS(SYS(access)("file", -1), EINVAL);
	RETURNS(SYS(faccessat)(dir, "../file", R_OK, 0), 0);
	RETURNS(SYS(faccessat)(dir, "../file", R_OK, AT_EACCESS), 0);
	RETURNS(SYS(symlink)("nothing", "dangling"), 0);
	FAILS(SYS(faccessat)(AT_FDCWD, "dangling", F_OK, 0), ENOENT);
	RETURNS(SYS(faccessat)(AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	FAILS(SYS(faccessat)(dir, "../file", X_OK, 0), EACCES);
	FAILS(SYS(faccessat)(dir, "../file", 8, 0), EINVAL);
	FAILS(SYS(faccessat)(dir, "../file", F_OK, AT_SYMLINK_FOLLOW), EINVAL);
	PATH_FAILS(SYS(access)(path, F_OK));
	PATH_FAILS(SYS(faccessat)(AT_FDCWD, path, F_OK, 0));
	RETURNS(SYS(close)(dir), 0);
	DIR_FAILS(SYS(faccessat)(dir, "x", F_OK, 0));
}

static void
GROUP(run)(void)
{
	GROUP(attributes)();
	GROUP(allowed)();
}

#endif
