/* getdents(2), chdir(2), getcwd(3): the host's getdents64 has the same records. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "dirents.c"
#include <dirent.h>
#include <sys/syscall.h>
#include "both.h"
#else

#undef LIST
#undef PLACE
#if IN_KERNEL
#define PLACE "/test"
#define LIST(fd, buf, size) rump_sys_getdents(fd, buf, size)
#else
#define PLACE host_place
static char host_place[128];
#define LIST(fd, buf, size) syscall(SYS_getdents64, fd, buf, size)
#endif

static void
GROUP(run)(void)
{
	/* As aligned as the records are. */
	static long long space[512];
	char *buf = (char *)space, cwd[128];
	int fd, dir, file, count = 0, dots = 0, length, at;
	struct stat st;
	off_t after = 0;
	char name[16];

#if !IN_KERNEL
	CHECK(getcwd(host_place, sizeof host_place) != NULL);
#endif
	MAKE("file", "");
	RETURNS(SYS(mkdir)("dir", 0755), 0);
	RETURNS(SYS(chdir)("dir"), 0);
	for (at = 0; at < 40; at++) {
		snprintf(name, sizeof name, "entry%d", at);
		MAKE(name, "");
	}
	RETURNS(SYS(chdir)(".."), 0);
	dir = SYS(open)("dir", O_RDONLY);
	while ((length = (int)LIST(dir, buf, 128)) > 0)
		for (at = 0; at < length;) {
			struct dirent *entry = (struct dirent *)(void *)(buf + at);

			CHECK(entry->d_reclen % 8 == 0 && entry->d_reclen > strlen(entry->d_name));
			if (entry->d_name[0] == '.')
				dots += entry->d_type == DT_DIR;
			else {
				count++;
				CHECK(entry->d_type == DT_REG);
				RETURNS(SYS(fstatat)(dir, entry->d_name, &st, 0), 0);
				CHECK(st.st_ino == entry->d_ino);
				if (count == 20)
					after = entry->d_off;
			}
			at += entry->d_reclen;
		}
	RETURNS(length, 0);
	CHECK(count == 40 && dots == 2);
	RETURNS(SYS(lseek)(dir, after, SEEK_SET), after);
	CHECK(LIST(dir, buf, sizeof space) > 0);
	RETURNS(SYS(lseek)(dir, 0, SEEK_SET), 0);
	FAILS(LIST(dir, buf, 8), EINVAL);
	file = SYS(open)("file", O_RDONLY);
	FAILS(LIST(file, buf, 128), ENOTDIR);
	RETURNS(SYS(close)(file), 0);
	FAILS(LIST(file, buf, 128), EBADF);
	RETURNS(SYS(fchdir)(dir), 0);
	RETURNS(SYS(close)(dir), 0);
	FAILS(SYS(fchdir)(dir), EBADF);
#if IN_KERNEL
	RETURNS(SYS(getcwd)(cwd, sizeof cwd), 10);
	CHECK(strcmp(cwd, "/test/dir") == 0);
	FAILS(SYS(getcwd)(cwd, 9), ERANGE);
	FAILS(SYS(getcwd)(NULL, sizeof cwd), EFAULT);
#else
	CHECK(getcwd(cwd, sizeof cwd) != NULL);
#endif
	RETURNS(SYS(chdir)(".."), 0);
	/* What was removed has no entries, and is nowhere. */
	RETURNS(SYS(mkdir)("gone", 0755), 0);
	dir = SYS(open)("gone", O_RDONLY);
	RETURNS(SYS(chdir)("gone"), 0);
	RETURNS(SYS(rmdir)("../gone"), 0);
#if IN_KERNEL
	RETURNS(LIST(dir, buf, 128), 0);
	FAILS(SYS(getcwd)(cwd, sizeof cwd), ENOENT);
	FAILS(SYS(getdents)(dir, NULL, 128), EFAULT);
#else
	FAILS(LIST(dir, buf, 128), ENOENT);
#endif
	RETURNS(SYS(close)(dir), 0);
	RETURNS(SYS(chdir)(PLACE), 0);
	fd = SYS(open)("file", O_RDONLY);
	FAILS(SYS(fchdir)(fd), ENOTDIR);
	RETURNS(SYS(close)(fd), 0);
	FAILS(SYS(chdir)("file"), ENOTDIR);
	PATH_FAILS(SYS(chdir)(path));
}

#endif
