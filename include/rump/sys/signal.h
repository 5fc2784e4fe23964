/*
 * Signals that a kernel keeps. It does where RUMP_SIGMODEL_RECORD is what becomes of them (rump_boot_setsigmodel); with the other
 * models there are none. Sets (sigset_t), structures (siginfo_t) and numbers are the host's.
 */
#ifndef RUMP_SYS_SIGNAL_H
#define RUMP_SYS_SIGNAL_H

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;

/**
 * Tells which signals were raised for the process and not taken yet.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null)
 */
int rump_sys_sigpending(void *set);

/**
 * Takes a signal of a set, or waits for one, for a time at most, or for ever if that is null. Of a signal that was raised several
 * times before it was taken there is one. Its number is stored as si_signo as well, unless info is null.
 *
 * @returns the number of the signal; -1 and errno
 * @errors EFAULT (null), EINVAL (no time), EINTR (a signal was raised that is not in the set), EAGAIN (the time is over)
 */
int rump_sys_sigtimedwait(const void *set, void *info, const struct timespec *timeout);

#ifdef __cplusplus
}
#endif

#endif
