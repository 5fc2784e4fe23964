/* read(2), write(2), lseek(2) and their like, truncate(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/uio.h>

#ifndef BODY
#define BODY "rw.c"
#include "both.h"
#else

static void
GROUP(plain)(void)
{
	char buf[16];
	struct iovec one = { buf, 1 };
	int fd, dir, ends[2];

	fd = SYS(open)("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	RETURNS(SYS(write)(fd, "0123456789", 10), 10);
	RETURNS(SYS(read)(fd, buf, sizeof buf), 0);
	RETURNS(SYS(lseek)(fd, 4, SEEK_SET), 4);
	RETURNS(SYS(read)(fd, buf, 3), 3);
	CHECK(memcmp(buf, "456", 3) == 0);
	RETURNS(SYS(read)(fd, buf, sizeof buf), 3);
	RETURNS(SYS(read)(fd, buf, 0), 0);
	RETURNS(SYS(pwrite)(fd, "ab", 2, 12), 2);
	RETURNS(SYS(pread)(fd, buf, sizeof buf, 9), 5);
	CHECK(memcmp(buf, "9\0\0ab", 5) == 0);
	RETURNS(SYS(pread)(fd, buf, sizeof buf, 14), 0);
	RETURNS(SYS(lseek)(fd, 0, SEEK_CUR), 10);
	FAILS(SYS(pread)(fd, buf, 1, -1), EINVAL);
	FAILS(SYS(pwrite)(fd, buf, 1, -1), EINVAL);
#if IN_KERNEL
	FAILS(SYS(read)(fd, NULL, 1), EFAULT);
	FAILS(SYS(write)(fd, NULL, 1), EFAULT);
	FAILS(SYS(pread)(fd, NULL, 1, 0), EFAULT);
	FAILS(SYS(pwrite)(fd, NULL, 1, 0), EFAULT);
	FAILS(SYS(read)(fd, buf, SIZE_MAX), EINVAL);
	FAILS(SYS(write)(fd, buf, SIZE_MAX), EINVAL);
#endif
	/* Where no file is. */
	#if IN_KERNEL
	FAILS(SYS(pwrite)(fd, "x", 1, (off_t)INT64_MAX), EFBIG);
	RETURNS(SYS(lseek)(fd, (off_t)INT64_MAX, SEEK_SET), (off_t)INT64_MAX);
	FAILS(SYS(write)(fd, "x", 1), EFBIG);
	FAILS(SYS(writev)(fd, &one, 1), EFBIG);
	FAILS(SYS(pwritev)(fd, &one, 1, (off_t)INT64_MAX), EFBIG);
#else
	FAILS(SYS(pwrite)(fd, "x", 1, (off_t)INT64_MAX), EINVAL);
	(void)one;
#endif
	RETURNS(SYS(close)(fd), 0);
	FAILS(SYS(read)(fd, buf, 1), EBADF);
	FAILS(SYS(write)(fd, buf, 1), EBADF);
	FAILS(SYS(pread)(fd, buf, 1, 0), EBADF);
	FAILS(SYS(pwrite)(fd, buf, 1, 0), EBADF);
	FAILS(SYS(read)(-1, buf, 1), EBADF);

	fd = SYS(open)("file", O_RDONLY);
	FAILS(SYS(write)(fd, buf, 1), EBADF);
	FAILS(SYS(pwrite)(fd, buf, 1, 0), EBADF);
	RETURNS(SYS(close)(fd), 0);
	fd = SYS(open)("file", O_WRONLY);
	FAILS(SYS(read)(fd, buf, 1), EBADF);
	FAILS(SYS(pread)(fd, buf, 1, 0), EBADF);
	RETURNS(SYS(close)(fd), 0);

	dir = SYS(open)(".", O_RDONLY);
	FAILS(SYS(read)(dir, buf, 1), EISDIR);
	FAILS(SYS(pread)(dir, buf, 1, 0), EISDIR);
	RETURNS(SYS(close)(dir), 0);

	RETURNS(SYS(pipe2)(ends, O_NONBLOCK), 0);
	FAILS(SYS(pread)(ends[0], buf, 1, 0), ESPIPE);
	FAILS(SYS(pwrite)(ends[1], buf, 1, 0), ESPIPE);
	FAILS(SYS(read)(ends[0], buf, 1), EAGAIN);
	while (SYS(write)(ends[1], long_path, sizeof long_path) > 0)
		;
	FAILS(SYS(write)(ends[1], long_path, sizeof long_path), EAGAIN);
	one.iov_base = long_path;
	one.iov_len = sizeof long_path;
	FAILS(SYS(writev)(ends[1], &one, 1), EAGAIN);
	RETURNS(SYS(close)(ends[0]), 0);
	FAILS(SYS(write)(ends[1], buf, 1), EPIPE);
	RETURNS(SYS(close)(ends[1]), 0);
}

static void
GROUP(vectors)(void)
{
	static struct iovec many[1025];
	struct iovec two[2];
	/* Compilers know better. */
	volatile int negative = -1;
	char first[4], second[8];
	int fd, dir, ends[2];

	two[0].iov_base = first;
	two[0].iov_len = sizeof first;
	two[1].iov_base = second;
	two[1].iov_len = sizeof second;
	fd = SYS(open)("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	memcpy(first, "abcd", 4);
	memcpy(second, "efghijkl", 8);
	RETURNS(SYS(writev)(fd, two, 2), 12);
	RETURNS(SYS(pwritev)(fd, two, 1, 12), 4);
	RETURNS(SYS(lseek)(fd, 1, SEEK_SET), 1);
	RETURNS(SYS(readv)(fd, two, 2), 12);
	CHECK(memcmp(first, "bcde", 4) == 0 && memcmp(second, "fghijkla", 8) == 0);
	RETURNS(SYS(readv)(fd, two, 2), 3);
	CHECK(memcmp(first, "bcd", 3) == 0);
	RETURNS(SYS(preadv)(fd, two, 2, 10), 6);
	CHECK(memcmp(first, "klab", 4) == 0 && memcmp(second, "cd", 2) == 0);
	RETURNS(SYS(readv)(fd, two, 0), 0);
	RETURNS(SYS(writev)(fd, two, 0), 0);

	FAILS(SYS(readv)(fd, two, negative), EINVAL);
	FAILS(SYS(writev)(fd, two, negative), EINVAL);
	FAILS(SYS(readv)(fd, many, 1025), EINVAL);
	FAILS(SYS(writev)(fd, many, 1025), EINVAL);
	RETURNS(SYS(writev)(fd, many, 1024), 0);
	FAILS(SYS(preadv)(fd, many, 1025, 0), EINVAL);
	FAILS(SYS(pwritev)(fd, many, 1025, 0), EINVAL);
	FAILS(SYS(preadv)(fd, two, 2, -1), EINVAL);
	FAILS(SYS(pwritev)(fd, two, 2, -1), EINVAL);
#if IN_KERNEL
	/* The host looks at addresses first. */
	two[0].iov_len = two[1].iov_len = (size_t)SSIZE_MAX;
	FAILS(SYS(readv)(fd, two, 2), EINVAL);
	FAILS(SYS(writev)(fd, two, 2), EINVAL);
	two[0].iov_len = sizeof first;
	two[1].iov_len = sizeof second;
	FAILS(SYS(readv)(fd, NULL, 1), EFAULT);
	FAILS(SYS(preadv)(fd, NULL, 1, 0), EFAULT);
	FAILS(SYS(writev)(fd, NULL, 1), EFAULT);
	FAILS(SYS(pwritev)(fd, NULL, 1, 0), EFAULT);
	two[0].iov_base = NULL;
	FAILS(SYS(readv)(fd, two, 2), EFAULT);
	FAILS(SYS(writev)(fd, two, 2), EFAULT);
	two[0].iov_base = first;
#endif
	RETURNS(SYS(close)(fd), 0);
	FAILS(SYS(readv)(fd, two, 2), EBADF);
	FAILS(SYS(writev)(fd, two, 2), EBADF);
	FAILS(SYS(preadv)(fd, two, 2, 0), EBADF);
	FAILS(SYS(pwritev)(fd, two, 2, 0), EBADF);
	dir = SYS(open)(".", O_RDONLY);
	FAILS(SYS(readv)(dir, two, 2), EISDIR);
	FAILS(SYS(preadv)(dir, two, 2, 0), EISDIR);
	RETURNS(SYS(close)(dir), 0);
	RETURNS(SYS(pipe2)(ends, O_NONBLOCK), 0);
	FAILS(SYS(readv)(ends[0], two, 2), EAGAIN);
	FAILS(SYS(preadv)(ends[0], two, 2, 0), ESPIPE);
	FAILS(SYS(pwritev)(ends[1], two, 2, 0), ESPIPE);
	RETURNS(SYS(writev)(ends[1], two, 2), 12);
	RETURNS(SYS(close)(ends[0]), 0);
	FAILS(SYS(writev)(ends[1], two, 2), EPIPE);
	RETURNS(SYS(close)(ends[1]), 0);
}

static void
GROUP(seeking)(void)
{
	int fd, ends[2];

	fd = SYS(open)("holes", O_RDWR | O_CREAT, 0644);
	RETURNS(SYS(ftruncate)(fd, 1 << 20), 0);
	RETURNS(SYS(pwrite)(fd, "data", 4, 1 << 19), 4);
	RETURNS(SYS(lseek)(fd, -4, SEEK_END), (1 << 20) - 4);
	RETURNS(SYS(lseek)(fd, 2, SEEK_CUR), (1 << 20) - 2);
	RETURNS(SYS(lseek)(fd, 1 << 21, SEEK_SET), 1 << 21);
	FAILS(SYS(lseek)(fd, -1, SEEK_SET), EINVAL);
	FAILS(SYS(lseek)(fd, -(1 << 22), SEEK_CUR), EINVAL);
	FAILS(SYS(lseek)(fd, 0, 77), EINVAL);
	if (IN_KERNEL)
		FAILS(SYS(lseek)(fd, (off_t)INT64_MAX, SEEK_CUR), EOVERFLOW);
#ifdef SEEK_DATA
	RETURNS(SYS(lseek)(fd, 0, SEEK_DATA), 1 << 19);
	RETURNS(SYS(lseek)(fd, 0, SEEK_HOLE), 0);
	CHECK(SYS(lseek)(fd, 1 << 19, SEEK_HOLE) > 1 << 19);
	FAILS(SYS(lseek)(fd, 1 << 20, SEEK_DATA), ENXIO);
	FAILS(SYS(lseek)(fd, 1 << 20, SEEK_HOLE), ENXIO);
#endif
	RETURNS(SYS(close)(fd), 0);
	FAILS(SYS(lseek)(fd, 0, SEEK_SET), EBADF);
	RETURNS(SYS(pipe)(ends), 0);
	FAILS(SYS(lseek)(ends[0], 0, SEEK_SET), ESPIPE);
	RETURNS(SYS(close)(ends[0]), 0);
	RETURNS(SYS(close)(ends[1]), 0);
}

static void
GROUP(sizes)(void)
{
	struct stat st;
	char buf[8];
	int fd, ends[2];

	MAKE("file", "0123456789");
	RETURNS(SYS(truncate)("file", 3), 0);
	RETURNS(SYS(truncate)("file", 6), 0);
	fd = SYS(open)("file", O_RDWR);
	RETURNS(SYS(read)(fd, buf, sizeof buf), 6);
	CHECK(memcmp(buf, "012\0\0\0", 6) == 0);
	RETURNS(SYS(ftruncate)(fd, 1), 0);
	RETURNS(SYS(fstat)(fd, &st), 0);
	CHECK(st.st_size == 1);
	FAILS(SYS(ftruncate)(fd, -1), EINVAL);
	FAILS(SYS(truncate)("file", -1), EINVAL);
	RETURNS(SYS(close)(fd), 0);
	FAILS(SYS(ftruncate)(fd, 1), EBADF);
	fd = SYS(open)("file", O_RDONLY);
	FAILS(SYS(ftruncate)(fd, 1), EINVAL);
	RETURNS(SYS(close)(fd), 0);
	RETURNS(SYS(pipe)(ends), 0);
	FAILS(SYS(ftruncate)(ends[1], 1), EINVAL);
	RETURNS(SYS(close)(ends[0]), 0);
	RETURNS(SYS(close)(ends[1]), 0);
	RETURNS(SYS(mkdir)("dir", 0755), 0);
	FAILS(SYS(truncate)("dir", 1), EISDIR);
	RETURNS(SYS(mkfifo)("fifo", 0644), 0);
	FAILS(SYS(truncate)("fifo", 1), EINVAL);
	PATH_FAILS(SYS(truncate)(path, 1));
}

static void
GROUP(run)(void)
{
	signal(SIGPIPE, SIG_IGN);
	GROUP(plain)();
	GROUP(vectors)();
	GROUP(seeking)();
	GROUP(sizes)();
}

#endif
