/*
 * router BUS ADDRESS/BITS BUS ADDRESS/BITS: passes packets on between two buses, until its standard input ends.
 *
 * A kernel on one of them reaches the other with the router's address there as its router.
 */
#include <rump/rump_syscalls.h>

#include "bus.h"

int
main(int argc, char **argv)
{
	int yes = 1;

	if (argc != 5) {
		fprintf(stderr, "usage: %s BUS ADDRESS/BITS BUS ADDRESS/BITS\n", argv[0]);
		return 2;
	}
	works(rump_init(), "rump_init");
	join_bus(argv[1], argv[2]);
	join_bus(argv[3], argv[4]);
	need(rump_sys_sysctlbyname("net.inet.ip.forwarding", NULL, NULL, &yes, sizeof yes), "forwarding");
	puts("routing");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	need(rump_sys_reboot(0, NULL), "reboot");
	return 0;
}
