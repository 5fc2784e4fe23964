/* What becomes of signals: rump_boot_setsigmodel, each model in a process of its own. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

static volatile sig_atomic_t alarms, pipes;

static void
count_signal(int number)
{
	if (number == SIGALRM)
		alarms++;
	else
		pipes++;
}

/* Writes where nobody reads, which raises SIGPIPE. */
static void
break_pipe(void)
{
	int ends[2];

	RETURNS(rump_sys_pipe(ends), 0);
	RETURNS(rump_sys_close(ends[0]), 0);
	FAILS(rump_sys_write(ends[1], "x", 1), EPIPE);
	RETURNS(rump_sys_close(ends[1]), 0);
}

/* A timer that raises SIGALRM again and again, or none. */
static void
alarm_every(int microseconds)
{
	struct itimerval timer;

	memset(&timer, 0, sizeof timer);
	timer.it_value.tv_usec = timer.it_interval.tv_usec = microseconds;
	RETURNS(rump_sys_setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void
only(sigset_t *set, int number)
{
	sigemptyset(set);
	sigaddset(set, number);
}

/* Nothing is kept, and no call is ended. */
static void
keeps_nothing(void)
{
	struct timespec none = { 0, 0 };
	sigset_t set;

	RETURNS(rump_sys_sigpending(&set), 0);
	CHECK(sigismember(&set, SIGPIPE) == 0 && sigismember(&set, SIGALRM) == 0);
	sigfillset(&set);
	FAILS(rump_sys_sigtimedwait(&set, NULL, &none), EAGAIN);
}

static void
panics(void)
{
	break_pipe();
}

static void
ignores(void)
{
	struct timespec time = { 0, 100000000 };

	break_pipe();
	alarm_every(20000);
	RETURNS(rump_sys_nanosleep(&time, NULL), 0);
	alarm_every(0);
	keeps_nothing();
}

static void
raises(void)
{
	struct sigaction action;
	struct timespec time = { 100, 0 };

	memset(&action, 0, sizeof action);
	action.sa_handler = count_signal;
	CHECK(sigaction(SIGPIPE, &action, NULL) == 0 && sigaction(SIGALRM, &action, NULL) == 0);
	break_pipe();
	CHECK(pipes == 1);
	alarm_every(20000);
	FAILS(rump_sys_nanosleep(&time, NULL), EINTR);
	alarm_every(0);
	CHECK(alarms >= 1);
	keeps_nothing();
	/* What the program ignores ends no call. */
	action.sa_handler = SIG_IGN;
	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	time.tv_sec = 0;
	time.tv_nsec = 100000000;
	alarm_every(20000);
	RETURNS(rump_sys_nanosleep(&time, NULL), 0);
	alarm_every(0);
}

static void
records(void)
{
	struct timespec none = { 0, 0 }, long_time = { 100, 0 }, wrong = { 0, 1000000000 };
	siginfo_t info;
	sigset_t set, pending, nothing;

	/* The host's would end the program. */
	break_pipe();
	break_pipe();
	RETURNS(rump_sys_sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGPIPE) == 1 && sigismember(&pending, SIGALRM) == 0);
	only(&set, SIGUSR1);
	FAILS(rump_sys_sigtimedwait(&set, NULL, &none), EAGAIN);
	only(&set, SIGPIPE);
	memset(&info, 0xff, sizeof info);
	RETURNS(rump_sys_sigtimedwait(&set, &info, &none), SIGPIPE);
	CHECK(info.si_signo == SIGPIPE);
	FAILS(rump_sys_sigtimedwait(&set, NULL, &none), EAGAIN);
	RETURNS(rump_sys_sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGPIPE) == 0);
	FAILS(rump_sys_sigpending(NULL), EFAULT);
	FAILS(rump_sys_sigtimedwait(NULL, NULL, &none), EFAULT);
	FAILS(rump_sys_sigtimedwait(&set, NULL, &wrong), EINVAL);

	/* It waits for what comes, and is ended by another. */
	alarm_every(20000);
	FAILS(rump_sys_sigtimedwait(&set, NULL, &long_time), EINTR);
	only(&set, SIGALRM);
	RETURNS(rump_sys_sigtimedwait(&set, NULL, NULL), SIGALRM);
	RETURNS(rump_sys_sigtimedwait(&set, NULL, &long_time), SIGALRM);
	FAILS(rump_sys_nanosleep(&long_time, NULL), EINTR);
	alarm_every(0);

	/* As at the host, where a signal waits because it is blocked. */
	sigemptyset(&nothing);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGALRM) == 0);
	signal(SIGALRM, count_signal);
	RETURNS(pselect(0, NULL, NULL, NULL, &none, &set), 0);
	RETURNS(rump_sys_pselect(0, NULL, NULL, NULL, &none, &set), 0);
	RETURNS(pselect(0, NULL, NULL, NULL, &none, NULL), 0);
	RETURNS(rump_sys_pselect(0, NULL, NULL, NULL, &none, NULL), 0);
	RETURNS(rump_sys_pollts(NULL, 0, &none, &set), 0);
	FAILS(rump_sys_pselect(0, NULL, NULL, NULL, &none, &nothing), EINTR);
	FAILS(pselect(0, NULL, NULL, NULL, &none, &nothing), EINTR);
	FAILS(rump_sys_pollts(NULL, 0, &none, &nothing), EINTR);
	CHECK(alarms == 1);
}

/* How a process ends that boots with a model. */
static int
ends(enum rump_sigmodel model, void (*body)(void))
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		check_count = check_failures = 0;
		rump_boot_setsigmodel(model);
		RETURNS(rump_init(), 0);
		body();
		checked();
		fflush(stdout);
		_exit(check_failures != 0);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	return status;
}

int
main(void)
{
	int status = ends(RUMP_SIGMODEL_PANIC, panics);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	RETURNS(ends(RUMP_SIGMODEL_IGNORE, ignores), 0);
	RETURNS(ends(RUMP_SIGMODEL_RAISE, raises), 0);
	RETURNS(ends(RUMP_SIGMODEL_RECORD, records), 0);
	return checked();
}
