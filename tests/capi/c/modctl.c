/* What components are linked, and what NetBSD's kernel does with modules that this has not. */
#include <errno.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

int
main(void)
{
	struct rump_modstat modules[64];
	struct rump_modstat_room room = { modules, sizeof(modules) };

	RETURNS(rump_init(), 0);
	FAILS(rump_sys_modctl(4711, NULL), EINVAL);
	FAILS(rump_sys_modctl(RUMP_MODCTL_STAT, NULL), EFAULT);
	RETURNS(rump_sys_modctl(RUMP_MODCTL_STAT, &room), 0);
	CHECK(room.length % sizeof(struct rump_modstat) == 0);
	FAILS(rump_sys_modctl(RUMP_MODCTL_LOAD, (void *)(size_t)"nothing"), ENOENT);
	FAILS(rump_sys_modctl(RUMP_MODCTL_UNLOAD, (void *)(size_t)"nothing"), ENOENT);
	FAILS(rump_sys_modctl(RUMP_MODCTL_LOAD, (void *)modules[0].name), EEXIST);
	FAILS(rump_sys_modctl(RUMP_MODCTL_UNLOAD, (void *)modules[0].name), EBUSY);
	FAILS(rump_sys_ktrace("/x", 0, 0, 0), ENOSYS);
	RETURNS(rump_sys_seteuid(1), 0);
	FAILS(rump_sys_modctl(RUMP_MODCTL_LOAD, (void *)(size_t)"nothing"), EPERM);
	return checked();
}
