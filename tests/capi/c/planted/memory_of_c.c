/* A race: two threads write a variable of C without a lock. */
#include <rump/rump.h>

#include "crew.h"

static volatile int unguarded;

static void
write_it(int number)
{
	unguarded = number;
}

int
main(void)
{
	RETURNS(rump_init(), 0);
	crew(2, write_it);
	return checked();
}
