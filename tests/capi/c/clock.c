/* Clocks, sleeping, timers and semaphores. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

static volatile sig_atomic_t alarms, users;

static void
count_alarm(int number)
{
	if (number == SIGALRM)
		alarms++;
	else
		users++;
}

static void
clocks(void)
{
	struct timespec time, later, wrong = { 0, 1000000000 }, short_time = { 0, 2000000 };
	struct timeval tv, wrong_tv = { 0, 1000000 };

	FAILS(rump_sys_clock_gettime(4711, &time), EINVAL);
	FAILS(rump_sys_clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), EINVAL);
	FAILS(rump_sys_clock_gettime(CLOCK_REALTIME, NULL), EFAULT);
	RETURNS(rump_sys_clock_gettime(CLOCK_MONOTONIC, &time), 0);
	FAILS(rump_sys_nanosleep(NULL, NULL), EFAULT);
	FAILS(rump_sys_nanosleep(&wrong, NULL), EINVAL);
	RETURNS(rump_sys_nanosleep(&short_time, NULL), 0);
	RETURNS(rump_sys_clock_gettime(CLOCK_MONOTONIC, &later), 0);
	CHECK((later.tv_sec - time.tv_sec) * 1000000000L + later.tv_nsec - time.tv_nsec >= 2000000);
	RETURNS(rump_sys_clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0);
	RETURNS(rump_sys_clock_nanosleep(CLOCK_MONOTONIC, 0x10, &time, NULL), EINVAL);
	RETURNS(rump_sys_clock_nanosleep(4711, 0, &time, NULL), EINVAL);
	RETURNS(rump_sys_clock_nanosleep(CLOCK_MONOTONIC, 0, &wrong, NULL), EINVAL);
	RETURNS(rump_sys_clock_nanosleep(CLOCK_MONOTONIC, 0, NULL, NULL), EFAULT);
	RETURNS(rump_sys_clock_getres(CLOCK_REALTIME, &time), 0);
	RETURNS(rump_sys_clock_getres(CLOCK_REALTIME, NULL), 0);
	FAILS(rump_sys_clock_getres(4711, NULL), EINVAL);
	time.tv_sec = 1000000000;
	time.tv_nsec = 5;
	RETURNS(rump_sys_clock_settime(CLOCK_REALTIME, &time), 0);
	RETURNS(rump_sys_gettimeofday(&tv, NULL), 0);
	CHECK(tv.tv_sec >= 1000000000 && tv.tv_sec < 1000000060);
	FAILS(rump_sys_clock_settime(CLOCK_REALTIME, &wrong), EINVAL);
	FAILS(rump_sys_clock_settime(CLOCK_REALTIME, NULL), EFAULT);
	FAILS(rump_sys_clock_settime(CLOCK_MONOTONIC, &time), EINVAL);
	FAILS(rump_sys_settimeofday(&wrong_tv, NULL), EINVAL);
	RETURNS(rump_sys_settimeofday(&tv, NULL), 0);
	RETURNS(rump_sys_seteuid(1), 0);
	FAILS(rump_sys_clock_settime(CLOCK_REALTIME, &time), EPERM);
	FAILS(rump_sys_settimeofday(&tv, NULL), EPERM);
	RETURNS(rump_sys_seteuid(0), 0);
}

static void
wait_for(volatile sig_atomic_t *counter, int least)
{
	struct timespec step = { 0, 1000000 };
	int rounds;

	for (rounds = 0; *counter < least && rounds < 5000; rounds++)
		(void)nanosleep(&step, NULL);
	CHECK(*counter >= least);
}

static void
timers(void)
{
	struct itimerval interval = { { 0, 2000 }, { 0, 2000 } }, off = { { 0, 0 }, { 0, 0 } }, before;
	struct itimerspec spec = { { 0, 0 }, { 0, 2000000 } }, was, wrong = { { 0, 0 }, { 0, -1 } };
	struct sigevent event;
	int timer, place;

	RETURNS(rump_sys_setitimer(ITIMER_REAL, &interval, NULL), 0);
	wait_for(&alarms, 3);
	RETURNS(rump_sys_getitimer(ITIMER_REAL, &before), 0);
	CHECK(before.it_interval.tv_usec == 2000);
	RETURNS(rump_sys_setitimer(ITIMER_REAL, &off, &before), 0);
	CHECK(before.it_interval.tv_usec == 2000);
	FAILS(rump_sys_getitimer(ITIMER_PROF, &before), EINVAL);
	FAILS(rump_sys_getitimer(17, &before), EINVAL);
	FAILS(rump_sys_getitimer(ITIMER_REAL, NULL), EFAULT);
	FAILS(rump_sys_setitimer(ITIMER_REAL, NULL, NULL), EFAULT);
	interval.it_value.tv_usec = 1000000;
	FAILS(rump_sys_setitimer(ITIMER_REAL, &interval, NULL), EINVAL);

	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = SIGUSR1;
	RETURNS(rump_sys_timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	RETURNS(rump_sys_timer_settime(timer, 0, &spec, &was), 0);
	CHECK(was.it_value.tv_sec == 0 && was.it_value.tv_nsec == 0);
	wait_for(&users, 1);
	RETURNS(rump_sys_timer_gettime(timer, &was), 0);
	RETURNS(rump_sys_timer_getoverrun(timer), 0);
	FAILS(rump_sys_timer_settime(timer, 0, &wrong, NULL), EINVAL);
	FAILS(rump_sys_timer_settime(timer, 0x70, &spec, NULL), EINVAL);
	FAILS(rump_sys_timer_settime(timer, 0, NULL, NULL), EFAULT);
	FAILS(rump_sys_timer_gettime(timer, NULL), EFAULT);
	RETURNS(rump_sys_timer_delete(timer), 0);
	FAILS(rump_sys_timer_delete(timer), EINVAL);
	FAILS(rump_sys_timer_delete(-1), EINVAL);
	FAILS(rump_sys_timer_gettime(timer, &was), EINVAL);
	FAILS(rump_sys_timer_getoverrun(timer), EINVAL);
	FAILS(rump_sys_timer_settime(timer, 0, &spec, NULL), EINVAL);
	event.sigev_notify = SIGEV_THREAD;
	FAILS(rump_sys_timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
	FAILS(rump_sys_timer_create(4711, NULL, &timer), EINVAL);
	FAILS(rump_sys_timer_create(CLOCK_MONOTONIC, NULL, NULL), EFAULT);
	for (place = 0; place < 32; place++)
		RETURNS(rump_sys_timer_create(CLOCK_REALTIME, NULL, &timer), 0);
	FAILS(rump_sys_timer_create(CLOCK_REALTIME, NULL, &timer), EAGAIN);
}

static void
semaphores(void)
{
	struct timespec past = { 5, 0 }, wrong = { 5, -1 };
	intptr_t plain = 0, named, other = 0;
	unsigned int value;

	RETURNS(rump_sys__ksem_init(1, &plain), 0);
	FAILS(rump_sys__ksem_init(1, NULL), EFAULT);
	FAILS(rump_sys__ksem_init(0xffffffffU, &other), EINVAL);
	RETURNS(rump_sys__ksem_wait(plain), 0);
	FAILS(rump_sys__ksem_trywait(plain), EAGAIN);
	FAILS(rump_sys__ksem_timedwait(plain, &past), ETIMEDOUT);
	FAILS(rump_sys__ksem_timedwait(plain, &wrong), EINVAL);
	FAILS(rump_sys__ksem_timedwait(plain, NULL), EFAULT);
	RETURNS(rump_sys__ksem_post(plain), 0);
	RETURNS(rump_sys__ksem_getvalue(plain, &value), 0);
	CHECK(value == 1);
	FAILS(rump_sys__ksem_getvalue(plain, NULL), EFAULT);
	FAILS(rump_sys__ksem_close(plain), EINVAL);
	RETURNS(rump_sys__ksem_destroy(plain), 0);
	FAILS(rump_sys__ksem_destroy(plain), EINVAL);
	FAILS(rump_sys__ksem_post(plain), EINVAL);
	FAILS(rump_sys__ksem_wait(-1), EINVAL);
	FAILS(rump_sys__ksem_open("/a", 0, 0, 0, &named), ENOENT);
	FAILS(rump_sys__ksem_open("a/b", O_CREAT, 0600, 0, &named), EINVAL);
	FAILS(rump_sys__ksem_open(NULL, O_CREAT, 0600, 0, &named), EFAULT);
	FAILS(rump_sys__ksem_open("/a", O_CREAT, 0600, 0, NULL), EFAULT);
	RETURNS(rump_sys__ksem_open("/a", O_CREAT | O_EXCL, 0600, 2, &named), 0);
	FAILS(rump_sys__ksem_open("/a", O_CREAT | O_EXCL, 0600, 2, &other), EEXIST);
	RETURNS(rump_sys__ksem_open("/a", 0, 0, 0, &other), 0);
	RETURNS(rump_sys__ksem_trywait(other), 0);
	RETURNS(rump_sys__ksem_getvalue(named, &value), 0);
	CHECK(value == 1);
	FAILS(rump_sys__ksem_destroy(named), EINVAL);
	RETURNS(rump_sys__ksem_unlink("/a"), 0);
	FAILS(rump_sys__ksem_unlink("/a"), ENOENT);
	RETURNS(rump_sys__ksem_close(named), 0);
}

static intptr_t waited;

/* One that is destroyed before it is waited for is followed by another. */
static void *
wait_once(void *unused)
{
	while (rump_sys__ksem_wait(__atomic_load_n(&waited, __ATOMIC_SEQ_CST)) != 0)
		RETURNS(errno, EINVAL);
	return unused;
}

/* Those of others, and more than there can be. */
static void
many_semaphores(void)
{
	static char long_name[300];
	static intptr_t made[8200];
	intptr_t named, most = 0, other, last = 0;
	struct timespec step = { 0, 1000000 };
	unsigned int value;
	pthread_t thread;
	int count, rounds;

	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[0] = '/';
	FAILS(rump_sys__ksem_open(long_name, O_CREAT, 0600, 0, &named), ENAMETOOLONG);
	FAILS(rump_sys__ksem_unlink(long_name), ENAMETOOLONG);
	FAILS(rump_sys__ksem_unlink(NULL), EFAULT);
	FAILS(rump_sys__ksem_unlink("a/b"), EINVAL);
	FAILS(rump_sys__ksem_getvalue(-1, &value), EINVAL);
	FAILS(rump_sys__ksem_trywait(-1), EINVAL);
	RETURNS(rump_sys__ksem_init(0x7fffffff, &most), 0);
	FAILS(rump_sys__ksem_post(most), EOVERFLOW);
	RETURNS(rump_sys__ksem_destroy(most), 0);

	RETURNS(rump_sys__ksem_open("/mine", O_CREAT, 0600, 0, &named), 0);
	RETURNS(rump_sys_seteuid(1), 0);
	FAILS(rump_sys__ksem_open("/mine", 0, 0, 0, &other), EACCES);
	FAILS(rump_sys__ksem_unlink("/mine"), EACCES);
	RETURNS(rump_sys_seteuid(0), 0);
	RETURNS(rump_sys__ksem_unlink("/mine"), 0);
	RETURNS(rump_sys__ksem_close(named), 0);
	other = RUMP_KSEM_SHARED;
	RETURNS(rump_sys__ksem_init(0, &other), 0);
	RETURNS(rump_sys_seteuid(1), 0);
	FAILS(rump_sys__ksem_destroy(other), EPERM);
	RETURNS(rump_sys_seteuid(0), 0);
	RETURNS(rump_sys__ksem_destroy(other), 0);

	RETURNS(rump_sys__ksem_init(0, &last), 0);
	waited = last;
	RETURNS(pthread_create(&thread, NULL, wait_once, NULL), 0);
	/* Until it waits there is nobody, and then the semaphore stays. */
	for (rounds = 0; rounds < 10000 && rump_sys__ksem_destroy(last) == 0; rounds++) {
		RETURNS(rump_sys__ksem_init(0, &last), 0);
		__atomic_store_n(&waited, last, __ATOMIC_SEQ_CST);
		(void)nanosleep(&step, NULL);
	}
	FAILS(rump_sys__ksem_destroy(last), EBUSY);
	RETURNS(rump_sys__ksem_post(last), 0);
	RETURNS(pthread_join(thread, NULL), 0);
	RETURNS(rump_sys__ksem_destroy(last), 0);

	for (count = 0; count < 8200; count++) {
		made[count] = RUMP_KSEM_SHARED;
		if (rump_sys__ksem_init(0, &made[count]) != 0)
			break;
	}
	CHECK(count > 1024 && count < 8200);
	made[count] = RUMP_KSEM_SHARED;
	FAILS(rump_sys__ksem_init(0, &made[count]), ENOSPC);
	FAILS(rump_sys__ksem_open("/new", O_CREAT, 0600, 0, &named), ENOSPC);
	while (count-- > 0)
		RETURNS(rump_sys__ksem_destroy(made[count]), 0);
	for (count = 0; count < 1100; count++)
		if (rump_sys__ksem_init(0, &made[count]) != 0)
			break;
	FAILS(rump_sys__ksem_init(0, &made[count]), EMFILE);
	FAILS(rump_sys__ksem_open("/new", O_CREAT, 0600, 0, &named), EMFILE);
	while (count-- > 0)
		RETURNS(rump_sys__ksem_destroy(made[count]), 0);
}

int
main(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = count_alarm;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
	RETURNS(rump_init(), 0);
	clocks();
	timers();
	semaphores();
	many_semaphores();
	return checked();
}
