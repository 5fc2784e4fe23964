/* A race: two threads let the kernel fill one buffer. Both writes are the library's. */
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "crew.h"

#include <fcntl.h>

static char buffer[1 << 20];
static int fd;

static void
read_it(int number)
{
	int round;

	(void)number;
	/* At the same time: whoever is later is after the locks of whoever was earlier. */
	for (round = 0; round < 50; round++)
		RETURNS(rump_sys_pread(fd, buffer, sizeof(buffer), 0), sizeof(buffer));
}

int
main(void)
{
	RETURNS(rump_init(), 0);
	fd = rump_sys_open("/file", O_CREAT | O_RDWR, 0644);
	RETURNS(rump_sys_write(fd, buffer, sizeof(buffer)), sizeof(buffer));
	crew(2, read_it);
	return checked();
}
