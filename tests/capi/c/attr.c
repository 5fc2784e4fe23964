/* chmod(2), chown(2), utimes(2), utimensat(2), umask(2). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "attr.c"
#include <sys/time.h>
#include <time.h>
#include "both.h"
#else

static void
GROUP(run)(void)
{
	struct timeval micros[2] = { { 1000, 5 }, { 2000, 6 } };
	struct timespec nanos[2] = { { 3000, 7 }, { 4000, 8 } };
	struct stat st;
	int fd, ends[2];

	MAKE("file", "");
	RETURNS(SYS(symlink)("file", "link"), 0);
	fd = SYS(open)("file", O_RDWR);
	RETURNS(SYS(chmod)("file", 0600), 0);
	RETURNS(SYS(fchmod)(fd, 0640), 0);
	RETURNS(SYS(fchmodat)(AT_FDCWD, "link", 04711, 0), 0);
	RETURNS(SYS(chown)("file", (uid_t)-1, (gid_t)-1), 0);
	RETURNS(SYS(stat)("file", &st), 0);
	CHECK((st.st_mode & 0711) == 0711);
	RETURNS(SYS(lchown)("link", st.st_uid, st.st_gid), 0);
	RETURNS(SYS(fchown)(fd, st.st_uid, st.st_gid), 0);
	RETURNS(SYS(fchownat)(AT_FDCWD, "link", st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW), 0);
	RETURNS(SYS(utimes)("file", micros), 0);
	RETURNS(SYS(stat)("file", &st), 0);
	CHECK(st.st_atime == 1000 && st.st_mtime == 2000 && st.st_mtim.tv_nsec == 6000);
	RETURNS(SYS(utimensat)(AT_FDCWD, "file", nanos, 0), 0);
	RETURNS(SYS(fstat)(fd, &st), 0);
	CHECK(st.st_atime == 3000 && st.st_atim.tv_nsec == 7 && st.st_mtim.tv_nsec == 8);
	nanos[0].tv_nsec = UTIME_OMIT;
	nanos[1].tv_nsec = UTIME_NOW;
	RETURNS(SYS(futimens)(fd, nanos), 0);
	RETURNS(SYS(fstat)(fd, &st), 0);
	CHECK(st.st_atime == 3000 && st.st_mtime > 1600000000);
	RETURNS(SYS(futimes)(fd, micros), 0);
	RETURNS(SYS(lutimes)("link", micros), 0);
	RETURNS(SYS(lstat)("link", &st), 0);
	CHECK(st.st_mtime == 2000);
	RETURNS(SYS(utimes)("file", NULL), 0);
	micros[0].tv_usec = 1000000;
	nanos[0].tv_nsec = 1000000000;
	FAILS(SYS(utimes)("file", micros), EINVAL);
	FAILS(SYS(lutimes)("link", micros), EINVAL);
	FAILS(SYS(futimes)(fd, micros), EINVAL);
	FAILS(SYS(futimens)(fd, nanos), EINVAL);
	FAILS(SYS(utimensat)(AT_FDCWD, "file", nanos, 0), EINVAL);
	FAILS(SYS(utimensat)(AT_FDCWD, "file", NULL, AT_REMOVEDIR), EINVAL);
	FAILS(SYS(fchmodat)(AT_FDCWD, "file", 0600, AT_REMOVEDIR), EINVAL);
	FAILS(SYS(fchownat)(AT_FDCWD, "file", 0, 0, AT_REMOVEDIR), EINVAL);
	RETURNS(SYS(close)(fd), 0);
	FAILS(SYS(fchmod)(fd, 0600), EBADF);
	FAILS(SYS(fchown)(fd, 0, 0), EBADF);
	FAILS(SYS(futimens)(fd, NULL), EBADF);
	FAILS(SYS(futimes)(fd, NULL), EBADF);
	PATH_FAILS(SYS(chmod)(path, 0600));
	PATH_FAILS(SYS(fchmodat)(AT_FDCWD, path, 0600, 0));
	PATH_FAILS(SYS(chown)(path, 0, 0));
	PATH_FAILS(SYS(lchown)(path, 0, 0));
	PATH_FAILS(SYS(fchownat)(AT_FDCWD, path, 0, 0, 0));
	PATH_FAILS(SYS(utimes)(path, NULL));
	PATH_FAILS(SYS(lutimes)(path, NULL));
	PATH_FAILS(SYS(utimensat)(AT_FDCWD, path, NULL, 0));
	DIR_FAILS(SYS(fchmodat)(dir, "x", 0600, 0));
	DIR_FAILS(SYS(fchownat)(dir, "x", 0, 0, 0));
	DIR_FAILS(SYS(utimensat)(dir, "x", NULL, 0));
	RETURNS(SYS(umask)(077), 022);
	RETURNS(SYS(umask)(022), 077);
#if IN_KERNEL
	RETURNS(SYS(lchmod)("link", 0700), 0);
	PATH_FAILS(SYS(lchmod)(path, 0700));
	RETURNS(SYS(pipe)(ends), 0);
	FAILS(SYS(fchmod)(ends[0], 0600), EINVAL);
	FAILS(SYS(fchown)(ends[0], 0, 0), EINVAL);
	FAILS(SYS(futimens)(ends[0], NULL), EINVAL);
	FAILS(SYS(futimes)(ends[0], NULL), EINVAL);
	RETURNS(SYS(chflags)("file", RUMP_UF_IMMUTABLE), 0);
	FAILS(SYS(unlink)("file"), EPERM);
	RETURNS(SYS(lchflags)("file", 0), 0);
	FAILS(SYS(chflags)("file", 0x80000000UL), EINVAL);
	FAILS(SYS(fchflags)(-1, 0), EBADF);
	PATH_FAILS(SYS(chflags)(path, 0));
	PATH_FAILS(SYS(revoke)(path));
	fd = SYS(open)("file", O_RDONLY);
	RETURNS(SYS(revoke)("file"), 0);
	FAILS(SYS(read)(fd, &st, 1), EIO);
#else
	(void)ends;
#endif
}

#endif
