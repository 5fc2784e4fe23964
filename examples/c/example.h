/* What the examples share: an error ends the program with a line that names what failed. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void
fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	exit(1);
}

/* For calls that answer -1 and errno; answers what they answer. */
static inline long
need(long answer, const char *what)
{
	if (answer == -1)
		fail(what, errno);
	return answer;
}

/* For calls that answer an error number. */
static inline void
works(int error, const char *what)
{
	if (error != 0)
		fail(what, error);
}

#endif
