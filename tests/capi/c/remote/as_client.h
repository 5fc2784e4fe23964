/* Included before a program that knows nothing of servers: its kernel is one's. */
#include <errno.h>

#include <rump/rump.h>
#include <rump/rumpclient.h>

static inline int
as_client(void)
{
	return rumpclient_init() == 0 ? 0 : errno;
}

#define rump_init() as_client()
/* What calls answer once the kernel is halted: the server has gone. */
#define HALTED ENOTCONN
