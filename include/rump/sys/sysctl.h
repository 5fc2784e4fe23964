/* What the kernel tells of itself. Names have NetBSD's numbers. */
#ifndef RUMP_SYS_SYSCTL_H
#define RUMP_SYS_SYSCTL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct utsname;

/**
 * Tells the value of a name, of which as much is copied as fits, and changes it. The length becomes that of the whole value;
 * with a null place for the value that is all that is told. sysctlbyname takes a name such as "kern.hostname".
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EINVAL (no numbers, or more than 12), ENOENT, ENOTDIR, EISDIR (it is not a value's), EPERM (it cannot
 * be changed, or not by this user), EINVAL (the new value makes no sense), ENOMEM (it does not fit)
 */
int rump_sys___sysctl(const int *name, unsigned int count, void *old_value, size_t *old_length, const void *new_value,
    size_t new_length);
int rump_sys_sysctlbyname(const char *name, void *old_value, size_t *old_length, const void *new_value, size_t new_length);

/**
 * Tells the names of the kernel.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null)
 */
int rump_sys_uname(struct utsname *names);

/* Operations of rump_sys_modctl, and a component as it tells of them. */
#define RUMP_MODCTL_LOAD 0
#define RUMP_MODCTL_UNLOAD 1
#define RUMP_MODCTL_STAT 2

struct rump_modstat {
	char name[64];
	int class_;		/* what it is, by NetBSD's number */
	unsigned int references;
};

/* Room for components: so many bytes, which become how many all of them take. */
struct rump_modstat_room {
	struct rump_modstat *base;
	size_t length;
};

/**
 * Tells which components are linked (RUMP_MODCTL_STAT, with a struct rump_modstat_room). By name none is loaded or unloaded:
 * components are libraries, which are linked or loaded by dlopen(3).
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (another operation), EFAULT (null), EPERM (not the superuser), EEXIST (loading one that is linked), ENOENT (it
 * is not linked), EBUSY (unloading)
 */
int rump_sys_modctl(int operation, void *argument);

/**
 * Nothing is traced.
 *
 * @returns -1 and errno
 * @errors ENOSYS
 */
int rump_sys_ktrace(const char *path, int operation, int points, int pid);

#ifdef __cplusplus
}
#endif

#endif
