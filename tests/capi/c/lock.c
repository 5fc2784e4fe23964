/* fcntl(2), flock(2), dup3(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "lock.c"
#include <sys/file.h>
#include "both.h"
#else

static void
GROUP(run)(void)
{
	struct flock lock;
	int first, second, ends[2];

	MAKE("file", "abc");
	first = SYS(open)("file", O_RDWR);
	second = SYS(open)("file", O_RDONLY);
	RETURNS(SYS(flock)(first, LOCK_EX), 0);
	FAILS(SYS(flock)(second, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	RETURNS(SYS(flock)(first, LOCK_UN), 0);
	RETURNS(SYS(flock)(second, LOCK_SH | LOCK_NB), 0);
	RETURNS(SYS(flock)(second, LOCK_UN), 0);
	FAILS(SYS(flock)(first, 77), EINVAL);
	FAILS(SYS(flock)(-1, LOCK_SH), EBADF);
	memset(&lock, 0, sizeof lock);
	lock.l_type = F_WRLCK;
	lock.l_whence = SEEK_SET;
	lock.l_len = 2;
	RETURNS(SYS(fcntl)(first, F_SETLK, &lock), 0);
	RETURNS(SYS(fcntl)(first, F_GETLK, &lock), 0);
	CHECK(lock.l_type == F_UNLCK);
	lock.l_type = F_WRLCK;
	FAILS(SYS(fcntl)(second, F_SETLKW, &lock), EBADF);
	lock.l_start = -1;
	FAILS(SYS(fcntl)(first, F_SETLK, &lock), EINVAL);
	RETURNS(SYS(fcntl)(first, F_SETFD, FD_CLOEXEC), 0);
	RETURNS(SYS(fcntl)(first, F_GETFD), FD_CLOEXEC);
	RETURNS(SYS(fcntl)(first, F_SETFL, O_APPEND), 0);
	CHECK((SYS(fcntl)(first, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_RDWR | O_APPEND));
	RETURNS(SYS(fcntl)(first, F_DUPFD, 50), 50);
	RETURNS(SYS(fcntl)(first, F_DUPFD_CLOEXEC, 50), 51);
	FAILS(SYS(fcntl)(first, F_DUPFD, -1), EINVAL);
	FAILS(SYS(fcntl)(first, 7777), EINVAL);
	FAILS(SYS(fcntl)(-1, F_GETFD), EBADF);
	RETURNS(SYS(dup3)(first, 60, O_CLOEXEC), 60);
	RETURNS(SYS(fcntl)(60, F_GETFD), FD_CLOEXEC);
	FAILS(SYS(dup3)(first, first, 0), EINVAL);
	FAILS(SYS(dup3)(first, 61, O_CREAT), EINVAL);
	FAILS(SYS(dup3)(-1, 61, 0), EBADF);
	lock.l_type = F_RDLCK;
	lock.l_start = (off_t)0x7fffffffffffffffLL;
	lock.l_len = 2;
	FAILS(SYS(fcntl)(first, F_SETLK, &lock), EOVERFLOW);
	lock.l_start = 0;
	lock.l_type = 77;
	FAILS(SYS(fcntl)(first, F_SETLK, &lock), EINVAL);
#if IN_KERNEL
	/* No signal tells of input, and nobody is promised one. */
	FAILS(SYS(fcntl)(first, F_SETOWN, getpid()), EINVAL);
	FAILS(SYS(fcntl)(first, F_GETOWN), EINVAL);
	FAILS(SYS(fcntl)(first, F_SETLK, NULL), EFAULT);
	RETURNS(SYS(pipe)(ends), 0);
	FAILS(SYS(flock)(ends[0], LOCK_SH), EOPNOTSUPP);
	lock.l_type = F_RDLCK;
	FAILS(SYS(fcntl)(ends[0], F_SETLK, &lock), EINVAL);
#else
	(void)ends;
#endif
}

#endif
