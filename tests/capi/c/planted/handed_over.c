/* A race: a byte that another thread sent says nothing of what it does afterwards. */
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "crew.h"

#include <sys/socket.h>
#include <unistd.h>

static int ends[2];
static volatile int before, after;

static void
hand_over(int number)
{
	char byte = 'x';

	if (number == 0) {
		before = 1;
		RETURNS(rump_sys_write(ends[0], &byte, 1), 1);
		after = 1;
	} else {
		RETURNS(rump_sys_read(ends[1], &byte, 1), 1);
		RETURNS(before, 1);
		usleep(20000);
		CHECK(after <= 1);
	}
}

int
main(void)
{
	RETURNS(rump_init(), 0);
	RETURNS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	crew(2, hand_over);
	return checked();
}
