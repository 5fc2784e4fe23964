/* What the tests of the C interface say and count, in whichever thread. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int check_count, check_failures;

/* Relaxed: a check orders nothing, or it would hide what a program does without order. */
static inline int
count_(int *counter, int more)
{
	return __atomic_add_fetch(counter, more, __ATOMIC_RELAXED);
}

static inline int
check_(int holds, const char *what, const char *file, int line)
{
	(void)count_(&check_count, 1);
	if (!holds) {
		(void)count_(&check_failures, 1);
		printf("%s:%d: %s\n", file, line, what);
	}
	return holds;
}

/* `name` is the error number as the source names it: what is read there is what was checked. */
static inline void
answers_(long got, long wanted, int number, const char *what, const char *name, const char *file, int line)
{
	int error = errno;

	(void)count_(&check_count, 1);
	if (got == wanted && (number == 0 || error == number))
		return;
	(void)count_(&check_failures, 1);
	printf("%s:%d: %s: answered %ld", file, line, what, got);
	if (got == -1)
		printf(" (%s)", strerror(error));
	if (number != 0)
		printf(", not -1 (%s)\n", name);
	else
		printf(", not %ld (%s)\n", wanted, name);
}

/* The end of main: says how many there were; the exit status. */
static inline int
checked(void)
{
	printf("%d checks, %d failed\n", check_count, check_failures);
	return check_failures != 0 || check_count == 0;
}

/* Something holds. */
#define CHECK(c) ((void)check_((c) != 0, #c, __FILE__, __LINE__))
/* A call answers a number, which may be an error number. */
#define RETURNS(call, wanted) answers_((long)(call), (long)(wanted), 0, #call, #wanted, __FILE__, __LINE__)
/* A call answers -1 and sets errno. */
#define FAILS(call, number) answers_((long)(call), -1, (number), #call, #number, __FILE__, __LINE__)
/* A call answers NULL and sets errno. */
#define FAILS_NULL(call, number) \
	answers_((call) == NULL ? -1 : 0, -1, (number), #call, #number, __FILE__, __LINE__)

#endif
