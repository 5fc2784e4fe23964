/* Users, groups, process groups, sessions and limits. */
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

int
main(void)
{
	gid_t groups[3] = { 7, 8, 9 }, found[3];
	struct rlimit limit;
	uid_t same = (uid_t)-1;

	FAILS(rump_sys_getpid(), ENXIO);
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_getpid(), 1);
	RETURNS(rump_sys_issetugid(), 0);
	RETURNS(rump_sys_getppid(), 0);
	RETURNS(rump_sys_getpgrp(), 1);
	RETURNS(rump_sys_getpgid(0), 1);
	RETURNS(rump_sys_getpgid(1), 1);
	FAILS(rump_sys_getpgid(77), ESRCH);
	FAILS(rump_sys_getpgid(-3), ESRCH);
	RETURNS(rump_sys_getsid(0), 1);
	FAILS(rump_sys_getsid(77), ESRCH);
	FAILS(rump_sys_setsid(), EPERM);
	FAILS(rump_sys_setpgid(0, -1), EINVAL);
	FAILS(rump_sys_setpgid(77, 0), ESRCH);
	FAILS(rump_sys_setpgid(0, 0), EPERM);

	RETURNS(rump_sys_getgroups(0, NULL), 0);
	RETURNS(rump_sys_setgroups(3, groups), 0);
	RETURNS(rump_sys_getgroups(0, NULL), 3);
	FAILS(rump_sys_getgroups(2, found), EINVAL);
	FAILS(rump_sys_getgroups(-1, found), EINVAL);
	FAILS(rump_sys_getgroups(3, NULL), EFAULT);
	RETURNS(rump_sys_getgroups(3, found), 3);
	CHECK(found[0] == 7 && found[1] == 8 && found[2] == 9);
	FAILS(rump_sys_setgroups(3, NULL), EFAULT);
	FAILS(rump_sys_setgroups(-1, groups), EINVAL);
	FAILS(rump_sys_setgroups(100000, groups), EINVAL);

	FAILS(rump_sys_getrlimit(4711, &limit), EINVAL);
	FAILS(rump_sys_getrlimit(RLIMIT_NOFILE, NULL), EFAULT);
	FAILS(rump_sys_setrlimit(4711, &limit), EINVAL);
	FAILS(rump_sys_setrlimit(RLIMIT_NOFILE, NULL), EFAULT);
	RETURNS(rump_sys_getrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK(limit.rlim_cur == RLIM_INFINITY && limit.rlim_max == RLIM_INFINITY);
	limit.rlim_cur = 3;
	limit.rlim_max = 2;
	FAILS(rump_sys_setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	limit.rlim_max = 64;
	RETURNS(rump_sys_setrlimit(RLIMIT_NOFILE, &limit), 0);
	RETURNS(rump_sys_kqueue(), 0);
	RETURNS(rump_sys_kqueue(), 1);
	RETURNS(rump_sys_kqueue(), 2);
	FAILS(rump_sys_kqueue(), EMFILE);

	RETURNS(rump_sys_getuid(), 0);
	RETURNS(rump_sys_setregid(5, 6), 0);
	RETURNS(rump_sys_getgid(), 5);
	RETURNS(rump_sys_getegid(), 6);
	RETURNS(rump_sys_setegid(5), 0);
	RETURNS(rump_sys_setgid(11), 0);
	RETURNS(rump_sys_seteuid(1000), 0);
	RETURNS(rump_sys_geteuid(), 1000);
	RETURNS(rump_sys_getuid(), 0);
	RETURNS(rump_sys_issetugid(), 1);
	FAILS(rump_sys_setgid(12), EPERM);
	FAILS(rump_sys_setegid(12), EPERM);
	FAILS(rump_sys_setregid((gid_t)-1, 12), EPERM);
	FAILS(rump_sys_setgroups(1, groups), EPERM);
	limit.rlim_max = 65;
	FAILS(rump_sys_setrlimit(RLIMIT_NOFILE, &limit), EPERM);
	RETURNS(rump_sys_setreuid(same, 0), 0);
	RETURNS(rump_sys_setuid(1001), 0);
	RETURNS(rump_sys_getuid(), 1001);
	FAILS(rump_sys_setuid(0), EPERM);
	FAILS(rump_sys_seteuid(0), EPERM);
	FAILS(rump_sys_setreuid(0, same), EPERM);
	return checked();
}
