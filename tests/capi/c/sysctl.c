/* What the kernel tells of itself. */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

int
main(void)
{
	struct utsname names;
	static const int hostname[] = { 1, 10 }, ostype[] = { 1, 1 }, nothing[] = { 1, 4711 }, below[] = { 1, 1, 1 };
	char text[64], long_name[4000];
	size_t length = sizeof(text);

	memset(long_name, 'n', sizeof(long_name));
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_sysctlbyname("kern.hostname", NULL, NULL, "here", 4), 0);
	RETURNS(rump_sys___sysctl(hostname, 2, text, &length, NULL, 0), 0);
	CHECK(length == 5 && strcmp(text, "here") == 0);
	length = 0;
	RETURNS(rump_sys___sysctl(hostname, 2, NULL, &length, NULL, 0), 0);
	CHECK(length == 5);
	length = 2;
	FAILS(rump_sys___sysctl(hostname, 2, text, &length, NULL, 0), ENOMEM);
	CHECK(memcmp(text, "he", 2) == 0);
	FAILS(rump_sys___sysctl(nothing, 2, NULL, &length, NULL, 0), ENOENT);
	FAILS(rump_sys___sysctl(ostype, 1, NULL, &length, NULL, 0), EISDIR);
	FAILS(rump_sys___sysctl(ostype, 0, NULL, &length, NULL, 0), EINVAL);
	FAILS(rump_sys___sysctl(ostype, 13, NULL, &length, NULL, 0), EINVAL);
	FAILS(rump_sys___sysctl(NULL, 2, NULL, &length, NULL, 0), EFAULT);
	FAILS(rump_sys___sysctl(ostype, 2, text, NULL, NULL, 0), EFAULT);
	FAILS(rump_sys___sysctl(ostype, 2, NULL, NULL, "x", 1), EPERM);
	FAILS(rump_sys_sysctlbyname(NULL, NULL, NULL, NULL, 0), EFAULT);
	FAILS(rump_sys_sysctlbyname("kern.nothing", NULL, &length, NULL, 0), ENOENT);
	FAILS(rump_sys_sysctlbyname("kern.ostype.x", NULL, &length, NULL, 0), ENOTDIR);
	FAILS(rump_sys___sysctl(below, 3, NULL, &length, NULL, 0), ENOTDIR);
	FAILS(rump_sys_sysctlbyname("kern", NULL, &length, NULL, 0), EISDIR);
	length = 2;
	FAILS(rump_sys_sysctlbyname("kern.hostname", text, &length, NULL, 0), ENOMEM);
	FAILS(rump_sys_sysctlbyname("kern.hostname", NULL, NULL, long_name, sizeof(long_name)), EINVAL);
	RETURNS(rump_sys_uname(&names), 0);
	CHECK(strcmp(names.nodename, "here") == 0 && names.sysname[0] != 0 && names.release[0] != 0);
	FAILS(rump_sys_uname(NULL), EFAULT);
	RETURNS(rump_sys_seteuid(1), 0);
	FAILS(rump_sys_sysctlbyname("kern.hostname", NULL, NULL, "there", 5), EPERM);
	return checked();
}
