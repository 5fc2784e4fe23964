/* Who a process of the kernel is: users and groups, process groups and sessions, limits. */
#ifndef RUMP_SYS_IDS_H
#define RUMP_SYS_IDS_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rlimit;

/**
 * Tells the number of the process that the thread makes its calls in.
 *
 * @returns the number; -1 and errno
 */
pid_t rump_sys_getpid(void);

/**
 * Tells the number of the parent, 1 once that has ended, and 0 of the first process.
 *
 * @returns the number; -1 and errno
 */
pid_t rump_sys_getppid(void);

/**
 * Tells the real and the effective user, the real and the effective group.
 *
 * @returns the number
 */
uid_t rump_sys_getuid(void);
uid_t rump_sys_geteuid(void);
gid_t rump_sys_getgid(void);
gid_t rump_sys_getegid(void);

/**
 * Tells whether a system call changed who the process is.
 *
 * @returns 1 or 0; -1 and errno
 */
int rump_sys_issetugid(void);

/**
 * Makes the effective user, or group, that one; setuid and setgid of the superuser make the real and the saved one that, too.
 *
 * @returns 0; -1 and errno
 * @errors EPERM (not the superuser, and neither the real nor the saved one)
 */
int rump_sys_setuid(uid_t uid);
int rump_sys_seteuid(uid_t uid);
int rump_sys_setgid(gid_t gid);
int rump_sys_setegid(gid_t gid);

/**
 * Makes the real and the effective user, or group, those; -1 leaves one as it is.
 *
 * @returns 0; -1 and errno
 * @errors EPERM (not the superuser, and none of those that it is)
 */
int rump_sys_setreuid(uid_t real, uid_t effective);
int rump_sys_setregid(gid_t real, gid_t effective);

/**
 * Stores the supplementary groups; without room, tells how many there are.
 *
 * @returns how many there are; -1 and errno
 * @errors EINVAL (a negative number, or too little room), EFAULT (null)
 */
int rump_sys_getgroups(int room, gid_t *groups);

/**
 * Changes the supplementary groups.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (a negative number, or too many), EFAULT (null), EPERM (not the superuser)
 */
int rump_sys_setgroups(int count, const gid_t *groups);

/**
 * Tells the process group of the process, or of that with a number; zero is the process itself.
 *
 * @returns the number of the group; -1 and errno
 * @errors ESRCH (of pid, which no process has)
 */
pid_t rump_sys_getpgrp(void);
pid_t rump_sys_getpgid(pid_t pid);

/**
 * Moves the process, or a child, to a process group of its session; zero stands for the process, and for a group of its own.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (a negative group), ESRCH (no such process, or not a child), EPERM (it leads a session, is in another one, or
 * the session has no such group)
 */
int rump_sys_setpgid(pid_t pid, pid_t group);

/**
 * Tells the session of the process with a number; zero is the process itself.
 *
 * @returns the number of its leader; -1 and errno
 * @errors ESRCH (no such process)
 */
pid_t rump_sys_getsid(pid_t pid);

/**
 * Begins a session and a process group, which the process leads.
 *
 * @returns their number; -1 and errno
 * @errors EPERM (it leads a process group)
 */
pid_t rump_sys_setsid(void);

/**
 * Tells how a resource is limited.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such resource), EFAULT (null)
 */
int rump_sys_getrlimit(int resource, struct rlimit *limit);

/**
 * Limits a resource. Descriptors and the size of files are limited; the other limits are kept and inherited.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such resource), EFAULT (null), EINVAL (the soft limit is above the hard one), EPERM (a higher hard limit,
 * but for the superuser)
 */
int rump_sys_setrlimit(int resource, const struct rlimit *limit);

#ifdef __cplusplus
}
#endif

#endif
