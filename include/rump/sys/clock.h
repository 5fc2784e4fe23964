/* Clocks of the kernel, sleeping, and timers. Structures and numbers are the host's. */
#ifndef RUMP_SYS_CLOCK_H
#define RUMP_SYS_CLOCK_H

#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct itimerspec;
struct itimerval;
struct sigevent;
struct timespec;
struct timeval;

/**
 * Tells what a clock says: CLOCK_REALTIME or CLOCK_MONOTONIC.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (another clock: there are none of processor time), EFAULT (null)
 */
int rump_sys_clock_gettime(clockid_t clock, struct timespec *time);

/**
 * Tells what the steps of a clock are, unless the place is null.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (another clock)
 */
int rump_sys_clock_getres(clockid_t clock, struct timespec *step);

/**
 * Sets the clock of real time, which is the kernel's own; the host's stays.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (another clock), EFAULT (null), EINVAL (no time), EPERM (not the superuser)
 */
int rump_sys_clock_settime(clockid_t clock, const struct timespec *time);

/**
 * Tells the time since 1970, and sets it, in microseconds. A null time is neither told nor set. There are no time zones.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (of settimeofday, no time), EPERM (of settimeofday, not the superuser)
 */
int rump_sys_gettimeofday(struct timeval *time, void *zone);
int rump_sys_settimeofday(const struct timeval *time, const void *zone);

/**
 * Sleeps. When it is interrupted, what was left is stored, unless the place is null.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EINVAL (no time), EINTR
 */
int rump_sys_nanosleep(const struct timespec *time, struct timespec *left);

/**
 * Sleeps by a clock: so long, or with TIMER_ABSTIME until it says so.
 *
 * @returns 0, or the error number
 * @errors EINVAL (another flag), EFAULT (null), EINVAL (no time, or another clock), EINTR
 */
int rump_sys_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left);

/**
 * Tells how the timer of real time (ITIMER_REAL) is set, which raises SIGALRM, and sets it; how it was before is stored unless
 * the place is null.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (another timer, or no time), EFAULT (null)
 */
int rump_sys_getitimer(int which, struct itimerval *value);
int rump_sys_setitimer(int which, const struct itimerval *value, struct itimerval *before);

/**
 * Makes a timer, which is off. It raises what the event says (SIGEV_SIGNAL or SIGEV_NONE), without one SIGALRM.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such clock, or another way of telling), EFAULT (null), EAGAIN (32 timers)
 */
int rump_sys_timer_create(clockid_t clock, struct sigevent *event, int *timer);

/**
 * Sets a timer: to so long from now, or with TIMER_ABSTIME to a moment; zero turns it off. How it was before is stored unless
 * the place is null.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such timer, or another flag), EFAULT (null), EINVAL (no time)
 */
int rump_sys_timer_settime(int timer, int flags, const struct itimerspec *value, struct itimerspec *before);

/**
 * Tells how long it is until a timer goes off.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such timer), EFAULT (null)
 */
int rump_sys_timer_gettime(int timer, struct itimerspec *value);

/**
 * Tells how often a timer went off for which there was no signal of its own.
 *
 * @returns how often; -1 and errno
 * @errors EINVAL (no such timer)
 */
int rump_sys_timer_getoverrun(int timer);

/**
 * Deletes a timer.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (no such timer)
 */
int rump_sys_timer_delete(int timer);

#ifdef __cplusplus
}
#endif

#endif
