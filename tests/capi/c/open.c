/* open(2), close(2), dup(2), pipe(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "open.c"
#include "both.h"
#else

static void
GROUP(opening)(void)
{
	struct stat st;
	char buf[8];
	int fd, dir;

	MAKE("file", "content");
	RETURNS(SYS(mkdir)("dir", 0755), 0);
	RETURNS(SYS(symlink)("file", "link"), 0);
	RETURNS(SYS(symlink)("nothing", "dangling"), 0);

	/* The lowest number, what is there, and what is made. */
	fd = SYS(open)("file", O_RDONLY);
	CHECK(fd >= 0);
	RETURNS(SYS(read)(fd, buf, sizeof buf), 7);
	CHECK(memcmp(buf, "content", 7) == 0);
	RETURNS(SYS(close)(fd), 0);
	RETURNS(SYS(open)("file", O_RDWR), fd);
	RETURNS(SYS(close)(fd), 0);
	RETURNS(SYS(open)("new", O_RDWR | O_CREAT | O_EXCL, 0666), fd);
	RETURNS(SYS(fstat)(fd, &st), 0);
	CHECK(st.st_mode == (S_IFREG | 0644));
	RETURNS(SYS(close)(fd), 0);
	FAILS(SYS(close)(fd), EBADF);
	FAILS(SYS(close)(-1), EBADF);

	/* Flags. */
	FAILS(SYS(open)("new", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
	FAILS(SYS(open)("dangling", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
	FAILS(SYS(open)("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	FAILS(SYS(open)("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(SYS(open)("dir", O_WRONLY), EISDIR);
	FAILS(SYS(open)("dir", O_RDONLY | O_CREAT, 0644), EISDIR);
	FAILS(SYS(open)("none/", O_WRONLY | O_CREAT, 0644), EISDIR);
	FAILS(SYS(open)("none", O_RDONLY), ENOENT);
	FAILS(SYS(openat)(AT_FDCWD, "new", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
	FAILS(SYS(openat)(AT_FDCWD, "dir", O_WRONLY), EISDIR);
#if IN_KERNEL
	/* The host gives a descriptor for nothing but ioctl. */
	FAILS(SYS(open)("file", O_WRONLY | O_RDWR), EINVAL);
	FAILS(SYS(openat)(AT_FDCWD, "file", O_WRONLY | O_RDWR), EINVAL);
#ifdef O_PATH
	FAILS(SYS(open)("file", O_PATH), EOPNOTSUPP);
	FAILS(SYS(openat)(AT_FDCWD, "file", O_PATH), EOPNOTSUPP);
	FAILS(SYS(open)("dir", O_TMPFILE | O_RDWR, 0644), EOPNOTSUPP);
#endif
#endif
	fd = SYS(open)("file", O_WRONLY | O_APPEND);
	RETURNS(SYS(write)(fd, "+", 1), 1);
	RETURNS(SYS(lseek)(fd, 0, SEEK_CUR), 8);
	RETURNS(SYS(close)(fd), 0);
	fd = SYS(open)("file", O_WRONLY | O_TRUNC);
	RETURNS(SYS(lseek)(fd, 0, SEEK_END), 0);
	RETURNS(SYS(close)(fd), 0);

	/* What O_NOCTTY and its like say is nothing here. */
	fd = SYS(open)("file", O_RDONLY | O_NOCTTY);
	CHECK(fd >= 0);
	RETURNS(SYS(close)(fd), 0);

	PATH_FAILS(SYS(open)(path, O_RDONLY));
	PATH_FAILS(SYS(openat)(AT_FDCWD, path, O_RDONLY));
	dir = SYS(open)("dir", O_RDONLY | O_DIRECTORY);
	fd = SYS(openat)(dir, "inside", O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0);
	RETURNS(SYS(close)(fd), 0);
	RETURNS(SYS(stat)("dir/inside", &st), 0);
	CHECK(st.st_mode == (S_IFREG | 0600));
	RETURNS(SYS(close)(dir), 0);
	DIR_FAILS(SYS(openat)(dir, "inside", O_RDONLY));
	/* An absolute path asks for no directory. */
	fd = SYS(openat)(999, "/", O_RDONLY);
	CHECK(fd >= 0);
	RETURNS(SYS(close)(fd), 0);
}

static void
GROUP(special)(void)
{
	int reader, writer;

	RETURNS(SYS(mkfifo)("fifo", 0644), 0);
	FAILS(SYS(open)("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	reader = SYS(open)("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(reader >= 0);
	writer = SYS(open)("fifo", O_WRONLY | O_NONBLOCK);
	CHECK(writer >= 0);
	RETURNS(SYS(close)(reader), 0);
	RETURNS(SYS(close)(writer), 0);
	RETURNS(SYS(mknod)("socket", S_IFSOCK | 0644, 0), 0);
	FAILS(SYS(openat)(AT_FDCWD, "fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	FAILS(SYS(openat)(AT_FDCWD, "socket", O_RDWR), IN_KERNEL ? EOPNOTSUPP : ENXIO);
	FAILS(SYS(open)("socket", O_RDWR), IN_KERNEL ? EOPNOTSUPP : ENXIO);
}

static void
GROUP(duplicates)(void)
{
	int fd, copy, ends[2];
	char buf[4];

	MAKE("file", "abc");
	fd = SYS(open)("file", O_RDONLY);
	copy = SYS(dup)(fd);
	CHECK(copy > fd);
	RETURNS(SYS(read)(fd, buf, 1), 1);
	/* One open file has one offset. */
	RETURNS(SYS(lseek)(copy, 0, SEEK_CUR), 1);
	RETURNS(SYS(dup2)(fd, 100), 100);
	RETURNS(SYS(lseek)(100, 0, SEEK_CUR), 1);
	RETURNS(SYS(dup2)(fd, fd), fd);
	RETURNS(SYS(close)(fd), 0);
	RETURNS(SYS(read)(100, buf, 4), 2);
	FAILS(SYS(dup)(fd), EBADF);
	FAILS(SYS(dup2)(fd, 7), EBADF);
	FAILS(SYS(dup2)(copy, -1), EBADF);
	FAILS(SYS(dup2)(copy, 1 << 24), EBADF);
	FAILS(SYS(dup)(-1), EBADF);
	/* It closes what was there. */
	RETURNS(SYS(pipe)(ends), 0);
	RETURNS(SYS(dup2)(copy, ends[1]), ends[1]);
	RETURNS(SYS(read)(ends[0], buf, 1), 0);
	RETURNS(SYS(close)(ends[0]), 0);
	RETURNS(SYS(close)(ends[1]), 0);
	RETURNS(SYS(close)(copy), 0);
	RETURNS(SYS(close)(100), 0);
}

static void
GROUP(pipes)(void)
{
	int ends[2], more[2];
	char buf[8];

	RETURNS(SYS(pipe)(ends), 0);
	CHECK(ends[0] >= 0 && ends[1] > ends[0]);
	RETURNS(SYS(write)(ends[1], "hello", 5), 5);
	RETURNS(SYS(read)(ends[0], buf, sizeof buf), 5);
	CHECK(memcmp(buf, "hello", 5) == 0);
	FAILS(SYS(read)(ends[1], buf, 1), EBADF);
	FAILS(SYS(write)(ends[0], buf, 1), EBADF);
	RETURNS(SYS(close)(ends[1]), 0);
	RETURNS(SYS(read)(ends[0], buf, 1), 0);
	RETURNS(SYS(close)(ends[0]), 0);

	RETURNS(SYS(pipe2)(ends, O_NONBLOCK | O_CLOEXEC), 0);
	FAILS(SYS(read)(ends[0], buf, 1), EAGAIN);
	RETURNS(SYS(fcntl)(ends[0], F_GETFD), FD_CLOEXEC);
	CHECK(SYS(fcntl)(ends[1], F_GETFL) == (O_WRONLY | O_NONBLOCK));
	FAILS(SYS(pipe2)(more, O_CREAT), EINVAL);
#if IN_KERNEL
	FAILS(SYS(pipe)(NULL), EFAULT);
	FAILS(SYS(pipe2)(NULL, O_CLOEXEC), EFAULT);
#endif
	RETURNS(SYS(close)(ends[0]), 0);
	RETURNS(SYS(close)(ends[1]), 0);
}

/* What is full is the process's table. */
static void
GROUP(fills)(void)
{
#if IN_KERNEL
	char handle[64];
	size_t size = sizeof handle;
#endif
	int fds[4096], count, i, ends[2], limit = (int)(sizeof fds / sizeof fds[0]);

	MAKE("file", "");
	for (count = 0; count < limit && (fds[count] = SYS(open)("file", O_RDONLY)) >= 0; count++)
		;
	if (count < limit) {
		CHECK(errno == EMFILE);
		FAILS(SYS(dup)(fds[0]), EMFILE);
		FAILS(SYS(pipe)(ends), EMFILE);
		FAILS(SYS(pipe2)(ends, 0), EMFILE);
		FAILS(SYS(openat)(AT_FDCWD, "file", O_RDONLY), EMFILE);
		FAILS(SYS(fcntl)(fds[0], F_DUPFD, 0), EMFILE);
#if IN_KERNEL
		RETURNS(rump_sys_getfh("file", handle, &size), 0);
		FAILS(rump_sys_fhopen(handle, size, O_RDONLY), EMFILE);
#endif
	} else
		CHECK(!IN_KERNEL);
	for (i = 0; i < count; i++)
		SYS(close)(fds[i]);
}

static void
GROUP(run)(void)
{
	GROUP(opening)();
	GROUP(special)();
	GROUP(duplicates)();
	GROUP(pipes)();
	GROUP(fills)();
}

#endif
