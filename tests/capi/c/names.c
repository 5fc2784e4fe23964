/* link(2), symlink(2), readlink(2), rename(2), unlink(2), mkdir(2), rmdir(2), mknod(2), mkfifo(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "names.c"
#include <sys/sysmacros.h>
#include "both.h"
#else

static void
GROUP(links)(void)
{
	struct stat first, second;
	int dir;

	MAKE("file", "abc");
	RETURNS(SYS(mkdir)("dir", 0755), 0);
	dir = SYS(open)("dir", O_RDONLY);
	RETURNS(SYS(link)("file", "other"), 0);
	RETURNS(SYS(linkat)(AT_FDCWD, "file", dir, "inside", 0), 0);
	RETURNS(SYS(stat)("file", &first), 0);
	RETURNS(SYS(stat)("dir/inside", &second), 0);
	CHECK(first.st_nlink == 3 && first.st_ino == second.st_ino && first.st_dev == second.st_dev);
	RETURNS(SYS(symlink)("file", "symbolic"), 0);
	RETURNS(SYS(link)("symbolic", "same"), 0);
	RETURNS(SYS(lstat)("same", &second), 0);
	CHECK(S_ISLNK(second.st_mode) && second.st_nlink == 2);
	RETURNS(SYS(linkat)(AT_FDCWD, "symbolic", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW), 0);
	RETURNS(SYS(lstat)("followed", &second), 0);
	CHECK(second.st_ino == first.st_ino);

	FAILS(SYS(link)("file", "other"), EEXIST);
	FAILS(SYS(linkat)(AT_FDCWD, "file", dir, "inside", 0), EEXIST);
	FAILS(SYS(link)("dir", "hard"), EPERM);
	FAILS(SYS(link)("file", "none/"), ENOENT);
	FAILS(SYS(linkat)(AT_FDCWD, "file", AT_FDCWD, "new", AT_REMOVEDIR), EINVAL);
	PATH_FAILS(SYS(link)(path, "new"));
	PATH_FAILS(SYS(link)("file", path));
	PATH_FAILS(SYS(linkat)(AT_FDCWD, path, AT_FDCWD, "new", 0));
	PATH_FAILS(SYS(linkat)(AT_FDCWD, "file", AT_FDCWD, path, 0));
	DIR_FAILS(SYS(linkat)(dir, "inside", AT_FDCWD, "new", 0));
	DIR_FAILS(SYS(linkat)(AT_FDCWD, "file", dir, "new", 0));
	RETURNS(SYS(close)(dir), 0);
}

static void
GROUP(symbolic)(void)
{
	char buf[64], target[4097] = "";
	int dir = SYS(open)("dir", O_RDONLY);

	RETURNS(SYS(symlink)("where/it/is", "arrow"), 0);
	memset(buf, '#', sizeof buf);
	RETURNS(SYS(readlink)("arrow", buf, sizeof buf), 11);
	CHECK(memcmp(buf, "where/it/is#", 12) == 0);
	RETURNS(SYS(readlink)("arrow", buf, 5), 5);
	RETURNS(SYS(symlinkat)("up", dir, "arrow"), 0);
	RETURNS(SYS(readlinkat)(dir, "arrow", buf, sizeof buf), 2);
	RETURNS(SYS(readlink)("dir/arrow", buf, sizeof buf), 2);
	CHECK(memcmp(buf, "up", 2) == 0);

	FAILS(SYS(symlink)("x", "arrow"), EEXIST);
	FAILS(SYS(symlink)("", "new"), ENOENT);
	FAILS(SYS(symlinkat)("x", dir, "arrow"), EEXIST);
	FAILS(SYS(symlinkat)("", dir, "new"), ENOENT);
	FAILS(SYS(readlink)("file", buf, sizeof buf), EINVAL);
	FAILS(SYS(readlinkat)(AT_FDCWD, "file", buf, sizeof buf), EINVAL);
	memset(target, 't', sizeof target - 1);
	FAILS(SYS(symlink)(target, "new"), ENAMETOOLONG);
	FAILS(SYS(symlinkat)(target, dir, "new"), ENAMETOOLONG);
#if IN_KERNEL
	FAILS(SYS(symlink)(NULL, "new"), EFAULT);
	FAILS(SYS(readlink)("arrow", NULL, 5), EFAULT);
	/* A compiler that sees it at the host objects. */
	FAILS(SYS(readlink)("arrow", buf, 0), EINVAL);
	FAILS(SYS(readlinkat)(dir, "arrow", buf, 0), EINVAL);
#endif
	PATH_FAILS(SYS(symlink)("x", path));
	PATH_FAILS(SYS(symlinkat)("x", AT_FDCWD, path));
	PATH_FAILS(SYS(readlink)(path, buf, sizeof buf));
	PATH_FAILS(SYS(readlinkat)(AT_FDCWD, path, buf, sizeof buf));
	RETURNS(SYS(close)(dir), 0);
	DIR_FAILS(SYS(symlinkat)("x", dir, "new"));
	DIR_FAILS(SYS(readlinkat)(dir, "arrow", buf, sizeof buf));
}

static void
GROUP(moving)(void)
{
	struct stat st;
	int dir = SYS(open)("dir", O_RDONLY);

	MAKE("a", "a");
	MAKE("b", "bb");
	RETURNS(SYS(rename)("a", "b"), 0);
	RETURNS(SYS(stat)("b", &st), 0);
	CHECK(st.st_size == 1);
	FAILS(SYS(stat)("a", &st), ENOENT);
	RETURNS(SYS(renameat)(AT_FDCWD, "b", dir, "c"), 0);
	RETURNS(SYS(stat)("dir/c", &st), 0);
	RETURNS(SYS(renameat)(dir, "c", AT_FDCWD, "a"), 0);
	RETURNS(SYS(mkdir)("full", 0755), 0);
	RETURNS(SYS(mkdir)("full/sub", 0755), 0);
	RETURNS(SYS(mkdir)("empty", 0755), 0);

	FAILS(SYS(rename)("empty", "full"), ENOTEMPTY);
	FAILS(SYS(rename)("a", "empty"), EISDIR);
	FAILS(SYS(rename)("empty", "a"), ENOTDIR);
	FAILS(SYS(rename)("a", "new/"), ENOTDIR);
	FAILS(SYS(rename)("full", "full/sub/deeper"), EINVAL);
	FAILS(SYS(rename)("full/.", "new"), IN_KERNEL ? EINVAL : EBUSY);
	FAILS(SYS(rename)("full/sub/..", "new"), IN_KERNEL ? EINVAL : EBUSY);
	FAILS(SYS(renameat)(AT_FDCWD, "empty", AT_FDCWD, "full"), ENOTEMPTY);
	FAILS(SYS(renameat)(AT_FDCWD, "a", AT_FDCWD, "empty"), EISDIR);
	FAILS(SYS(renameat)(AT_FDCWD, "empty", AT_FDCWD, "a"), ENOTDIR);
	FAILS(SYS(renameat)(AT_FDCWD, "full", AT_FDCWD, "full/sub/deeper"), EINVAL);
	RETURNS(SYS(rename)("full/sub", "empty"), 0);
	RETURNS(SYS(rename)("empty", "full/sub"), 0);
	PATH_FAILS(SYS(rename)(path, "new"));
	PATH_FAILS(SYS(rename)("a", path));
	PATH_FAILS(SYS(renameat)(AT_FDCWD, path, AT_FDCWD, "new"));
	PATH_FAILS(SYS(renameat)(AT_FDCWD, "a", AT_FDCWD, path));
	RETURNS(SYS(close)(dir), 0);
	DIR_FAILS(SYS(renameat)(dir, "a", AT_FDCWD, "new"));
	DIR_FAILS(SYS(renameat)(AT_FDCWD, "a", dir, "new"));
}

static void
GROUP(removing)(void)
{
	struct stat st;
	char buf[4];
	int fd, dir = SYS(open)("dir", O_RDONLY);

	MAKE("open", "abc");
	fd = SYS(open)("open", O_RDONLY);
	RETURNS(SYS(unlink)("open"), 0);
	FAILS(SYS(stat)("open", &st), ENOENT);
	RETURNS(SYS(read)(fd, buf, 4), 3);
	RETURNS(SYS(fstat)(fd, &st), 0);
	CHECK(st.st_nlink == 0);
	RETURNS(SYS(close)(fd), 0);

	MAKE("dir/x", "");
	RETURNS(SYS(mkdirat)(dir, "d", 0755), 0);
	RETURNS(SYS(unlinkat)(dir, "x", 0), 0);
	RETURNS(SYS(unlinkat)(dir, "d", AT_REMOVEDIR), 0);
	/* POSIX has EPERM here. */
	FAILS(SYS(unlink)("dir"), IN_KERNEL ? EPERM : EISDIR);
	FAILS(SYS(unlinkat)(AT_FDCWD, "dir", 0), IN_KERNEL ? EPERM : EISDIR);
	FAILS(SYS(unlinkat)(AT_FDCWD, "file", AT_REMOVEDIR), ENOTDIR);
	FAILS(SYS(unlinkat)(AT_FDCWD, "full", AT_REMOVEDIR), ENOTEMPTY);
	FAILS(SYS(unlinkat)(AT_FDCWD, "file", AT_SYMLINK_FOLLOW), EINVAL);
	PATH_FAILS(SYS(unlink)(path));
	PATH_FAILS(SYS(unlinkat)(AT_FDCWD, path, 0));

	RETURNS(SYS(mkdir)("gone", 0755), 0);
	RETURNS(SYS(rmdir)("gone/"), 0);
	FAILS(SYS(rmdir)("gone"), ENOENT);
	FAILS(SYS(rmdir)("file"), ENOTDIR);
	FAILS(SYS(rmdir)("full"), ENOTEMPTY);
	FAILS(SYS(rmdir)("dir/."), EINVAL);
	FAILS(SYS(rmdir)("dir/.."), ENOTEMPTY);
	FAILS(SYS(rmdir)("/"), EBUSY);
	PATH_FAILS(SYS(rmdir)(path));
	RETURNS(SYS(close)(dir), 0);
	DIR_FAILS(SYS(unlinkat)(dir, "x", 0));
}

static void
GROUP(directories)(void)
{
	struct stat st;
	int dir = SYS(open)("dir", O_RDONLY);

	RETURNS(SYS(mkdir)("made", 0777), 0);
	RETURNS(SYS(stat)("made", &st), 0);
	CHECK(st.st_mode == (S_IFDIR | 0755) && st.st_nlink == 2);
	RETURNS(SYS(mkdir)("sticky/", 01700), 0);
	RETURNS(SYS(stat)("sticky", &st), 0);
	CHECK(st.st_mode == (S_IFDIR | 01700));
	RETURNS(SYS(mkdirat)(dir, "made", 0700), 0);
	RETURNS(SYS(stat)("dir/made", &st), 0);
	CHECK(st.st_mode == (S_IFDIR | 0700));
	FAILS(SYS(mkdir)("made", 0755), EEXIST);
	FAILS(SYS(mkdir)("file", 0755), EEXIST);
	FAILS(SYS(mkdir)("/", 0755), EEXIST);
	FAILS(SYS(mkdirat)(dir, "made", 0755), EEXIST);
	PATH_FAILS(SYS(mkdir)(path, 0755));
	PATH_FAILS(SYS(mkdirat)(AT_FDCWD, path, 0755));
	RETURNS(SYS(close)(dir), 0);
	DIR_FAILS(SYS(mkdirat)(dir, "new", 0755));
}

static void
GROUP(special)(void)
{
	struct stat st;
	int dir = SYS(open)("dir", O_RDONLY);

	RETURNS(SYS(mknod)("regular", S_IFREG | 0666, 0), 0);
	RETURNS(SYS(stat)("regular", &st), 0);
	CHECK(st.st_mode == (S_IFREG | 0644) && st.st_size == 0);
	RETURNS(SYS(mknod)("untyped", 0600, 0), 0);
	RETURNS(SYS(stat)("untyped", &st), 0);
	CHECK(st.st_mode == (S_IFREG | 0600));
	RETURNS(SYS(mknodat)(dir, "socket", S_IFSOCK | 0644, 0), 0);
	RETURNS(SYS(stat)("dir/socket", &st), 0);
	CHECK(st.st_mode == (S_IFSOCK | 0644));
	RETURNS(SYS(mkfifo)("fifo", 0640), 0);
	RETURNS(SYS(stat)("fifo", &st), 0);
	CHECK(st.st_mode == (S_IFIFO | 0640));
	RETURNS(SYS(mkfifoat)(dir, "fifo", 0600), 0);
	RETURNS(SYS(stat)("dir/fifo", &st), 0);
	CHECK(st.st_mode == (S_IFIFO | 0600));
	if (IN_KERNEL || geteuid() == 0) {
		RETURNS(SYS(mknod)("null", S_IFCHR | 0644, makedev(300, 70000)), 0);
		RETURNS(SYS(stat)("null", &st), 0);
		CHECK(st.st_mode == (S_IFCHR | 0644) && st.st_rdev == makedev(300, 70000));
		RETURNS(SYS(mknodat)(dir, "disk", S_IFBLK | 0600, makedev(8, 1)), 0);
		RETURNS(SYS(stat)("dir/disk", &st), 0);
		CHECK(st.st_mode == (S_IFBLK | 0600) && major(st.st_rdev) == 8 && minor(st.st_rdev) == 1);
	}
	FAILS(SYS(mknod)("fifo", S_IFREG, 0), EEXIST);
	FAILS(SYS(mknod)("new", S_IFDIR | 0755, 0), IN_KERNEL ? EINVAL : EPERM);
	FAILS(SYS(mknod)("new", S_IFLNK | 0755, 0), EINVAL);
	FAILS(SYS(mknod)("new", 0170000, 0), EINVAL);
	FAILS(SYS(mknodat)(dir, "fifo", S_IFREG, 0), EEXIST);
	FAILS(SYS(mknodat)(dir, "new", S_IFLNK | 0755, 0), EINVAL);
	FAILS(SYS(mkfifo)("fifo", 0644), EEXIST);
	FAILS(SYS(mkfifoat)(dir, "fifo", 0644), EEXIST);
	FAILS(SYS(mkfifo)("new/", 0644), ENOENT);
	PATH_FAILS(SYS(mknod)(path, S_IFREG, 0));
	PATH_FAILS(SYS(mknodat)(AT_FDCWD, path, S_IFREG, 0));
	PATH_FAILS(SYS(mkfifo)(path, 0644));
	PATH_FAILS(SYS(mkfifoat)(AT_FDCWD, path, 0644));
	RETURNS(SYS(close)(dir), 0);
	DIR_FAILS(SYS(mknodat)(dir, "new", S_IFREG, 0));
	DIR_FAILS(SYS(mkfifoat)(dir, "new", 0644));
}

static void
GROUP(run)(void)
{
	GROUP(links)();
	GROUP(symbolic)();
	GROUP(moving)();
	GROUP(removing)();
	GROUP(directories)();
	GROUP(special)();
}

#endif
