/* server URL...: a kernel with all components, which serves clients there until it is halted, or nobody's any more. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

int
main(int argc, char **argv)
{
	pid_t parent = getppid();
	int at, error = rump_init();

	for (at = 1; at < argc && error == 0; at++)
		error = rump_init_server(argv[at]);
	if (error != 0) {
		fprintf(stderr, "server: %s\n", strerror(error));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (rump_sys_poll(NULL, 0, 200) == 0 && getppid() == parent)
		continue;
	return 0;
}
